package bearer

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/sony/gobreaker/v2"
)

// A Breaker decides whether a token endpoint may be asked. It stands in front
// of a whole refresh: the refresh and its repeats are one event. A
// *gobreaker.TwoStepCircuitBreaker of github.com/sony/gobreaker/v2 is a Breaker
// as it is.
//
// Allow returns an error if the endpoint must not be asked; otherwise done is
// called exactly once. Pass nil to done if the endpoint is healthy.
// invalid_grant counts as healthy: it concerns the credential. Both may be
// called by several goroutines at once.
type Breaker interface {
	Allow() (done func(error), err error)
}

// CircuitBreaker is the default [Breaker]. One breaker is meant for one token
// endpoint: the Caches of many users at the same server share it. The zero
// value is ready to use and has the recommended values. A CircuitBreaker must
// not be copied after first use and may be used by many goroutines at once.
//
// After a first failure it admits one trial at a time, for all Caches that
// share it; a success ends the pauses of them all. It opens when the failures in
// a row span [Cache.RetryFor]. It stays open for about a quarter of the time that
// the outage has lasted, at least a second and at most OpenFor, and then admits
// one trial, whose outcome closes it or opens it again.
type CircuitBreaker struct {
	// OpenFor is the longest time for which the breaker stays open. Zero or
	// less: 30 s.
	OpenFor time.Duration

	outage outage // when to ask

	init    sync.Once // makes circuit
	circuit *gobreaker.TwoStepCircuitBreaker[struct{}]

	mu      sync.Mutex // guards changes; taken inside gobreaker's lock, never the other way round
	changes []stateChange
}

type stateChange struct{ from, to string }

func (b *CircuitBreaker) openFor() time.Duration {
	if b.OpenFor > 0 {
		return b.OpenFor
	}
	return longestPause
}

// Allow implements [Breaker]. Its error is [ErrBreakerOpen].
func (b *CircuitBreaker) Allow() (done func(error), err error) {
	t, ok := b.outage.enterNow()
	if !ok {
		return nil, ErrBreakerOpen
	}
	return b.pass(t, limits{retryFor: defaultRetryFor}), nil
}

// pass lets the holder of t through, and returns what to tell the outcome to.
// gobreaker has the state: closed, open or half-open. When to ask is the
// outage's to say, so what gobreaker would refuse has been refused already, but
// for a trial that a caller of Allow begins between two trials of the outage.
func (b *CircuitBreaker) pass(t turn, l limits) (done func(error)) {
	l.openFor = b.openFor()
	tell, err := b.gobreaker().Allow()
	if err != nil {
		tell = func(error) {}
	}
	return func(err error) {
		b.outage.leave(t, l, err)
		tell(err) // after the outage, which ReadyToTrip reads
	}
}

func (b *CircuitBreaker) gobreaker() *gobreaker.TwoStepCircuitBreaker[struct{}] {
	b.init.Do(func() {
		b.circuit = gobreaker.NewTwoStepCircuitBreaker[struct{}](gobreaker.Settings{
			Timeout:     1, // the shortest: the outage says when a trial is due
			ReadyToTrip: func(gobreaker.Counts) bool { return b.outage.outlook().open },
			IsExcluded:  cancelled,
			// Called under gobreaker's lock: only noted here. The Cache that
			// caused the change tells its hooks.
			OnStateChange: func(_ string, from, to gobreaker.State) {
				b.mu.Lock()
				defer b.mu.Unlock()
				if len(b.changes) < 8 { // without a Cache they are never taken
					b.changes = append(b.changes, stateChange{from.String(), to.String()})
				}
			},
		})
	})
	return b.circuit
}

// takeChanges returns the state changes since the last call.
func (b *CircuitBreaker) takeChanges() []stateChange {
	b.mu.Lock()
	defer b.mu.Unlock()
	c := b.changes
	b.changes = nil
	return c
}

// NoBreaker is a [Breaker] that lets everything through.
var NoBreaker Breaker = noBreaker{}

type noBreaker struct{}

func (noBreaker) Allow() (func(error), error) { return func(error) {}, nil }

func cancelled(err error) bool { return errors.Is(err, context.Canceled) }

// openError is the error of a refresh that a Breaker refused with refused,
// after the failure last, which may be nil.
func openError(refused, last error) error {
	if errors.Is(last, ErrBreakerOpen) {
		return last
	}
	if !errors.Is(refused, ErrBreakerOpen) {
		refused = fmt.Errorf("%w (%w)", ErrBreakerOpen, refused)
	}
	if last != nil {
		refused = fmt.Errorf("%w after: %w", refused, last)
	}
	return refused
}
