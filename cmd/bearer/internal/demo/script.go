package demo

import (
	"sync"
	"time"
)

// What happens in a run, by the fraction of the batch that has been started: by
// time, a slow Subject would have more of it than a fast one.
//
// The revocation comes in the middle of the first token's lifetime, also if a
// slow machine has started less of the batch by then. Later, chance would
// decide whether it comes just before or just after a refresh, and so how much
// longer the revoked token would have been valid; just after one, requests meet
// the revocation of both tokens.
const (
	revokeAt   = 0.20
	outageAt   = 0.60 // from here on the next token request begins it
	redirectAt = 0.85
)

// event is what happened in a run, for the report.
type event struct {
	// Both are since the run began. until is zero for what takes no time.
	at, until time.Duration
	kind      eventKind
}

type eventKind string

const (
	expiry     eventKind = "expiry"
	revocation eventKind = "revocation"
	outage     eventKind = "outage"
	redirect   eventKind = "redirect"
)

// script makes things happen when the batch reaches their place in it.
type script struct {
	steps []*step
	clock func() time.Duration

	// mu guards events: two workers may reach two steps at once.
	mu     sync.Mutex
	events []event
}

type step struct {
	at   int           // the request that starts it
	by   time.Duration // or the time, if that comes first; 0: none
	kind eventKind
	do   func()
	once sync.Once
}

func newScript(b Batch, w *world, clock func() time.Duration) *script {
	at := func(fraction float64) int { return int(fraction * float64(b.Requests)) }
	return &script{clock: clock, steps: []*step{
		{at: at(revokeAt), by: tokenDelay + b.Lifetime()/2, kind: revocation, do: w.revokeAll},
		{at: at(outageAt), kind: outage, do: w.armOutage},
		{at: at(redirectAt), kind: redirect, do: w.redirectOne},
	}}
}

// reached is called once for each request, with its number, before it is sent.
func (s *script) reached(request int) {
	for _, step := range s.steps {
		if request < step.at && (step.by == 0 || s.clock() < step.by) {
			continue
		}
		step.once.Do(func() {
			step.do()
			s.mu.Lock()
			s.events = append(s.events, event{at: s.clock(), kind: step.kind})
			s.mu.Unlock()
		})
	}
}

// timeline returns what happened in a batch that is done. An outage begins with
// the first token request that it refuses, and a revoked token does not expire.
func (s *script) timeline(b Batch, calls []tokenCall) []event {
	var events []event
	revoked := time.Duration(-1)
	for _, e := range s.events {
		switch e.kind {
		case outage:
			continue // only armed
		case revocation:
			revoked = e.at
		}
		events = append(events, e)
	}
	out := false
	for _, c := range calls {
		expires := c.end + b.Lifetime()
		switch {
		case c.refused && !out:
			out = true
			events = append(events, event{at: c.start, until: c.start + b.Outage(), kind: outage})
		case c.issued && (revoked < c.end || revoked > expires):
			events = append(events, event{at: expires, kind: expiry})
		}
	}
	return events
}
