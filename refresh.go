package bearer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// await returns the entry of a valid token other than stale's, which can be
// nil, when the refresh that brings it has ended.
func (c *Cache) await(ctx context.Context, stale *entry) (*entry, error) {
	if ctx.Err() != nil {
		return nil, awaited(ended(ctx)) // nobody is there to begin a refresh for
	}
	if err := c.pause(); err != nil {
		return nil, err
	}
	f, _ := c.fly(ctx, stale, false)
	e, err := f.wait(ctx)
	if err != nil || e.expiry.reached(instantOf(time.Now())) {
		return nil, awaited(err)
	}
	return e, nil
}

// pause is the error of the last refresh while it makes no sense to try again.
func (c *Cache) pause() error {
	f := c.failed.Load()
	if f == nil {
		return nil
	}
	now := instantOf(time.Now())
	if f.till.reached(now) {
		return nil
	}
	return f.error(now)
}

// awaited is the error of a caller that waited in vain. It is a function of
// its own to keep the stack of the waiting small.
func awaited(err error) error {
	if err == nil {
		err = errExpired
	}
	if _, ok := errors.AsType[*TokenError](err); !ok {
		err = &TokenError{Err: err} // the waiter left, or the work did not end in an orderly way
	}
	return err
}

var errExpired = errors.New("the new token expired, or was invalidated, before it could be used")

// refreshBehind begins a refresh that nobody waits for. The one caller that
// manages to postpone the entry's next look begins it; the others go on without
// noticing. Should the refresh get lost, the look comes again.
func (c *Cache) refreshBehind(ctx context.Context, e *entry, now instant) {
	postponed := e.lookAt(now.add(2 * c.refreshTimeout()))
	if !c.current.CompareAndSwap(e, postponed) {
		return
	}
	// The outcome is in the Cache, and told to the hooks.
	if _, first := c.fly(ctx, e, true); !first {
		// The flight under way may have done its work, and be no more than
		// telling slow hooks: it will not look after e again.
		c.current.CompareAndSwap(postponed, e.lookAt(now.add(shortestPause)))
	}
}

// fly returns the flight that is under way, or else a new one, and whether it
// is new.
func (c *Cache) fly(ctx context.Context, stale *entry, behind bool) (f *flight, first bool) {
	ctx.Done() // a nil ctx panics here, before anybody waits for a flight that it was to start
	f, first = c.flights.join()
	if first {
		c.takeOff(ctx, f, stale, behind)
	}
	return f, first
}

func (c *Cache) takeOff(ctx context.Context, f *flight, stale *entry, behind bool) {
	c.flights.start(ctx, f, c.refreshTimeout(), func(ctx context.Context) (*entry, error) {
		a := &attempt{cache: c, start: time.Now(), stale: stale, behind: behind}
		defer a.tell(ctx)
		return a.guarded(ctx)
	})
}

func (c *Cache) refreshTimeout() time.Duration {
	if c.RefreshTimeout > 0 {
		return min(c.RefreshTimeout, forever) // so that twice of it is no overflow
	}
	return 30 * time.Second
}

// An attempt is one refresh, in the goroutine of its flight.
type attempt struct {
	cache  *Cache
	start  time.Time
	stale  *entry // its token will not do; nil: any valid one will
	behind bool   // stale is still valid, and may not even be in its window
	dead   uint64 // id of the token whose refresh token was refused; 0: none
	events []func(context.Context)
}

// later has an event told when no lock is held any more.
func (a *attempt) later(tell func(context.Context)) { a.events = append(a.events, tell) }

func (a *attempt) tell(ctx context.Context) {
	for _, tell := range a.events {
		tell(ctx)
	}
}

// guarded is run, but a Source or Store that panics or calls runtime.Goexit is a
// failure as any other: it is remembered, and told.
func (a *attempt) guarded(ctx context.Context) (e *entry, err error) {
	lost := errGoexit
	defer func() {
		if p := recover(); p != nil {
			lost = panicked(p)
		}
		if lost != nil {
			e, err = nil, a.fail(a.cache.current.Load(), lost)
		}
	}()
	e, err = a.run(ctx)
	for err == errReplaced && ctx.Err() == nil {
		e, err = a.run(ctx)
	}
	lost = nil
	return e, err
}

// run publishes a token that is valid and is not stale's, and returns its
// entry: from the Store if another process has put it there, else from the
// Source.
func (a *attempt) run(ctx context.Context) (*entry, error) {
	c := a.cache
	// First what the flight did that ended just before this one.
	if e := c.settled(a.stale); e != nil {
		return e, nil
	}
	now := instantOf(time.Now())
	if f := c.failed.Load(); f != nil {
		if !a.behind && !f.till.reached(now) {
			return nil, f.error(now)
		}
		a.dead = f.dead
	}

	unlock, storeErr := a.openStore(ctx)
	defer unlock()
	if e := c.settled(a.stale); e != nil {
		return e, nil
	}
	prev := c.current.Load()
	if storeErr != nil && a.needsStore(ctx, prev) {
		return nil, a.fail(prev, storeErr)
	}
	a.saveAgain(ctx)
	if e := c.settled(nil); a.behind && e != nil && !e.window().reached(instantOf(time.Now())) {
		return e, nil // it was only to be saved
	}
	if f := c.failed.Load(); f.lasts(ctx, prev) {
		return nil, a.fail(prev, f.err)
	}

	t, err := a.ask(ctx, prev)
	for a.redeems(prev) && codeOf(err) == "invalid_grant" {
		// The refresh token is dead. Perhaps because another process, one
		// that does not lock, has just used it: then its successor is in the
		// Store, and could be dead too.
		a.dead = prev.id
		_ = a.reload(ctx)
		if cur := c.current.Load(); cur.id == prev.id {
			t, err = a.fromScratch(ctx, err)
		} else if c.settled(prev) == nil {
			prev = cur
			t, err = a.ask(ctx, prev)
		}
	}
	if err != nil {
		if e := c.settled(prev); e != nil {
			return e, nil // from the Store, or from Set, which has been called meanwhile
		}
		if idOf(c.current.Load()) != idOf(prev) {
			return nil, errReplaced
		}
		if storeErr != nil {
			err = fmt.Errorf("%w; and %w", err, storeErr) // where a better token may be
		}
		return nil, a.fail(prev, err)
	}
	return a.install(ctx, prev, t)
}

// errReplaced says that Set has been called meanwhile with a token that is to be
// refreshed itself: what became of the one before does not matter any more.
var errReplaced = errors.New("another token, which has expired, was set meanwhile: ask again")

// settled returns the current entry if it is valid and not stale.
func (c *Cache) settled(stale *entry) *entry {
	e := c.current.Load()
	if e == nil || e.expiry.reached(instantOf(time.Now())) || stale != nil && stale.id == e.id {
		return nil
	}
	return e
}

// install saves and publishes t, the successor of prev.
func (a *attempt) install(ctx context.Context, prev *entry, t *Token) (*entry, error) {
	c := a.cache
	c.saving.Lock()
	defer c.saving.Unlock()
	if e := c.settled(prev); e != nil {
		return e, nil // Set has been called meanwhile, and its token is the one that is wanted
	}
	if idOf(c.current.Load()) != idOf(prev) {
		return nil, errReplaced
	}
	e := c.publish(t, a.save(ctx, t))
	if a.stale != nil && !a.behind {
		c.mu.Lock()
		c.renewals.renewed(instantOf(time.Now()))
		c.mu.Unlock()
		if a.stale.token.AccessToken == t.AccessToken {
			return nil, a.fail(e, errSameToken)
		}
	}
	took := time.Since(a.start)
	a.later(func(ctx context.Context) {
		c.emit(ctx, c.hooks().TokenRefreshed, slog.LevelInfo, "token refreshed", Event{Expiry: t.Expiry, Took: took})
	})
	return e, nil
}

// publish makes t the current token. saveErr says that it is not in the Store.
func (c *Cache) publish(t *Token, saveErr error) *entry {
	now := time.Now()
	e := c.newEntry(t, now)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.tokens++
	e.id = c.tokens
	c.unsaved = 0
	if saveErr != nil {
		c.unsaved = 1
		e = e.lookAt(c.nextSave(e, now))
	}
	c.failed.Store(nil)
	c.current.Store(e)
	return e
}

// fail remembers that there is no successor of prev, unless Set has brought
// one, and returns the failure as the waiters get it.
func (a *attempt) fail(prev *entry, err error) error {
	c := a.cache
	now := time.Now()
	at := instantOf(now)
	c.mu.Lock()
	e := c.current.Load()
	var left time.Duration
	if e != nil {
		left = e.expiry.until(at)
	}
	f := c.failed.Load().next(err, idOf(prev), left, a.start, now)
	f.dead = a.dead
	if idOf(e) == idOf(prev) {
		c.failed.Store(f)
		if left > 0 {
			look := at.add(f.pauseBehind(left, at)).orLater(e.window())
			if c.unsaved > 0 && !e.window().reached(at) {
				look = c.nextSave(e, now) // what has failed is due later than saving is
			}
			c.current.Store(e.lookAt(look))
		}
	}
	c.mu.Unlock()

	took := now.Sub(a.start)
	a.later(func(ctx context.Context) {
		c.emit(ctx, c.hooks().RefreshFailed, slog.LevelWarn, "refresh failed", Event{Err: f.err, Took: took, RetryAfter: f.retryAfter(at)})
	})
	return f.error(at)
}

// idOf is e's id; 0 for none.
func idOf(e *entry) uint64 {
	if e == nil {
		return 0
	}
	return e.id
}
