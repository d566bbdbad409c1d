package bearer

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/oauth2"
)

// A Cache holds the current token of one credential and keeps it valid. The
// fields' zero values are the recommended values; do not change them after
// first use, and do not copy a Cache. All methods may be called by many
// goroutines at once.
//
// A Cache has no goroutine of its own and needs no Close: what is to be done is
// begun by the calls to Token, and ends by RefreshTimeout.
type Cache struct {
	// Source gives new tokens; if it is a [Refresher], refresh tokens are
	// redeemed with it. Nil: tokens come from the Store or from Set only.
	Source Source

	// Store keeps the token, the refresh token above all, across restarts. If
	// it is a [Locker] too, several processes can share the credential. Nil:
	// the token is lost with the process.
	Store Store

	// Key is the credential's name in the Store and in hooks and logs. It is
	// required with a Store, and it must name everything that the token
	// depends on: provider, client, user, scopes. It is no secret.
	Key string

	// RefreshBefore is how long before expiry a refresh runs behind the
	// requests, which go on with the token they have. It is never more than a
	// third of the token's lifetime, and up to a fifth of it is taken off at
	// random, so that a fleet does not march in step. Zero: 5 minutes.
	// Negative: no refresh behind; at expiry everybody waits.
	RefreshBefore time.Duration

	// RefreshTimeout limits one refresh, with its retries. Zero or less: 30 s.
	RefreshTimeout time.Duration

	// DefaultLifetime is the lifetime of tokens whose Expiry is zero, counted
	// from when the Cache got them (RFC 6749 section 5.1 leaves expires_in to
	// the server). Zero or less: they are used until they are rejected.
	DefaultLifetime time.Duration

	// Breaker stands before the token endpoint. Nil: a [CircuitBreaker] of
	// this Cache's own. [NoBreaker]: none.
	Breaker Breaker

	// Hooks are told what happens. Nil: nobody is.
	Hooks *Hooks

	// Logger logs the same events. Nil: nothing is logged.
	Logger *slog.Logger

	// current is the token in use, valid or not; nil before the first one.
	// It is read without a lock. It is written under mu, or from one entry to
	// a copy of it by compare-and-swap.
	current atomic.Pointer[entry]

	// failed is the last refresh, if it failed. Written under mu.
	failed atomic.Pointer[failure]

	flights singleflight

	// saving is held from before a token is put into the Store until it is
	// current, so that the two do not come to differ. It is taken after the
	// Store's lock and before mu.
	saving sync.Mutex

	mu       sync.Mutex // guards what follows, and the writing of what precedes
	tokens   uint64     // ids given to entries
	renewals renewals
	own      *CircuitBreaker // when Breaker is nil
	unsaved  int             // failed attempts to save the current token; 0: it is saved
}

// Token returns a valid token. If there is one, that costs no lock and no
// allocation; in the window before expiry (see [Cache.RefreshBefore]) a refresh
// is begun behind it. Otherwise Token waits for the one refresh that all
// callers share, or until ctx ends; ctx ends only the waiting. The error is a
// [*TokenError].
func (c *Cache) Token(ctx context.Context) (*Token, error) {
	e, err := c.entry(ctx)
	if err != nil {
		return nil, err
	}
	return e.token, nil
}

func (c *Cache) entry(ctx context.Context) (*entry, error) {
	e := c.current.Load()
	if e == nil {
		return c.await(ctx, nil)
	}
	now := present()
	if !e.look.reached(now) {
		return e, nil
	}
	if e.expiry.reached(now) {
		return c.await(ctx, nil)
	}
	c.refreshBehind(ctx, e, now)
	return e, nil
}

// Renew returns a token other than rejected, which an API did not accept. If
// the current token is another one already, that is it: a burst of rejections
// costs one refresh. While an API rejects the renewed tokens too, renewals
// pause, and the error is a [*TokenError] with the time to come back. A nil
// rejected means the current token.
func (c *Cache) Renew(ctx context.Context, rejected *Token) (*Token, error) {
	e, err := c.renew(ctx, rejected)
	if err != nil {
		return nil, err
	}
	return e.token, nil
}

func (c *Cache) renew(ctx context.Context, rejected *Token) (*entry, error) {
	// Twice, because the refresh that was under way may have begun before the
	// token was rejected, and have found it good.
	for range 2 {
		e := c.current.Load()
		now := instantOf(time.Now())
		if e == nil || e.expiry.reached(now) {
			return c.await(ctx, nil)
		}
		if rejected != nil && e.token.AccessToken != rejected.AccessToken {
			return e, nil
		}
		if err := c.mayRenew(e, now); err != nil {
			return nil, err
		}
		n, err := c.await(ctx, e)
		if err != nil || n.token.AccessToken != e.token.AccessToken {
			return n, err
		}
	}
	return nil, &TokenError{Err: errSameToken}
}

// mayRenew says why e's token is not to be renewed now. One that has just been
// replaced may: its successor is there, and no reason to pause before it was
// rejected too.
func (c *Cache) mayRenew(e *entry, now instant) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.current.Load().id != e.id {
		return nil
	}
	return c.renewals.allow(now)
}

// accepted notes that a renewal helped: an API accepted e's token in place of
// one that it had rejected.
func (c *Cache) accepted(e *entry) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if cur := c.current.Load(); cur != nil && cur.id == e.id {
		c.renewals.futile = 0
	}
}

// Set makes t the current token and stores it, for instance after a login. It
// forgets earlier failures. A token that has expired is good enough if it has a
// refresh token. If t cannot be stored, it is in use all the same, storing it is
// tried again later, and the error says so.
func (c *Cache) Set(ctx context.Context, t *Token) error {
	if t == nil || t.AccessToken == "" && t.RefreshToken == "" {
		return errors.New("bearer: Cache.Set: the token is empty")
	}
	if err := checkHeader(t); err != nil {
		return errorf("Cache.Set: %w", err)
	}
	if c.Store != nil && c.Key == "" {
		return errorf("Cache.Set: %w", errKey)
	}
	a := &attempt{cache: c}
	defer a.tell(ctx)
	unlock, saveErr := a.lock(ctx)
	defer unlock()

	c.saving.Lock()
	defer c.saving.Unlock()
	if saveErr == nil {
		saveErr = a.save(ctx, t)
	}
	c.publish(t, saveErr)
	c.mu.Lock()
	c.renewals = renewals{}
	c.mu.Unlock()
	if saveErr != nil {
		return errorf("Cache.Set: the token is in use, but could not be stored yet: %w", saveErr)
	}
	return nil
}

// Invalidate makes the next call to Token wait for a new token, if t is still
// the current one; otherwise it does nothing. Its refresh token stays in use.
func (c *Cache) Invalidate(t *Token) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.current.Load()
	if e == nil || t == nil || e.token.AccessToken != t.AccessToken {
		return
	}
	dead := *e
	dead.look, dead.expiry = past, past
	c.current.Store(&dead)
}

// TokenSource makes c an [oauth2.TokenSource] whose calls wait with ctx.
func (c *Cache) TokenSource(ctx context.Context) oauth2.TokenSource {
	return tokenSource{ctx, c}
}

// tokenSource has a context for want of one in oauth2.TokenSource's method.
type tokenSource struct {
	ctx   context.Context
	cache *Cache
}

func (s tokenSource) Token() (*Token, error) { return s.cache.Token(s.ctx) }
