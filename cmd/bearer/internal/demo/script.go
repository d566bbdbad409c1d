package demo

import (
	"sync"
	"time"
)

// What happens in a run, by the fraction of the batch that has been started.
// It is no matter of time: a slow Subject must not escape the end of it.
//
// The revocation is in the middle of everybody's first token. Any later, and
// chance would decide whether it comes just before or just after a renewal,
// that is how long the tokens it takes would have lived.
const (
	revokeAt   = 0.20
	outageAt   = 0.60 // from here on the next token request begins it
	redirectAt = 0.85
)

// event is something that happened, for the report.
type event struct {
	at, until time.Duration // since the run's beginning; until is zero for a moment
	kind      eventKind
}

type eventKind string

const (
	expiry     eventKind = "expiry"
	revocation eventKind = "revocation"
	outage     eventKind = "outage"
	redirect   eventKind = "redirect"
)

// script lets things happen when the batch comes to them.
type script struct {
	steps []step
	clock func() time.Duration

	mu     sync.Mutex // guards events; two workers may come to two steps at once
	events []event
}

type step struct {
	at   int // the request that starts it
	kind eventKind
	do   func()
}

func newScript(b Batch, w *world, clock func() time.Duration) *script {
	at := func(fraction float64) int { return int(fraction * float64(b.Requests)) }
	return &script{clock: clock, steps: []step{
		{at(revokeAt), revocation, w.revokeAll},
		{at(outageAt), outage, w.armOutage},
		{at(redirectAt), redirect, w.redirectOne},
	}}
}

// reached is called once with the number of each request, before it is sent.
func (s *script) reached(request int) {
	for _, step := range s.steps {
		if step.at == request {
			step.do()
			s.mu.Lock()
			s.events = append(s.events, event{at: s.clock(), kind: step.kind})
			s.mu.Unlock()
		}
	}
}

// timeline is what happened, once the batch is done. An outage began with the
// first token request that was refused, and a token that was revoked does not
// expire.
func (s *script) timeline(b Batch, calls []tokenCall) []event {
	var events []event
	revoked := time.Duration(-1)
	for _, e := range s.events {
		switch e.kind {
		case outage:
			continue // armed, which nobody sees
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
