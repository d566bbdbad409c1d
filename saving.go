package bearer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// errKey says that a Store is of no use without a name.
var errKey = errors.New("Cache.Key is empty: a Store needs a name for the credential")

// saveTimeout limits what becomes of a token that is there already: losing it
// would lose a rotated refresh token, so saving does not share the limit of the
// refresh that brought it.
const saveTimeout = 10 * time.Second

// openStore publishes what another process has stored, and returns with the
// Store locked if it can be locked and is needed. unlock is never nil.
func (a *attempt) openStore(ctx context.Context) (unlock func(), err error) {
	unlock = func() {}
	if a.cache.Store == nil {
		return unlock, nil
	}
	if a.cache.Key == "" {
		return unlock, errKey
	}
	if lockerOf(a.cache.Store) != nil {
		// First without the lock: if another process has done the work
		// already, there is nothing to wait for.
		if err := a.reload(ctx); err == nil && a.cache.settled(a.stale) != nil {
			return unlock, nil
		}
		unlock, err = a.lock(ctx)
	}
	if err == nil {
		err = a.reload(ctx)
	}
	if err != nil {
		err = fmt.Errorf("the Store is out of order: %w", err)
	}
	return unlock, err
}

// lockerOf is s as a Locker; nil if it is none, as an EncryptedStore round one
// that is none.
func lockerOf(s Store) Locker {
	if e, ok := s.(*EncryptedStore); ok && lockerOf(e.Store) == nil {
		return nil
	}
	l, _ := s.(Locker)
	return l
}

// lock locks the Store, if it is a Locker. unlock is never nil.
func (a *attempt) lock(ctx context.Context) (unlock func(), err error) {
	locker := lockerOf(a.cache.Store)
	if locker == nil {
		return func() {}, nil
	}
	release, err := locker.Lock(ctx, a.cache.Key)
	if err != nil {
		a.storeFailed("lock", err)
		return func() {}, err
	}
	return func() {
		if err := release(); err != nil {
			a.storeFailed("unlock", err)
		}
	}, nil
}

// reload reads the Store and publishes the token there, if it is to be
// preferred to the current one.
func (a *attempt) reload(ctx context.Context) error {
	c := a.cache
	if c.Store == nil {
		return nil
	}
	data, err := c.Store.Get(ctx, c.Key)
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	var t *Token
	if err == nil {
		t, err = decode(data)
	}
	if err != nil {
		a.storeFailed("get", err)
		return err
	}
	c.saving.Lock()
	defer c.saving.Unlock()
	if c.prefers(t) {
		c.publish(t, nil)
	}
	return nil
}

// prefers reports whether t, read from the Store, is to replace the current
// token. The Store is what all processes agree on; but not while our own newer
// token is still to be saved, and not to replace a valid token by an expired
// one.
func (c *Cache) prefers(t *Token) bool {
	e := c.current.Load()
	if e == nil {
		return true
	}
	if t.AccessToken == e.token.AccessToken && t.RefreshToken == e.token.RefreshToken {
		return false
	}
	now := time.Now()
	expired := t.AccessToken == "" || !t.Expiry.IsZero() && !now.Before(t.Expiry)
	if expired && !e.expiry.reached(instantOf(now)) {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.unsaved == 0 || t.Expiry.After(e.token.Expiry)
}

// needsStore reports whether a refresh has to do without prev's successor, for
// the Store is out of order: when it would be of no use to anybody, when
// waiting for the lock has taken all the time, and when prev's refresh token
// might be used twice because other processes are at the Store too.
func (a *attempt) needsStore(ctx context.Context, prev *entry) bool {
	shared := lockerOf(a.cache.Store) != nil
	return a.cache.Key == "" || ctx.Err() != nil || shared && a.redeems(prev)
}

// save puts t into the Store.
func (a *attempt) save(ctx context.Context, t *Token) error {
	c := a.cache
	if c.Store == nil {
		return nil
	}
	data, err := encode(t)
	if err == nil {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), saveTimeout)
		defer cancel()
		err = c.Store.Put(ctx, c.Key, data)
	}
	if err != nil {
		a.storeFailed("put", err)
	}
	return err
}

// saveAgain saves the current token if that is still to be done.
func (a *attempt) saveAgain(ctx context.Context) {
	c := a.cache
	c.saving.Lock()
	defer c.saving.Unlock()
	c.mu.Lock()
	unsaved, e := c.unsaved, c.current.Load()
	c.mu.Unlock()
	if unsaved == 0 {
		return
	}
	err := a.save(ctx, e.token)

	c.mu.Lock()
	defer c.mu.Unlock()
	e = c.current.Load() // its token is the same, for we hold saving
	if err != nil {
		c.unsaved++
		c.current.Store(e.lookAt(c.nextSave(e, time.Now())))
		return
	}
	c.unsaved = 0
	c.current.Store(e.lookAt(e.window()))
}

// nextSave is when to look after e, which is still to be saved: after a pause,
// or at its window if that comes first. The caller holds mu.
func (c *Cache) nextSave(e *entry, now time.Time) instant {
	at := instantOf(now)
	next := at.add(jittered(doubling(time.Second, c.unsaved-1)))
	if !e.window().reached(at) && e.window().reached(next) {
		return e.window()
	}
	return next
}

func (a *attempt) storeFailed(op string, err error) {
	c := a.cache
	a.later(func(ctx context.Context) {
		c.emit(ctx, c.hooks().StoreFailed, slog.LevelError, "store failed", Event{Op: op, Err: err})
	})
}
