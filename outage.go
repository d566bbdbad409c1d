package bearer

import (
	"context"
	"sync"
	"time"

	"example.com/bearer/internal/instant"
)

// An outage is a run of failures of a token endpoint, and the schedule by
// which the endpoint is asked until it is over. The Caches that share a
// [CircuitBreaker] share one: after a first failure one of them at a time makes
// a trial, the others wait for its outcome, and a success lets all of them go on.
// The zero value is a healthy endpoint.
type outage struct {
	mu       sync.Mutex    // guards what follows
	failures int           // trials that failed; 0: the endpoint is healthy
	since    instant.Time  // of the first failure
	last     instant.Time  // of the latest one
	span     time.Duration // that opens the breaker: RetryFor of the Cache that failed last
	next     instant.Time  // no trial begins before
	trial    bool          // one is under way
	moved    chan struct{} // closed when a trial ends; nil if no caller waits for it
}

// defaultRetryFor is [Cache.RetryFor] when that is zero, and the span of
// failures that opens a breaker when nothing is repeated.
const defaultRetryFor = 5 * time.Second

// A turn is the permission to ask the endpoint once.
type turn struct {
	trial bool // the endpoint has failed, and this is the one trial
}

// enter waits until the caller may ask the endpoint, at most for patience;
// with none it does not wait. The error is ErrBreakerOpen, or that of ctx.
func (o *outage) enter(ctx context.Context, patience time.Duration) (turn, error) {
	giveUp := instant.Now().Add(patience)
	for {
		o.mu.Lock()
		now := instant.Now()
		if o.failures == 0 {
			o.mu.Unlock()
			return turn{}, nil
		}
		if !o.trial && o.next.Reached(now) {
			o.trial = true
			o.mu.Unlock()
			return turn{trial: true}, nil
		}
		wake := o.next
		if o.trial {
			wake = giveUp
		}
		if o.open() || patience <= 0 || giveUp.Reached(now) || !wake.Reached(giveUp) {
			o.mu.Unlock()
			return turn{}, ErrBreakerOpen
		}
		if o.moved == nil {
			o.moved = make(chan struct{})
		}
		moved := o.moved
		o.mu.Unlock()

		timer := time.NewTimer(wake.Until(now))
		select {
		case <-moved:
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return turn{}, contextErr(ctx)
		}
		timer.Stop()
	}
}

// enterNow is enter without waiting, also for the pause between two trials.
func (o *outage) enterNow() (t turn, ok bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.failures == 0 {
		return turn{}, true
	}
	if o.trial || o.open() && !o.next.Reached(instant.Now()) {
		return turn{}, false
	}
	o.trial = true
	return turn{trial: true}, true
}

// open reports whether the failures span so much time that callers no longer
// wait for trials. The caller holds mu.
func (o *outage) open() bool { return o.failures > 0 && o.since.Since(o.last) >= o.span }

// limits are what a failure means to the Cache that met it.
type limits struct {
	retryFor time.Duration        // failures that span it open the breaker
	openFor  time.Duration        // the longest pause
	expiry   func() time.Duration // how long the token is still valid; nil or 0: it is not
}

// leave ends a turn with its outcome: nil if the endpoint is healthy. A
// cancelled one says nothing about the endpoint.
func (o *outage) leave(t turn, l limits, outcome error) {
	switch {
	case outcome == nil:
		o.mu.Lock()
		defer o.mu.Unlock()
		o.failures = 0
		o.wake()
	case cancelled(outcome):
		o.withdraw(t)
	default:
		o.fail(t, l)
	}
}

// withdraw ends a turn that was not used.
func (o *outage) withdraw(t turn) {
	if !t.trial {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.wake()
}

// fail notes a failure and schedules the next trial.
func (o *outage) fail(t turn, l limits) {
	o.mu.Lock()
	defer o.mu.Unlock()
	now := instant.Now()
	if o.failures > 0 && o.last.Since(now)-l.openFor > l.retryFor {
		o.failures = 0 // the last failure is too long ago to be of the same outage
	}
	if o.failures > 0 && !t.trial {
		return // it was begun before the outage, which is known already
	}
	if o.failures == 0 {
		o.since = now
	}
	o.failures++
	o.last, o.span = now, l.retryFor
	lasted := o.since.Since(now)
	if lasted < o.span {
		// The last trial within the span is at its end, so that callers have
		// waited for all of it.
		o.next = now.Add(min(trialPause(o.failures), o.span-lasted))
	} else {
		pause := openPause(lasted, l.openFor)
		if l.expiry != nil {
			if left := l.expiry(); left > 0 {
				pause = min(pause, left) // the endpoint is asked before callers are refused
			}
		}
		o.next = now.Add(pause)
	}
	o.wake()
}

// wake ends the trial and has those who wait look again. The caller holds mu.
func (o *outage) wake() {
	o.trial = false
	if o.moved != nil {
		close(o.moved)
		o.moved = nil
	}
}

// state returns the breaker's state as [Status] shows it. gobreaker's would be
// half-open as soon as it opened, for it does not know when a trial is due.
func (o *outage) state() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case !o.open():
		return "closed"
	case o.trial:
		return "half-open"
	}
	return "open"
}

// outlook returns what callers should know of the endpoint.
func (o *outage) outlook() outlook {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.failures == 0 {
		return outlook{trial: o.next}
	}
	return outlook{open: o.open(), trial: o.next, since: o.since}
}
