package bearer

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/sync/semaphore"
	"golang.org/x/sync/singleflight"

	"example.com/bearer/internal/instant"
	"example.com/bearer/internal/mistake"
)

// A Cache holds the current token of one credential and keeps it valid. The
// fields' zero values are the recommended values; do not change them after
// first use, and do not copy a Cache. All methods may be called by many
// goroutines at once.
//
// A token is valid while it has not expired and no API has rejected it. A Cache
// needs no Close: calls to Token begin what is due, each refresh ends by itself,
// and no goroutine outlives it, except one that waits for a Source, a Store, a
// Breaker or a hook that does not return.
type Cache struct {
	// Source obtains new tokens. If it is a [Refresher], it redeems refresh
	// tokens as well. Nil: tokens come from the Store or from Set only.
	Source Source

	// Store keeps the token, the refresh token above all, across restarts. If
	// it is a [Locker] too, several processes can share the credential; if it is
	// a [Swapper], the login also survives a process that dies in the middle of a
	// refresh, as far as the server allows (see G22), and the processes share
	// failures. Nil: the token is lost with the process.
	//
	// While the Store fails, or is not set up, Token returns tokens that need no
	// refresh token all the same: see that Set or Flush returns no error, or
	// watch Logger and [Status.Unsaved].
	Store Store

	// Key names the credential in the Store and in hooks and logs. It is
	// required with a Store, and must identify everything that the token
	// depends on: provider, client, user, scopes. It is not a secret.
	Key string

	// Extras names what the Store keeps of the token's [oauth2.Token.Extra]
	// besides the scope: where the API of a tenant is, say. Only strings,
	// numbers and booleans are kept. Whether a refreshed token still has them is
	// up to the Refresher; see grant.AuthorizationCode's Extras. Nil: nothing
	// else is kept.
	Extras []string

	// RefreshBefore is how long before expiry a refresh runs in the
	// background, while requests go on with the token they have. It is never
	// more than a third of the token's lifetime, and up to a fifth of it is
	// taken off at random, so that a fleet does not refresh in step. Zero: 5
	// minutes. Negative: no background refresh; at expiry all callers wait.
	//
	// Some servers end the old access token when its refresh token is used. A
	// background refresh then costs a few 401s, which Transport hides by
	// replaying the requests, unless their bodies cannot be replayed.
	RefreshBefore time.Duration

	// RefreshTimeout limits the requests of one refresh, with their repeats.
	// Waiting for the Store's lock is limited by the same time, before.
	// Zero or less: 30 s.
	RefreshTimeout time.Duration

	// RetryFor is how long a failed refresh is repeated while callers wait
	// for it, with growing pauses, if it may be repeated. A caller with less
	// patience leaves when its own context ends. Afterwards callers share the
	// failure at once. Zero: 5 s. Negative: no repeats.
	RetryFor time.Duration

	// DefaultLifetime is the lifetime of tokens whose Expiry is zero, counted
	// from when the Cache got them (RFC 6749 section 5.1 leaves expires_in to
	// the server). Zero or less: such tokens are used until they are
	// rejected.
	DefaultLifetime time.Duration

	// Breaker stands before the token endpoint. Nil: a [CircuitBreaker] of
	// this Cache's own. [NoBreaker]: none.
	Breaker Breaker

	// Limit bounds how many token requests are in flight over all Caches that
	// share it: each takes 1 of it for a request, in the order of arrival. No
	// caller with a valid token waits for it, and RefreshTimeout begins
	// afterwards. A Cache that another's Source asks for a token must not share
	// that one's Limit: it would wait for the slot that the other one holds. Nil:
	// no limit.
	Limit *semaphore.Weighted

	// Hooks are told what happens. Nil: none.
	Hooks *Hooks

	// Logger logs the same events. Nil: nothing is logged.
	Logger *slog.Logger

	// state is what is known of the credential; nil before anything is. Any
	// goroutine may replace it, by compare-and-swap.
	state atomic.Pointer[state]

	flight flight

	// The following are made when they are first needed, since most of many
	// thousand Caches need neither.
	own    atomic.Pointer[CircuitBreaker] // without a Breaker that is a CircuitBreaker: paces repeats, and is the Breaker if that is nil
	stored atomic.Pointer[storage]
	events atomic.Pointer[queue]
}

// Token returns a valid token. If there is one, that costs no lock and no
// allocation; in the window before its expiry (see [Cache.RefreshBefore]) a
// refresh begins in the background. Otherwise Token waits for the one refresh
// that all callers share, or until ctx ends; ctx ends only the waiting. The
// error is a [*TokenError].
func (c *Cache) Token(ctx context.Context) (*Token, error) {
	e, err := c.entry(ctx)
	if err != nil {
		return nil, err
	}
	return &e.token, nil
}

// entry is Token. It waits itself, without a function between: the stack of
// those who wait is to stay within the 2 KiB that each of ten thousand begins
// with.
func (c *Cache) entry(ctx context.Context) (*entry, error) {
	now := instant.Now()
	if s := c.state.Load(); s != nil && !s.next.Reached(now) {
		return s.entry, nil
	}
	if e := c.serve(ctx, now); e != nil {
		return e, nil
	}
	for late := 0; ; late++ {
		origin := c.load().entry
		e, landed, err := c.begin(ctx, nil, "")
		if landed == nil {
			return e, err
		}
		if e, err = wait(ctx, landed); !overtaken(origin, err) && (late == mostLate || !errors.Is(err, errExpired)) {
			return e, err
		}
	}
}

// mostLate bounds how often a caller waits anew because the token that it waited
// for expired on the way: the machine or the process was suspended, or tokens
// live for very short.
const mostLate = 2

// serve returns the entry of a valid token, if there is one, and begins what is
// due in the background.
func (c *Cache) serve(ctx context.Context, now instant.Time) *entry {
	s := c.load()
	if !s.valid(now) {
		return nil
	}
	ctx.Done() // a nil ctx panics here, before anything is claimed
	if due(s, now, c.outlook(s)) != nothing && c.claim(s, now) {
		c.fly(ctx, s.entry, nil, "") // no caller waits: the outcome is in the state, and told to the hooks
	}
	return s.entry
}

// Renew returns a token other than rejected, which an API did not accept. If
// the current token is another one already, that is it: a burst of rejections
// costs one refresh. While the API rejects renewed tokens too, renewals pause,
// and the error is a [*TokenError] with the time to come back; call
// [Cache.Accepted] for each token that an API accepted, so that they do not.
// (Transport does.) A nil rejected forces a renewal of a token that
// stays valid until it has succeeded.
func (c *Cache) Renew(ctx context.Context, rejected *Token) (*Token, error) {
	var e *entry
	if rejected != nil {
		e = &entry{token: *rejected}
	}
	e, err := c.renewFor(ctx, e, "")
	if err != nil {
		return nil, err
	}
	return &e.token, nil
}

// renewFor is Renew for a token that host rejected.
func (c *Cache) renewFor(ctx context.Context, rejected *entry, host string) (*entry, error) {
	// Twice, because the refresh that was under way may have begun before the
	// token was rejected, and have found it good, or before Delete.
	for range 2 {
		e, landed, err := c.beginRenewal(ctx, rejected, host)
		if err != nil || landed == nil {
			return e, err
		}
		n, err := wait(ctx, landed)
		if overtaken(e, err) {
			continue
		}
		if err != nil || !n.same(e) {
			return n, err
		}
	}
	return nil, &TokenError{Err: errSameToken}
}

// renewInBackground is renewFor without waiting.
func (c *Cache) renewInBackground(ctx context.Context, rejected *entry, host string) {
	_, _, _ = c.beginRenewal(detach(ctx), rejected, host)
}

// beginRenewal returns a token other than rejected if there is one, or else
// the current entry with the refresh that will replace it.
func (c *Cache) beginRenewal(ctx context.Context, rejected *entry, host string) (*entry, <-chan singleflight.Result, error) {
	s, now := c.load(), instant.Now()
	if s.valid(now) {
		if rejected != nil && !s.entry.same(rejected) {
			return s.entry, nil, nil
		}
		if err := s.futile.allow(host, now); err != nil {
			return nil, nil, err
		}
		if rejected != nil {
			c.updateToken(s.entry, func(s *state) *state { return s.reject(host, now) })
		}
	}
	return c.begin(ctx, s.entry, host)
}

// Accepted tells the Cache that an API accepted t in place of a token that it
// had rejected: the renewal helped, and the next one need not wait. Transport
// does so for its requests; Accepted is for callers of [Cache.Renew].
func (c *Cache) Accepted(t *Token) {
	if t != nil {
		c.acceptedBy(&entry{token: *t}, "")
	}
}

// acceptedBy is Accepted for a token that host accepted.
func (c *Cache) acceptedBy(e *entry, host string) {
	c.update(func(s *state) *state {
		if !s.entry.same(e) || !s.futile.has(host) {
			return s
		}
		return s.accepted(host)
	})
}

// Set makes t the current token and stores it, for instance after a login. It
// forgets earlier failures. A token that has expired will do if it has a
// refresh token. If t cannot be stored, it is in use all the same, storing it is
// tried again by later calls of Token until it works or the process ends, and
// the error says so.
func (c *Cache) Set(ctx context.Context, t *Token) error {
	if t == nil || t.AccessToken == "" && t.RefreshToken == "" {
		return errors.New("bearer: Cache.Set: the token is empty")
	}
	if err := checkHeader(t); err != nil {
		return errorf("Cache.Set", err)
	}
	if err := c.storage().mistake(); err != nil {
		return errorf("Cache.Set", err)
	}
	t = c.dated(t)
	err := c.write(ctx, func(ctx context.Context, x *session) error {
		return x.put(ctx, t, notes{}, anyVersion, func(err error) { c.savedLate(t, err) })
	}, func(saveErr error) {
		e := c.newEntry(t)
		c.update(func(s *state) *state {
			n := new(state).with(e)
			if saveErr != nil {
				n = n.saveFailed(instant.Now())
				n.unsaved.login = true
			}
			return n
		})
	})
	if err != nil {
		return errorf("Cache.Set: the token is in use, but could not be stored yet", err)
	}
	return nil
}

// Delete forgets the credential: here at once, and in the Store, under its
// lock. No refresh that is under way brings it back; other processes serve its
// access token to its end, and use its refresh token no more. If the Store
// fails, the error says that it still holds the token: call Delete again. Later
// calls to Token begin anew: client credentials are obtained again, and a user's
// credential needs a new login. Delete does not revoke the token at the server.
func (c *Cache) Delete(ctx context.Context) error {
	if err := c.storage().mistake(); err != nil {
		return errorf("Cache.Delete", err)
	}
	forget := func(error) { c.update(func(*state) *state { return new(state).with(none()) }) }
	forget(nil) // what a refresh under way brings is not wanted from here on
	err := c.write(ctx, func(ctx context.Context, x *session) error { return x.delete(ctx) }, forget)
	if err != nil {
		return errorf("Cache.Delete: the Store may still hold the token, call Delete again", err)
	}
	return nil
}

// write changes the record in the Store, under its lock, and then the state:
// commit is called with the Store's error, after the Store has answered and
// before anyone else writes there.
func (c *Cache) write(ctx context.Context, change func(context.Context, *session) error, commit func(error)) error {
	s := c.storage()
	lockCtx, cancel := context.WithTimeout(ctx, c.refreshTimeout())
	defer cancel()
	x, err := s.open(lockCtx)
	defer x.close()
	if err == nil {
		s.look(lockCtx)
		err = x.begin(ctx)
	}
	if err == nil {
		err = change(ctx, x)
	}
	commit(err)
	return err
}

// savedLate notes the outcome of a Put of t that took too long to wait for.
func (c *Cache) savedLate(t *Token, err error) {
	c.update(func(s *state) *state {
		if s.unsaved == nil || s.entry.token.AccessToken != t.AccessToken || s.entry.token.RefreshToken != t.RefreshToken {
			return s
		}
		if err != nil {
			return s.stillUnsaved(instant.Now())
		}
		return s.saved()
	})
}

// Invalidate makes the next call to Token wait for a new token, if t is still
// the current one; otherwise it does nothing. Its refresh token stays in use.
func (c *Cache) Invalidate(t *Token) {
	if t == nil {
		return
	}
	c.update(func(s *state) *state {
		if s.entry == nil || s.entry.token.AccessToken != t.AccessToken {
			return s
		}
		return s.invalidated()
	})
}

// Flush waits for a refresh that is under way, and stores the token if that is
// still to be done, as long as ctx allows. Call it before the program exits. It
// returns the Store's error, or that of ctx.
func (c *Cache) Flush(ctx context.Context) error {
	if usesItself(ctx, c) {
		return errorf("Cache.Flush", errWithin)
	}
	if landed := c.flight.current(); landed != nil {
		select {
		case <-landed: // whether it failed is for those who wait for a token
		case <-ctx.Done():
			return errorf("Cache.Flush", contextErr(ctx))
		}
	}
	if c.load().unsaved == nil {
		return nil
	}
	x, err := c.storage().open(ctx)
	defer x.close()
	x.wait = instant.Forever // as long as ctx allows: no caller waits for the token
	r := &refresh{cache: c}
	for err == nil && c.load().unsaved != nil { // again if another token replaces it meanwhile
		if err = r.adopt(ctx); err == nil {
			err = r.saveAgain(ctx, x)
		}
	}
	if err != nil {
		return errorf("Cache.Flush: the token could not be stored", err)
	}
	return nil
}

// TokenSource makes c an [oauth2.TokenSource] whose calls wait with ctx.
//
// Nothing calls [Cache.Renew] there: with oauth2.NewClient over it, a request
// whose token an API rejects fails, and so do the others until the token
// expires. Use [Transport] where requests are sent, and TokenSource for code
// that takes nothing else.
func (c *Cache) TokenSource(ctx context.Context) oauth2.TokenSource {
	return tokenSource{ctx, c}
}

// tokenSource has a context in it because oauth2.TokenSource's method has none.
type tokenSource struct {
	ctx   context.Context
	cache *Cache
}

func (s tokenSource) Token() (*Token, error) { return s.cache.Token(s.ctx) }

// overtaken reports whether a refresh failed with err because it had begun
// before Delete, while its caller came after: origin was the entry then.
func overtaken(origin *entry, err error) bool { return origin.deleted() && errors.Is(err, errDeleted) }

// begin returns a valid token other than rejected, which another goroutine may
// have put there just now, or else the current entry with the refresh that will
// bring its successor, or the failure that callers share while it is pointless
// to try again.
func (c *Cache) begin(ctx context.Context, rejected *entry, host string) (*entry, <-chan singleflight.Result, error) {
	if ctx.Err() != nil {
		return nil, nil, &TokenError{Err: contextErr(ctx)} // and no refresh is begun for it
	}
	if usesItself(ctx, c) {
		return nil, nil, &TokenError{Err: errWithin}
	}
	for {
		s, now := c.load(), instant.Now()
		o := c.outlook(s)
		seen := s.without(rejected)
		if seen.valid(now) {
			return s.entry, nil, nil
		}
		if due(seen, now, o) == nothing {
			return nil, nil, c.failureError(s, now)
		}
		if s.shared(o) || c.claim(s, now) {
			landed, _ := c.fly(ctx, s.entry, rejected, host)
			return s.entry, landed, nil
		}
	}
}

// wait returns the outcome of a refresh, or the error of ctx if that ends
// before.
func wait(ctx context.Context, landed <-chan singleflight.Result) (*entry, error) {
	select {
	case r := <-landed:
		return arrived(r)
	case <-ctx.Done():
		return left(ctx)
	}
}

// arrived is what a caller that waited gets of r. It is not inlined, and neither
// are left and state.without, for the sake of the waiting callers' stacks.
//
//go:noinline
func arrived(r singleflight.Result) (*entry, error) {
	e, _ := r.Val.(*entry)
	if r.Err != nil || e == nil || e.expiry.Reached(instant.Now()) {
		return nil, tokenError(r.Err)
	}
	return e, nil
}

// left is what a caller gets whose context has ended.
//
//go:noinline
func left(ctx context.Context) (*entry, error) { return nil, tokenError(contextErr(ctx)) }

// tokenError is the error of a caller that waited and got no token. It is a
// separate function to keep the stack of those who wait small.
func tokenError(err error) error {
	if err == nil {
		err = errExpired
	}
	if _, ok := errors.AsType[*TokenError](err); !ok {
		err = &TokenError{Err: err} // the work did not end in an orderly way
	}
	return err
}

var errExpired = errors.New("the new token expired, or was invalidated, before it could be used")

// claim takes it upon the caller to have done what is due in s.
func (c *Cache) claim(s *state, now instant.Time) bool {
	return c.swap(s, s.begun(now.Add(2*c.refreshTimeout()+saveTimeout)))
}

// fly joins the refresh that is under way, or begins one.
func (c *Cache) fly(ctx context.Context, origin, rejected *entry, host string) (landed <-chan singleflight.Result, fresh bool) {
	if landed := c.flight.current(); landed != nil {
		return landed, false // without the closures of takeOff: there may be very many such callers
	}
	return c.takeOff(ctx, origin, rejected, host)
}

// takeOff begins a refresh for the credential whose entry is origin, with the
// values of ctx, unless another caller has just begun one. Its goroutine ends
// when the refresh does, which each step's timeout sees to if the Source, the
// Store and their like return soon after their context ends.
func (c *Cache) takeOff(ctx context.Context, origin, rejected *entry, host string) (landed <-chan singleflight.Result, fresh bool) {
	return c.flight.join(func(dog *watchdog) (*entry, error) {
		ctx, cancel := context.WithCancel(detach(ctx))
		defer cancel()
		r := &refresh{cache: c, dog: dog, began: time.Now(), rejected: rejected, host: host}
		r.origin.Store(origin)
		r.slot.limit = c.Limit
		defer r.slot.free()
		dog.onBark(func(err error) error {
			cancel() // G7: it asks nothing more beside the next refresh
			r.slot.free()
			return r.lost(context.WithoutCancel(ctx), err)
		})
		return r.guarded(ctx)
	}, c.unclaim)
}

// unclaim ends every claim. It is called when no new caller can join the
// flight: one that claims what is due and joins a flight in its last moments
// must not keep others from it.
func (c *Cache) unclaim() { c.update(func(s *state) *state { return s.ended() }) }

// empty is the state of a Cache about which nothing is known.
var empty = new(state)

func (c *Cache) load() *state {
	if s := c.state.Load(); s != nil {
		return s
	}
	return empty
}

// swap replaces old by s, if it is still the state.
func (c *Cache) swap(old, s *state) bool {
	if old == empty {
		old = nil
	}
	return c.state.CompareAndSwap(old, s)
}

// update replaces the state by what change makes of it. change may be called
// several times.
func (c *Cache) update(change func(*state) *state) {
	for {
		old := c.load()
		if s := change(old); s == old || c.swap(old, s) {
			return
		}
	}
}

// updateToken is update while e is the entry. It reports whether it was.
func (c *Cache) updateToken(e *entry, change func(*state) *state) bool {
	for {
		old := c.load()
		if old.entry != e {
			return false
		}
		if c.swap(old, change(old)) {
			return true
		}
	}
}

// dated returns t with its Expiry set from DefaultLifetime, if it has none, so
// that a restart does not prolong its life.
func (c *Cache) dated(t *Token) *Token {
	if t.AccessToken == "" || !t.Expiry.IsZero() || c.DefaultLifetime <= 0 {
		return t
	}
	d := *t
	d.Expiry = time.Now().Add(min(c.DefaultLifetime, instant.Forever))
	return &d
}

func (c *Cache) newEntry(t *Token) *entry { return newEntry(t, c.RefreshBefore, time.Now()) }

func (c *Cache) refreshTimeout() time.Duration {
	if c.RefreshTimeout > 0 {
		return min(c.RefreshTimeout, instant.Forever/8) // so that sums do not overflow
	}
	return defaultTimeout
}

const defaultTimeout = 30 * time.Second

// storage is the Store's part; nil without a Store.
func (c *Cache) storage() *storage {
	if c.Store == nil {
		return nil
	}
	if s := c.stored.Load(); s != nil {
		return s
	}
	c.stored.CompareAndSwap(nil, &storage{
		store:   c.Store,
		key:     c.Key,
		self:    rand.Text(),
		bound:   bindingOf(c.Source),
		extras:  c.Extras,
		writing: make(chan struct{}, 1),
		failed: func(ctx context.Context, op string, err error) {
			c.observer().tell(ctx, storeFailed, Event{Op: op, Err: err})
		},
	})
	return c.stored.Load()
}

// endpoint returns the Source with its Breaker.
func (c *Cache) endpoint() *endpoint {
	e := &endpoint{source: c.Source, repeats: c.RetryFor >= 0, circuit: c.circuit, start: c.startCircuit}
	if _, ok := c.Breaker.(*CircuitBreaker); !ok {
		e.foreign = c.Breaker
	}
	e.limits = limits{retryFor: c.retryFor(), openFor: longestPause, expiry: func() time.Duration {
		s := c.load()
		if s.entry == nil || s.rejected {
			return 0
		}
		return s.entry.expiry.Until(instant.Now())
	}}
	return e
}

// retryFor is the span of failures after which callers share one: RetryFor, if
// anything is repeated.
func (c *Cache) retryFor() time.Duration {
	if c.RetryFor > 0 {
		return c.RetryFor
	}
	return defaultRetryFor
}

// circuit is the CircuitBreaker that paces the trials of an endpoint that
// fails; nil if none is shared and nothing has failed yet.
func (c *Cache) circuit() *CircuitBreaker {
	if b, ok := c.Breaker.(*CircuitBreaker); ok && b != nil {
		return b
	}
	return c.own.Load()
}

func (c *Cache) startCircuit() *CircuitBreaker {
	if b := c.circuit(); b != nil {
		return b
	}
	c.own.CompareAndSwap(nil, new(CircuitBreaker))
	return c.own.Load()
}

// outlook is what is known of the endpoint in state s. Without a failure of
// this Cache's own it does not matter.
func (c *Cache) outlook(s *state) outlook {
	b := c.circuit()
	if s.failure == nil || b == nil {
		return outlook{}
	}
	return b.outage.outlook()
}

// failureError is the failure that callers share in state s.
func (c *Cache) failureError(s *state, now instant.Time) error {
	f := s.failure
	if f == nil {
		return &TokenError{Err: errExpired}
	}
	te := &TokenError{Err: f.err, RetryAfter: c.retryAfter(s, now)}
	if f.kind == sick && c.outlook(s).open && (c.Breaker == nil || c.Breaker == Breaker(c.circuit())) {
		te.Err = openError(ErrBreakerOpen, f.err)
	}
	return te
}

// retryAfter is when it makes sense to ask again, in state s; zero if time
// alone does not help.
func (c *Cache) retryAfter(s *state, now instant.Time) time.Duration {
	f := s.failure
	if f == nil || f.final || needsLogin(f.err) || mistake.Is(f.err) {
		return 0
	}
	return c.pause(s, now)
}

// pause is how long the Source is left alone in state s when there is no valid
// token.
func (c *Cache) pause(s *state, now instant.Time) time.Duration {
	f := s.failure
	switch {
	case f == nil:
		return 0
	case f.kind == sick:
		return max(f.until.Until(now), c.outlook(s).trial.Until(now))
	}
	return f.until.Until(now)
}

// tellBreaker tells the hooks what became of the Breaker.
func (c *Cache) tellBreaker(ctx context.Context, e *endpoint) {
	b := e.circuit()
	if b == nil || e.foreign != nil {
		return
	}
	for _, change := range b.takeChanges() {
		c.observer().tell(ctx, breakerChanged, Event{From: change.from, To: change.to})
	}
}
