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
// of a whole refresh, retries included: one refresh is one event. A
// *gobreaker.TwoStepCircuitBreaker of github.com/sony/gobreaker/v2 is one as it
// is.
//
// Allow returns an error when the endpoint is not to be asked; otherwise done
// is called exactly once. Its argument is nil when the endpoint is well, which
// includes answers like invalid_grant: they are about the credential. Allow and
// done may be called by several goroutines at once.
type Breaker interface {
	Allow() (done func(error), err error)
}

// CircuitBreaker is the default [Breaker]. One breaker is meant for one token
// endpoint: Caches of many users at the same server share one. The zero value
// is ready to use and has the recommended values; it must not be copied after
// first use and may be used by many goroutines at once.
//
// It opens after some failures in a row, and also when at least ten refreshes
// were tried within a minute and half of them failed. After OpenFor it lets one
// refresh through, whose outcome closes it or opens it again. It does not stay
// open beyond the expiry of the valid token behind which it opened: the endpoint
// may be well by then.
type CircuitBreaker struct {
	// Failures in a row open the breaker. Zero: 5.
	Failures uint32

	// OpenFor is how long the breaker stays open. Zero or less: 30 s.
	OpenFor time.Duration

	init    sync.Once // makes breaker
	breaker *gobreaker.TwoStepCircuitBreaker[struct{}]

	mu      sync.Mutex // guards what follows; taken inside gobreaker's lock, never the other way round
	changes []stateChange
	opens   time.Time // when the breaker, now open, lets somebody through
}

type stateChange struct{ from, to string }

// The failure rate is taken over a minute: with fewer than ten refreshes in
// it, the failures in a row say it all.
const (
	rateWindow  = time.Minute
	rateBuckets = 6
	rateMinimum = 10
)

// Allow implements [Breaker]. Its error is [ErrBreakerOpen].
func (b *CircuitBreaker) Allow() (done func(error), err error) {
	b.init.Do(b.start)
	if b.retryAfter() > 0 {
		return nil, ErrBreakerOpen
	}
	done, err = b.breaker.Allow()
	if err != nil {
		return nil, ErrBreakerOpen
	}
	return done, nil
}

func (b *CircuitBreaker) start() {
	failures := b.Failures
	if failures == 0 {
		failures = 5
	}
	openFor := b.OpenFor
	if openFor <= 0 {
		openFor = 30 * time.Second
	}
	b.breaker = gobreaker.NewTwoStepCircuitBreaker[struct{}](gobreaker.Settings{
		Interval:     rateWindow,
		BucketPeriod: rateWindow / rateBuckets,
		Timeout:      1, // the least: how long it stays open is for opens to say
		ReadyToTrip: func(n gobreaker.Counts) bool {
			return n.ConsecutiveFailures >= failures ||
				n.Requests >= rateMinimum && 2*n.TotalFailures >= n.Requests
		},
		IsExcluded: func(err error) bool { return errors.Is(err, context.Canceled) },
		// Called under gobreaker's lock: only noted here, and told to the
		// hooks by the Cache that caused it.
		OnStateChange: func(_ string, from, to gobreaker.State) {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.changes = append(b.changes, stateChange{from.String(), to.String()})
			if to == gobreaker.StateOpen {
				b.opens = time.Now().Add(openFor)
			}
		},
	})
}

// openAtMost lets the breaker stay open for d from now at the most; zero does
// not count.
func (b *CircuitBreaker) openAtMost(d time.Duration) {
	if d == 0 {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if t := time.Now().Add(d); t.Before(b.opens) {
		b.opens = t
	}
}

// takeChanges returns the state changes since the last call.
func (b *CircuitBreaker) takeChanges() []stateChange {
	b.mu.Lock()
	defer b.mu.Unlock()
	c := b.changes
	b.changes = nil
	return c
}

// retryAfter is how long the breaker stays open; zero if it is not.
func (b *CircuitBreaker) retryAfter() time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	return max(0, time.Until(b.opens))
}

// NoBreaker is a [Breaker] that lets everything through.
var NoBreaker Breaker = noBreaker{}

type noBreaker struct{}

func (noBreaker) Allow() (func(error), error) { return func(error) {}, nil }

// endpointFailure is what a Breaker is told about a refresh that ended with
// err: nil when the authorization server answered as one that is well.
func endpointFailure(err error) error {
	if err == nil || permanent(err) {
		return nil
	}
	return err
}

// openError is the error of a refresh that the Breaker refused, with the
// failure that made it so, which last is or has in it already.
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
