package bearer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"golang.org/x/oauth2"
)

// ask asks the Source, if the Breaker lets it: to redeem prev's refresh token,
// or else for a token from scratch.
func (a *attempt) ask(ctx context.Context, prev *entry) (*Token, error) {
	c := a.cache
	if c.Source == nil {
		return nil, errNoSource
	}
	breaker := c.breaker()
	defer a.afterAsking(breaker)
	done, err := breaker.Allow()
	if err != nil {
		return nil, a.refused(breaker, err)
	}
	// The breaker hears of a Source that does not return in time; and of one
	// that panics.
	inTime := context.AfterFunc(ctx, func() { a.report(breaker, done, ctx.Err()) })
	outcome := errGoexit
	defer func() {
		if inTime() {
			a.report(breaker, done, endpointFailure(outcome))
		}
	}()
	var t *Token
	t, outcome = a.obtain(ctx, prev)
	return t, outcome
}

var errNoSource = errors.New("there is no valid token, and Cache.Source is nil: set it, or call Cache.Set")

func (a *attempt) obtain(ctx context.Context, prev *entry) (t *Token, err error) {
	if a.redeems(prev) {
		t, err = a.cache.Source.(Refresher).Refresh(ctx, prev.token)
		if err == nil && t != nil && t.RefreshToken == "" {
			kept := *t
			kept.RefreshToken = prev.token.RefreshToken
			t = &kept
		}
	} else {
		t, err = a.cache.Source.Token(ctx)
	}
	if err != nil {
		return nil, withoutBody(err)
	}
	if err := check(t, time.Now()); err != nil {
		return nil, err
	}
	return t, nil
}

// fromScratch asks for a token without the refresh token that was refused.
func (a *attempt) fromScratch(ctx context.Context, refused error) (*Token, error) {
	t, err := a.ask(ctx, nil)
	switch {
	case permanent(err):
		err = fmt.Errorf("%w; and from scratch: %w", refused, err)
	case err != nil: // worth another try, so it must not look like the refusal
		err = fmt.Errorf("%w (from scratch, after: %v)", err, refused)
	}
	return t, err
}

// redeems reports whether prev, which can be nil, has a refresh token that the
// Source can redeem, and that was not refused already.
func (a *attempt) redeems(prev *entry) bool {
	_, ok := a.cache.Source.(Refresher)
	return ok && prev != nil && prev.token.RefreshToken != "" && prev.id != a.dead
}

// codeOf is the error code of an OAuth error, else "".
func codeOf(err error) string {
	if re, ok := errors.AsType[*oauth2.RetrieveError](err); ok {
		return re.ErrorCode
	}
	return ""
}

// breaker returns c.Breaker or the Cache's own. That one is not made before it
// has a failure to count: most of many thousand Caches never need it.
func (c *Cache) breaker() Breaker {
	if c.Breaker != nil {
		return c.Breaker
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.own == nil {
		return unbroken{c}
	}
	return c.own
}

// unbroken is the Breaker of a Cache for which no refresh has failed yet.
type unbroken struct{ cache *Cache }

func (u unbroken) Allow() (done func(error), err error) {
	return func(err error) {
		if err == nil {
			return
		}
		u.cache.mu.Lock()
		if u.cache.own == nil {
			u.cache.own = new(CircuitBreaker)
		}
		own := u.cache.own
		u.cache.mu.Unlock()
		if done, refused := own.Allow(); refused == nil {
			done(err)
		}
	}, nil
}

// report tells the breaker the outcome. If that opens it, it stays open no
// longer than the token is valid: then the endpoint, which may be well again, is
// asked before anybody is turned away.
func (a *attempt) report(b Breaker, done func(error), outcome error) {
	done(outcome)
	own, ok := b.(*CircuitBreaker)
	if e := a.cache.current.Load(); ok && e != nil && outcome != nil {
		own.openAtMost(e.expiry.until(instantOf(time.Now())))
	}
}

// refused is the error of a refresh that the breaker refused.
func (a *attempt) refused(b Breaker, err error) error {
	var last error
	if f := a.cache.failed.Load(); f != nil {
		last = f.err
	}
	te := &TokenError{Err: openError(err, last)}
	if b, ok := b.(*CircuitBreaker); ok {
		te.RetryAfter = b.retryAfter()
	}
	return te
}

// afterAsking passes on what the breaker noted, which its own callback cannot.
func (a *attempt) afterAsking(b Breaker) {
	own, ok := b.(*CircuitBreaker)
	if !ok {
		return
	}
	c := a.cache
	for _, change := range own.takeChanges() {
		a.later(func(ctx context.Context) {
			c.emit(ctx, c.hooks().BreakerChanged, slog.LevelWarn, "breaker changed", Event{From: change.from, To: change.to})
		})
	}
}
