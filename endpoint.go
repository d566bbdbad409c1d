package bearer

import (
	"context"
	"errors"
	"reflect"
	"sync"
	"time"

	"example.com/bearer/internal/instant"
	"example.com/bearer/internal/mistake"
)

// An endpoint is a Source with its Breaker, which is asked first.
type endpoint struct {
	source  Source
	foreign Breaker // asked once for a refresh; nil if the Breaker is a CircuitBreaker
	limits  limits
	repeats bool // while callers wait
	slot    *slot

	// since is when the endpoint first failed in a row, if another process told
	// of it.
	since instant.Time

	// ready is called right before each attempt with a refresh token. Nothing is
	// sent if it fails.
	ready func(context.Context) error

	// circuit paces the trials of an endpoint that fails, and is the Breaker
	// if foreign is nil. It is nil until there was a failure, unless it is
	// shared; start then makes it.
	circuit func() *CircuitBreaker
	start   func() *CircuitBreaker
}

var errNoSource = mistake.New("there is no valid token, and Cache.Source is nil: set it, or call Cache.Set")

// refreshes reports whether the Source can redeem t's refresh token.
func (e *endpoint) refreshes(t *Token) bool {
	_, ok := e.source.(Refresher)
	return ok && t != nil && t.RefreshToken != ""
}

// An interest is how much a token is wanted that an endpoint is asked for.
type interest int

const (
	dropped   interest = iota // not at all: what it would succeed was replaced
	unawaited                 // no caller waits for it
	awaited
)

// ask obtains a token: by prev's refresh token, or from scratch if prev is
// nil. While the token is awaited, it repeats what may be repeated for RetryFor, and not
// before the time that a Retry-After names. One call is one event for a foreign
// Breaker; a CircuitBreaker hears of each attempt. last is how the refresh before
// this one failed, if it did.
func (e *endpoint) ask(ctx context.Context, prev *Token, interest func(failed error) interest, last error) (t *Token, err error) {
	if e.source == nil {
		return nil, errNoSource
	}
	if isNil(e.source) {
		return nil, mistake.Errorf("Cache.Source is a nil %T: set it", e.source)
	}
	since := instant.Now() // the beginning, or the first failure: RetryFor is from it on
	if e.since != (instant.Time{}) {
		since = e.since
	}
	var asked time.Duration // the pause that the server asked for
	for n := 0; ; {         // failures
		left := time.Duration(0)
		if e.repeats && interest(err) == awaited {
			left = e.limits.retryFor - since.Since(instant.Now())
		}
		if n > 0 && left <= asked {
			return nil, err
		}
		giveUp := instant.Now().Add(left)
		sleep(ctx, asked)
		leave, refused := e.enter(ctx, left-asked)
		if refused != nil {
			if n == 0 {
				err = e.refused(refused, last)
			}
			return nil, err
		}
		if !e.slot.takeNow() {
			if n == 0 {
				leave(context.Canceled) // the turn is for those who have a slot
				if err := e.slot.take(ctx); err != nil {
					return nil, err
				}
				continue
			}
			if e.slot.takeSoon(ctx, giveUp.Until(instant.Now())) != nil {
				leave(context.Canceled)
				return nil, err
			}
		}
		if want := interest(err); ctx.Err() != nil || want == dropped || n > 0 && want != awaited {
			leave(context.Canceled) // a turn that is not used says nothing
			switch {
			case n > 0:
			case ctx.Err() != nil:
				err = contextErr(ctx)
			default:
				err = errReplaced // while it waited for its turn
			}
			return nil, err
		}
		if prev != nil && e.ready != nil {
			if unready := e.ready(ctx); unready != nil {
				leave(context.Canceled)
				if n == 0 || unready == errReplaced {
					err = unready
				}
				return nil, err
			}
		}
		if n == 0 && e.foreign != nil {
			tell, refused := e.admit(ctx, leave)
			if refused != nil {
				return nil, &TokenError{Err: openError(refused, last), RetryAfter: shortestPause}
			}
			err = errGoexit // unless the loop ends
			defer func() { tell(endpointFailure(err)) }()
		}
		t, err = e.attempt(ctx, prev, leave)
		e.slot.free()
		if err == nil || kindOf(err) != sick {
			return t, err
		}
		asked = retryAfter(err, time.Now())
		if n == 0 && e.since == (instant.Time{}) {
			since = instant.Now()
		}
		n++
	}
}

// admit asks the foreign Breaker, and ends the turn unless it lets the refresh
// through.
func (e *endpoint) admit(ctx context.Context, leave func(error)) (tell func(error), err error) {
	admitted := false
	defer func() {
		if !admitted {
			leave(context.Canceled)
		}
	}()
	done, err := e.foreign.Allow()
	if err != nil {
		return nil, err
	}
	admitted = true
	return once(ctx, aside(ctx, done)), nil
}

// enter waits for this Cache's turn to ask, at most for patience.
func (e *endpoint) enter(ctx context.Context, patience time.Duration) (leave func(error), err error) {
	b := e.circuit()
	if b == nil {
		return func(err error) {
			if err != nil && !cancelled(err) {
				e.leave(e.start(), turn{})(err)
			}
		}, nil
	}
	t, err := b.outage.enter(ctx, 0)
	if err != nil && patience > 0 {
		e.slot.free() // for those whose endpoint is well
		t, err = b.outage.enter(ctx, patience)
	}
	if err != nil {
		return nil, err
	}
	return e.leave(b, t), nil
}

// leave is what tells b the outcome of the turn t.
func (e *endpoint) leave(b *CircuitBreaker, t turn) func(error) {
	if e.foreign == nil {
		return b.pass(t, e.limits)
	}
	return func(err error) { b.outage.leave(t, e.limits, err) }
}

// refused is the error of a refresh that was not this Cache's turn to make.
func (e *endpoint) refused(err, last error) error {
	switch {
	case !errors.Is(err, ErrBreakerOpen):
		return err // ctx ended
	case e.foreign != nil && last != nil:
		return &pauseError{last} // only the pause before the next trial
	}
	return openError(err, last)
}

// attempt asks the Source once, and ends the turn with the outcome: also if
// the Source panics, calls runtime.Goexit, or does not return in time.
func (e *endpoint) attempt(ctx context.Context, prev *Token, leave func(error)) (t *Token, err error) {
	tell := once(ctx, leave)
	err = errGoexit // unless the Source returns
	defer func() {
		if p := recover(); p != nil {
			t, err = nil, panicked(p)
		}
		tell(endpointFailure(err))
	}()
	t, err = e.obtain(ctx, prev)
	return t, err
}

func (e *endpoint) obtain(ctx context.Context, prev *Token) (t *Token, err error) {
	if prev == nil {
		t, err = e.source.Token(ctx)
	} else {
		t, err = e.source.(Refresher).Refresh(ctx, prev)
		if err == nil && t != nil && t.RefreshToken == "" {
			kept := *t
			kept.RefreshToken = prev.RefreshToken
			t = &kept
		}
	}
	if err != nil {
		return nil, withoutBody(err)
	}
	if err := check(t); err != nil {
		return nil, err
	}
	if prev != nil && t.RefreshToken != prev.RefreshToken {
		return t, nil // it is prev's successor, however long it was under way
	}
	if err := checkExpiry(t, time.Now()); err != nil {
		return nil, err
	}
	return t, nil
}

// isNil reports whether v, which is not a nil interface, is a nil pointer.
func isNil(v any) bool {
	r := reflect.ValueOf(v)
	return r.Kind() == reflect.Pointer && r.IsNil()
}

// aside makes done, which is a foreign Breaker's, a function that runs it in a
// new goroutine and waits for it until ctx ends. A done that panics, hangs or
// calls runtime.Goexit must not cost the token that the Source has returned.
func aside(ctx context.Context, done func(error)) func(error) {
	return func(err error) {
		returned := make(chan struct{})
		go func() {
			defer close(returned)
			defer func() { _ = recover() }() // there is no caller to tell
			done(err)
		}()
		select {
		case <-returned:
		case <-ctx.Done():
		}
	}
}

// once makes done a function that is called exactly once: with the error of
// ctx if that ends first.
func once(ctx context.Context, done func(error)) func(error) {
	var only sync.Once
	stop := context.AfterFunc(ctx, func() { only.Do(func() { done(ctx.Err()) }) })
	return func(err error) {
		stop()
		only.Do(func() { done(err) })
	}
}

// endpointFailure is what a Breaker hears of a refresh that ended with err: nil
// if the server answered as one that is healthy.
func endpointFailure(err error) error {
	if err == nil || kindOf(err) == refusal {
		return nil
	}
	return err
}
