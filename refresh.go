package bearer

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"example.com/bearer/internal/instant"
	"example.com/bearer/internal/mistake"
)

// A refresh is the work of one flight: what is due for the credential, in the
// flight's goroutine.
type refresh struct {
	cache *Cache
	dog   *watchdog
	began time.Time

	// origin is the entry when the refresh was begun. If that was deleted
	// since, the refresh has no purpose. It is replaced if another process
	// deleted it, also while this refresh waits for the lock; see open.
	origin atomic.Pointer[entry]

	// rejected is the token that an API did not accept, which will not do.
	// Nil: any valid one will.
	rejected *entry
	host     string // that rejected it

	asked atomic.Bool // the Source was asked; lost reads it beside the refresh
	slot  slot        // in Cache.Limit

	late   bool // a token had expired when it came
	spared bool // the refresh token was left alone for the sake of the access token

	intended *entry    // whose refresh token is announced in the record
	intent   string    // ID of that
	sent     time.Time // when a refresh token was first about to be sent
	changed  int       // how often an intent has found the Store changed
}

// errReplaced says that the token was replaced, by Set or by Delete, while the
// refresh was under way. What became of the old one does not matter any more.
var errReplaced = errors.New("the token was replaced meanwhile: try again")

// errDeleted is the cause for those who waited when Delete was called. They do
// not get a new token, which would bring the record back.
var errDeleted = errors.New("the credential was deleted meanwhile")

// mostReplaced bounds how often a refresh begins anew because its token was
// replaced.
const mostReplaced = 10

// mostChanged bounds how often a token or an intent that is to be stored finds
// the Store changed. Beyond it the Store is one whose records never read the same.
const mostChanged = 2

// saving limits the steps that store a token, which end by themselves: each
// waits for the right to write and for the Store, or finds the Store changed.
const saving = 2*saveWait + saveTimeout

// errSameToken is the cause when a renewal brought the rejected token again.
var errSameToken = errors.New("the Source returned the token that was rejected: it must not cache")

// run does what is due until there is a valid token, or a failure.
func (r *refresh) run(ctx context.Context) (*entry, error) {
	if r.rejected != nil {
		sleep(ctx, renewalJitter())
	}
	for range mostReplaced {
		if ctx.Err() != nil {
			return nil, contextErr(ctx)
		}
		r.spared = false
		e, err := r.once(ctx)
		if err != errReplaced && !(r.spared && r.due() == ask) { // the access token may have expired meanwhile
			return e, err
		}
	}
	return nil, errReplaced
}

// once is one refresh, from top to bottom.
func (r *refresh) once(ctx context.Context) (*entry, error) {
	if r.deleted() {
		return nil, errDeleted
	}

	// The previous flight may already have done the work.
	task := r.due()
	if task == nothing {
		return r.result()
	}

	// Other processes may have done it. One look at the Store comes before the
	// lock: if there is a new token, there is nothing to wait for.
	c, s := r.cache, r.cache.storage()
	r.dog.watch("the Store", c.refreshTimeout())
	storeCtx, cancel := context.WithTimeout(ctx, c.refreshTimeout())
	defer cancel()
	if s.lockable() || task == look {
		_ = r.adopt(storeCtx)
		if task == look {
			changed := r.superseded(ctx)
			c.update(func(s *state) *state { return s.looked(instant.Now(), changed) })
		}
		// The token may have expired meanwhile, and callers wait.
		if task = r.due(); task == nothing || task == look {
			return r.result()
		}
	}

	// The slot comes before the lock, which would keep other processes waiting
	// with this one. The token may have come meanwhile. To store one takes none.
	if c.Limit != nil && task == ask {
		r.dog.watch("the limit on token requests", unlimited)
		if err := r.slot.take(ctx); err != nil {
			return nil, err
		}
		if task = r.due(); task == nothing {
			return r.result()
		}
		r.dog.watch("the Store", c.refreshTimeout())
		storeCtx, cancel = context.WithTimeout(ctx, c.refreshTimeout())
		defer cancel()
	}

	// From here on no other process refreshes. However long the lock took, what
	// follows has its full time.
	x, storeErr := r.open(storeCtx)
	defer x.close()
	if storeErr == errReplaced {
		return nil, errReplaced
	}
	if storeErr == nil {
		r.dog.watch("the Store", c.refreshTimeout())
		readCtx, cancelRead := context.WithTimeout(ctx, c.refreshTimeout())
		defer cancelRead()
		if storeErr = r.adopt(readCtx); storeErr == nil {
			r.judge(x)
		}
	}
	r.dog.watch("the Store", saving)
	if storeErr == nil {
		_ = r.saveAgain(ctx, x)
	} else {
		c.update(func(s *state) *state { return s.stillUnsaved(instant.Now()) })
	}
	if task = r.due(); task == nothing || task == save {
		return r.result()
	}
	if r.deleted() { // while it waited
		return nil, errDeleted
	}
	prev := c.load().entry
	if storeErr != nil {
		if !mistake.Is(storeErr) {
			storeErr = because("the Store is out of order", storeErr)
		}
		if r.needsStore(x, prev, storeErr) {
			return r.fail(ctx, prev, &failure{err: storeErr, kind: storeOut})
		}
		if x.shared && prev != nil {
			sleep(ctx, aloneJitter()) // each process asks for itself now, since the same expiry
		}
	}

	r.dog.watch("the Source", c.refreshTimeout())
	askCtx, cancelAsk := context.WithTimeout(ctx, c.refreshTimeout())
	defer cancelAsk()
	r.asked.Store(true)
	t, prev, f := r.ask(askCtx, x, prev)
	if f != nil {
		switch {
		case storeErr == nil || f.err == errReplaced:
		case needsLogin(f.err): // unless the Store has one
			f.err, f.kind, f.final = fmt.Errorf("%w; it may have the login that is required", storeErr), storeOut, false
		default:
			f.err = fmt.Errorf("%w; and %w", f.err, storeErr) // where a better token may be
		}
		e, err := r.fail(ctx, prev, f)
		if storeErr == nil && ctx.Err() == nil {
			r.dog.watch("the Store", saving)
			r.report(ctx, x, prev)
		}
		return e, err
	}

	// G19: no caller gets the access token before the refresh token that came
	// with it is in the Store, or the Store has failed to take it.
	r.dog.watch("the Store", saving)
	t = c.dated(t)
	ctx = context.WithoutCancel(ctx) // what is here is not lost, even if it comes too late
	saveErr := r.save(ctx, x, prev, t, r.notes(prev, t))
	e, err := r.commit(ctx, prev, t, saveErr)
	expired := checkExpiry(t, time.Now())
	switch {
	case err != nil || expired == nil:
		return e, err
	case r.late: // as if the clocks differ
		return r.fail(ctx, e, &failure{err: expired, kind: kindOf(expired)})
	}
	// The process was suspended while the answer was under way, say. What came
	// with it is a refresh token that is good.
	r.late = true
	return nil, errReplaced
}

// deleted reports whether Delete was called since the refresh was begun.
func (r *refresh) deleted() bool {
	e := r.cache.load().entry
	return e != r.origin.Load() && e.deleted()
}

// due is what there is to do for this refresh.
func (r *refresh) due() task {
	s := r.cache.load()
	if s.entry.same(r.rejected) {
		s = s.invalidated()
	}
	return due(s.ended(), instant.Now(), r.cache.outlook(s))
}

// result is what the state has for those who wait, when nothing is to be done.
func (r *refresh) result() (*entry, error) {
	s, now := r.cache.load(), instant.Now()
	if s.valid(now) && !s.entry.same(r.rejected) {
		return s.entry, nil
	}
	return nil, r.cache.failureError(s, now)
}

// adopt reads the Store, and makes what other processes did there the state.
func (r *refresh) adopt(ctx context.Context) error {
	c := r.cache
	return c.storage().load(ctx, func(f find) {
		c.update(func(s *state) *state {
			n := s.found(f, instant.Now(), func(t *Token) *entry { return c.newEntry(c.dated(t)) })
			if f.gone && n.entry != s.entry {
				r.origin.Store(n.entry) // another process deleted it: that ends no refresh here
			}
			return n.heard(f, c.storage().self, c.retryFor(), time.Now())
		})
	})
}

// superseded reports whether the client's secret, which the server refused, is
// another one by now.
func (r *refresh) superseded(ctx context.Context) bool {
	f := r.cache.load().failure
	if f == nil {
		return false
	}
	s := supersedable(f.err)
	return s != nil && s.Superseded(sourceContext(ctx, r.cache))
}

// needsStore reports whether a failure of the Store must fail the refresh:
// when prev's refresh token might be used twice, because other processes use
// the Store too, and when no Store could ever work.
func (r *refresh) needsStore(x *session, prev *entry, err error) bool {
	return mistake.Is(err) || x.shared && r.cache.endpoint().refreshes(tokenOf(prev))
}

// interest is how much prev's successor is wanted. Callers wait for it if prev
// is no longer valid, but a refresh token that may have been spent is not sent
// again while its access token is good.
func (r *refresh) interest(prev *entry, spent bool) interest {
	s := r.cache.load()
	switch {
	case s.entry != prev:
		return dropped
	case s.valid(instant.Now()) && (spent || !s.entry.same(r.rejected)):
		return unawaited
	}
	return awaited
}

// worthless reports whether e's access token has expired or was rejected, so
// that nothing is lost if its refresh token is used once too often.
func (r *refresh) worthless(e *entry) bool {
	s := r.cache.load()
	return s.entry != e || !s.valid(instant.Now())
}

// ask asks the Source for a successor of prev. It returns the entry that the
// token succeeds, which is another one if another process has replaced prev.
func (r *refresh) ask(ctx context.Context, x *session, prev *entry) (*Token, *entry, *failure) {
	c := r.cache
	endpoint := c.endpoint()
	endpoint.slot = &r.slot
	defer c.tellBreaker(ctx, endpoint)
	ctx = sourceContext(ctx, c)
	before := c.load().failure
	if before == nil {
		before = new(failure)
	}
	if before.goesOn(instant.Now()) {
		endpoint.since = before.since
	}

	dead, refused := before.dead, before.refused
	for prev != dead && endpoint.refreshes(tokenOf(prev)) {
		if before.spares(prev, instant.Now()) && !r.worthless(prev) {
			again := *before
			r.spared = true
			return nil, prev, &again
		}
		var unready error
		spent := false // by an attempt that failed
		endpoint.ready = func(ctx context.Context) error {
			unready = r.ready(ctx, x, prev)
			return unready
		}
		t, err := endpoint.ask(ctx, &prev.token, func(failed error) interest {
			spent = spent || failed != nil && maybeSpent(failed)
			return r.interest(prev, spent && r.reusableUntil(r.sent).Reached(instant.Now()))
		}, before.err)
		switch {
		case err == nil:
			return t, prev, nil
		case err == unready: // it was not sent again, and what came before has no outcome
			if spent {
				c.updateToken(prev, func(s *state) *state { return s.interrupted(r.reusableUntil(r.sent), instant.Now()) })
			}
			return nil, prev, &failure{err: err, kind: storeOut}
		}
		f := &failure{err: err, kind: kindOf(err), spent: spent || maybeSpent(err), grace: r.reusableUntil(r.sent)}
		if !refusesGrant(err) {
			if mayRefuseGrant(err) && mayRefuseGrant(before.err) && r.worthless(prev) {
				f.err = loginRequired(err)
			}
			return nil, prev, f
		}
		// Another process, one that does not lock, may just have used the
		// refresh token: then its successor is in the Store, and could be
		// refused too.
		_ = r.adopt(ctx)
		switch now := c.load().entry; {
		case now != prev && r.due() == nothing:
			return nil, prev, &failure{err: errReplaced}
		case now != prev:
			prev = now
		case !r.worthless(prev):
			// Some servers refuse to refresh a token that is still valid.
			f.doubted = prev
			return nil, prev, f
		default:
			dead, refused = prev, err
		}
	}

	t, err := endpoint.ask(ctx, nil, func(error) interest { return r.interest(prev, false) }, before.err)
	switch err {
	case nil:
		return t, prev, nil
	case errReplaced:
		return nil, prev, &failure{err: err}
	}
	f := &failure{err: err, kind: kindOf(err), dead: dead, refused: refused}
	switch {
	case dead == nil || dead != prev:
	case f.kind != refusal:
		if dead != before.dead { // worth another attempt, so it must not look like the refusal
			f.err = &wrapped{describe(err) + " (from scratch, after: " + describe(refused) + ")", err}
		}
	default:
		f.final = true
		f.err = loginRequired(refused)
	}
	return nil, prev, f
}

// save puts t into the Store in place of prev. It returns errReplaced, and
// stores nothing, if prev is no longer the current token: here, or in the Store.
func (r *refresh) save(ctx context.Context, x *session, prev *entry, t *Token, n notes) error {
	c := r.cache
	err := x.begin(ctx)
	for tries := 0; err == nil; tries++ {
		version := x.version() // before the look at the entry: what is seen later is not to be replaced
		if c.load().entry != prev {
			return errReplaced
		}
		err = x.put(ctx, t, n, version, func(err error) { c.savedLate(t, err) })
		if err != errChanged {
			return err
		}
		if tries == mostChanged {
			x.failed(ctx, "put", err)
			return err
		}
		// What another process did there may leave prev the current token: it
		// deleted client credentials, or wrote the same token anew.
		err = r.adoptSoon(ctx)
	}
	return err
}

// adoptSoon is adopt while a token that is there waits for the Store.
func (r *refresh) adoptSoon(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, saveWait)
	defer cancel()
	return r.adopt(ctx)
}

// saveAgain saves the current token if that is still to be done.
func (r *refresh) saveAgain(ctx context.Context, x *session) error {
	c := r.cache
	s := c.load()
	if s.unsaved == nil {
		return nil
	}
	err := r.save(ctx, x, s.entry, &s.entry.token, notes{})
	x.end()
	if err == errReplaced {
		return nil
	}
	c.updateToken(s.entry, func(s *state) *state {
		if err == nil {
			return s.saved()
		}
		return s.stillUnsaved(instant.Now())
	})
	return err
}

// commit makes t, prev's successor, the current token.
func (r *refresh) commit(ctx context.Context, prev *entry, t *Token, saveErr error) (*entry, error) {
	c := r.cache
	if saveErr == errReplaced {
		return nil, errReplaced
	}
	e := c.newEntry(t)
	if !c.updateToken(prev, func(s *state) *state {
		n := s.with(e)
		if saveErr != nil {
			n = n.saveFailed(instant.Now())
		}
		if r.rejected != nil {
			n = n.renewed(r.host, instant.Now())
		}
		return n
	}) {
		return nil, errReplaced
	}
	c.observer().tell(ctx, tokenRefreshed, Event{Expiry: t.Expiry, Took: time.Since(r.began)})
	if e.same(r.rejected) {
		return nil, &TokenError{Err: errSameToken}
	}
	return e, nil
}

// fail remembers that prev has no successor, and returns the failure as those
// who wait get it.
func (r *refresh) fail(ctx context.Context, prev *entry, f *failure) (*entry, error) {
	c := r.cache
	if f.err == errReplaced {
		return nil, errReplaced
	}
	if ctx.Err() != nil {
		// Given up, which lost has remembered. What it could not know is that
		// the refresh token is dead.
		if f.dead != nil {
			c.updateToken(prev, func(s *state) *state { return s.died(*f) })
		}
		return nil, f.err
	}
	now := time.Now()
	f.asked = retryAfter(f.err, now)
	switch err := f.err.(type) {
	case *TokenError: // of a foreign Breaker, or of a Cache that is the Source
		f.err = err.Err
	case *pauseError:
		f.err = err.last
	}
	f.stored = c.Store != nil
	if !c.updateToken(prev, func(s *state) *state { return s.failed(*f, instant.Now()) }) {
		return nil, errReplaced
	}
	// Those who waited hear what happened; those who come later, that the
	// breaker is open for it.
	err := &TokenError{Err: f.err, RetryAfter: c.retryAfter(c.load(), instant.Now())}
	c.observer().tell(ctx, refreshFailed, Event{Err: err.Err, Took: now.Sub(r.began), RetryAfter: err.RetryAfter})
	return nil, err
}

// guarded is run, but a Source or Store that panics or calls runtime.Goexit is
// a failure as any other: it is remembered, and told.
func (r *refresh) guarded(ctx context.Context) (e *entry, err error) {
	broke := errGoexit
	defer func() {
		if p := recover(); p != nil {
			broke = panicked(p)
		}
		if broke != nil {
			e, err = r.fail(ctx, r.cache.load().entry, &failure{err: broke, kind: brokeOff, spent: broke == errGoexit})
		}
	}()
	e, err = r.run(ctx)
	broke = nil
	return e, err
}

// lost remembers and tells that this refresh was given up, because a Source or
// Store did not return, and returns what those who wait get. It runs beside the
// refresh.
func (r *refresh) lost(ctx context.Context, err error) error {
	if r.due() == nothing {
		return err // its work is done, and it was about to return
	}
	f := &failure{err: err, kind: brokeOff}
	if r.asked.Load() {
		f.kind, f.spent = sick, true
	}
	if _, failed := r.fail(ctx, r.cache.load().entry, f); failed != errReplaced {
		return failed
	}
	return err
}

// sleep waits for d, or until ctx ends.
func sleep(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
