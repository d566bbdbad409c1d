package bearer

import (
	"slices"
	"time"

	"example.com/bearer/internal/instant"
)

// An entry is a token that the Cache hands out, with its deadlines. It never
// changes, so requests share it without a lock. Two entries are the same token
// only if they are the same pointer.
type entry struct {
	header [1]string // value of the Authorization header
	token  Token     // the Cache's own copy
	expiry instant.Time
	window instant.Time // from here on the token is refreshed in the background
}

// none is the token of a credential that was deleted: it has neither an access
// token nor a refresh token, and is distinct from every other entry.
func none() *entry { return &entry{expiry: instant.Past, window: instant.Past} }

// deleted reports whether e, which may be nil, stands for a credential that was
// deleted.
func (e *entry) deleted() bool {
	return e != nil && e.token.AccessToken == "" && e.token.RefreshToken == ""
}

// newEntry returns t's entry, as of now. before is [Cache.RefreshBefore].
func newEntry(t *Token, before time.Duration, now time.Time) *entry {
	e := none()
	e.token = *t
	if t.AccessToken == "" {
		return e // only a refresh token: expired from the start
	}
	e.header[0] = "Bearer " + t.AccessToken
	n := instant.At(now, now)
	if t.Expiry.IsZero() {
		e.expiry = n.Add(instant.Forever)
		e.window = e.expiry
		return e
	}
	e.expiry = instant.At(t.Expiry, now)
	e.window = e.expiry.Add(-windowOf(e.expiry.Until(n), before))
	return e
}

// A state is what a Cache knows of its credential. It never changes: each
// transition below returns another one, which replaces it by compare-and-swap.
//
//	empty --set/load--> fresh --window--> stale --expiry--> expired
//	                      ^    (refresh in background)  (callers wait)
//	                      +------ commit <------+-------------+--> failed
//
// The functions in this file decide, and do nothing else: none of them locks,
// waits, or looks at a clock.
type state struct {
	// These are all that a request with a valid token reads.
	entry *entry       // nil until there was a token
	next  instant.Time // the Cache has nothing to do before, and the entry is valid until then

	// rejected says that an API did not accept the entry's token. It is as
	// good as expired.
	rejected bool

	// busy is set while a flight does what is due. Until then no other is
	// begun for it; should that flight get lost, the time brings another.
	busy instant.Time

	failure *failure // the last refresh, if it failed
	unsaved *unsaved // set while the Store lacks the entry's token
	futile  futile   // hosts that reject renewed tokens too
}

// A failure is what a Cache remembers of refreshes that failed, until one
// succeeds.
type failure struct {
	err  error
	kind failureKind
	n    int // in a row
	at   instant.Time

	until instant.Time // callers without a valid token share the failure until then
	retry instant.Time // no refresh in the background before

	// The Store, if there is one, is looked at again at look, for what other
	// processes put there.
	look   instant.Time
	looks  int
	stored bool

	// doubted is the entry whose refresh token was refused while its access
	// token was valid, which some servers do; dead is the one whose refresh
	// token was refused, as refused says, when nothing was left to lose. It is
	// not sent again.
	doubted *entry
	dead    *entry
	refused error

	// final says that only another token can help: the refresh token is dead,
	// and the Source has none from scratch.
	final bool

	// spent says that the refresh token may have been used, and its successor
	// lost with the answer, here or in a process that died. Until grace the
	// server accepts it again all the same.
	spent bool
	grace instant.Time

	// since is when the first failure in a row was, if another process told of
	// it: what is left of RetryFor is counted from then. given says that nothing
	// is left.
	since instant.Time
	given bool

	asked time.Duration // the pause that the server asked for
}

// spares reports whether at now the refresh token of e is left alone as long as
// its access token is valid: to send it again could end both.
func (f *failure) spares(e *entry, now instant.Time) bool { return f.lost(now) || f.doubts(e) }

// lost reports whether the refresh token may have been spent so long ago that
// the server does not accept it again.
func (f *failure) lost(now instant.Time) bool { return f.spent && f.grace.Reached(now) }

// doubts reports whether the refresh token of e was refused while its access
// token was valid.
func (f *failure) doubts(e *entry) bool { return e != nil && f.doubted == e }

// goesOn reports whether another failure at now belongs to the outage that other
// processes told of, as outage.fail decides for its own.
func (f *failure) goesOn(now instant.Time) bool {
	return f.since != (instant.Time{}) && f.at.Since(now) <= longestPause+defaultRetryFor
}

// secretMayChange reports whether the failure ends when the client's secret
// changes.
func (f *failure) secretMayChange() bool { return f.kind == refusal && supersedable(f.err) != nil }

// unsaved says what is known of a token that is not in the Store yet.
type unsaved struct {
	attempts int // that failed
	next     instant.Time
	login    bool // it came from Set, and does not succeed what the Store holds
}

// tokenOf is e's token; nil if there is no entry.
func tokenOf(e *entry) *Token {
	if e == nil {
		return nil
	}
	return &e.token
}

// same reports whether e and other have the same access token. Either may be
// nil.
func (e *entry) same(other *entry) bool {
	return e == other && e != nil || e != nil && other != nil && e.token.AccessToken == other.token.AccessToken
}

// valid reports whether the token can be handed out at now: it is neither
// expired nor rejected.
func (s *state) valid(now instant.Time) bool {
	return s.entry != nil && !s.rejected && !s.entry.expiry.Reached(now)
}

// A task is what a Cache has to do for its credential.
type task int

const (
	nothing task = iota
	look         // see what the Store holds; the Source is left alone
	save         // put the token into the Store
	ask          // ask the Source for a token, after a look at the Store
)

// An outlook is what the credential's token endpoint is known to be like.
type outlook struct {
	open  bool         // the endpoint has failed for RetryFor
	trial instant.Time // and is not asked before
	since instant.Time // of the first failure; zero: it is healthy
}

// due decides what happens next. With a valid token the task runs in the
// background. Without one callers wait for it, or, if it is nothing, share the
// failure.
func due(s *state, now instant.Time, o outlook) task {
	f := s.failure
	open := f != nil && f.kind == sick && o.open
	switch {
	case f == nil && !s.valid(now):
		return ask // whether or not a flight is under way: callers join it
	case !s.busy.Reached(now):
		if !s.valid(now) && s.shared(o) {
			return ask // likewise
		}
		return nothing
	case s.valid(now):
		switch {
		case s.entry.window.Reached(now) && (f == nil || f.retry.Reached(now) && !(open && !o.trial.Reached(now))):
			return ask
		case s.unsaved != nil && s.unsaved.next.Reached(now):
			return save
		case f != nil && f.stored && s.entry.window.Reached(now) && f.look.Reached(now):
			return look
		}
		return nothing
	case !f.final && f.until.Reached(now) && !(open && !o.trial.Reached(now)):
		return ask
	case f.stored && f.look.Reached(now) || f.secretMayChange():
		return look
	}
	return nothing
}

// shared reports whether callers without a token wait for what is due
// together. Otherwise only the one that begins it waits, and the others share
// the failure: it is a probe, and the failure is likely to be repeated. A
// refusal of a refresh token whose access token was still valid says little of
// the attempt at its expiry.
func (s *state) shared(o outlook) bool {
	f := s.failure
	return f == nil || f.kind == unfinished || f.kind == sick && !o.open && !f.given || f.secretMayChange() || f.kind == refusal && f.doubts(s.entry)
}

// scheduled returns s with next computed.
func (s state) scheduled() *state {
	e := s.entry
	if e == nil || s.rejected {
		s.next = instant.Past
		return &s
	}
	s.next = e.window
	if f := s.failure; f != nil {
		s.next = f.retry
		if f.stored {
			s.next = s.next.Earlier(f.look)
		}
		s.next = s.next.Later(e.window)
	}
	if s.unsaved != nil {
		s.next = s.next.Earlier(s.unsaved.next)
	}
	s.next = s.next.Later(s.busy).Earlier(e.expiry)
	return &s
}

// begun returns s while a flight does what is due, at most until the given
// time.
func (s state) begun(until instant.Time) *state {
	s.busy = until
	return s.scheduled()
}

// ended returns s when no flight does what is due.
func (s state) ended() *state {
	s.busy = instant.Past
	return s.scheduled()
}

// with returns the state that begins with e, which the Store holds. It forgets
// earlier failures, but not which hosts reject every token: those are no better
// than before.
func (s *state) with(e *entry) *state {
	return state{entry: e, futile: s.futile, rejected: s.rejected && e.same(s.entry)}.scheduled()
}

// renewed returns s, with its new token, after a renewal for host.
func (s state) renewed(host string, now instant.Time) *state {
	s.rejected = false
	s.futile = s.futile.renewed(host, now)
	return s.scheduled()
}

// accepted returns s after host accepted its token.
func (s state) accepted(host string) *state {
	s.futile = s.futile.accepted(host)
	return &s
}

// reject returns s after host rejected its token at now. A host that rejected
// a freshly renewed token as well does not speak for the others: the token stays
// valid for them.
func (s state) reject(host string, now instant.Time) *state {
	if s.futile.count(host, now) > 0 {
		return &s
	}
	return s.invalidated()
}

// invalidated returns s with a token that is as good as expired.
func (s state) invalidated() *state {
	s.rejected = true
	if f := s.failure; f != nil && (f.spent || f.doubts(s.entry)) {
		// The refresh token was left alone for the sake of the access token.
		again := *f
		again.until, again.retry = instant.Past, instant.Past
		s.failure = &again
	}
	return s.scheduled()
}

// without returns s as a caller sees it whose token was rejected. It is not
// inlined, as arrived is not.
//
//go:noinline
func (s *state) without(rejected *entry) *state {
	if s.entry.same(rejected) {
		return s.invalidated()
	}
	return s
}

// saved returns s after its token was put into the Store.
func (s state) saved() *state {
	s.unsaved = nil
	return s.scheduled()
}

// saveFailed returns s after another attempt to store its token failed at now.
func (s state) saveFailed(now instant.Time) *state {
	u := unsaved{attempts: 1}
	if s.unsaved != nil {
		u = *s.unsaved
		u.attempts++
	}
	u.next = now.Add(savePause(u.attempts))
	s.unsaved = &u
	return s.scheduled()
}

// stillUnsaved returns s after another attempt to store its token failed at
// now, unless it has been stored meanwhile.
func (s *state) stillUnsaved(now instant.Time) *state {
	if s.unsaved == nil {
		return s
	}
	return s.saveFailed(now)
}

// found returns s after the Store was read at now. The Store is what all
// processes agree on, so what it did not hold before replaces the token; but not
// what this Cache knew already when it got a token that is still to be stored.
func (s *state) found(f find, now instant.Time, entryOf func(*Token) *entry) *state {
	e := s.entry
	switch {
	case f.gone:
		// Deleted. The access token is served to its end.
		if e == nil || s.unsaved != nil && s.unsaved.login {
			return s
		}
		n := *s
		n.unsaved = nil
		if e.token.RefreshToken != "" {
			n.entry, n.failure = e.withRefreshToken(""), nil
		}
		return n.scheduled()
	case f.token == nil:
		return s
	case e == nil:
		return s.with(entryOf(f.token))
	case e.token.AccessToken == f.token.AccessToken && e.token.RefreshToken == f.token.RefreshToken:
		if s.unsaved != nil {
			return s.saved()
		}
		return s
	case !f.news, f.first && s.unsaved != nil:
		return s
	}
	stored := entryOf(f.token)
	if s.valid(now) && stored.expiry.Reached(now) {
		// Ours is good for a while, but theirs has the refresh token that
		// counts.
		stored = e.withRefreshToken(f.token.RefreshToken)
	}
	return s.with(stored)
}

// withRefreshToken returns e with another refresh token.
func (e *entry) withRefreshToken(refresh string) *entry {
	n := *e
	n.token.RefreshToken = refresh
	return &n
}

// looked returns s after a look at the Store, at now. If the client's secret is
// no longer the one that was refused, there is nothing to wait for.
func (s state) looked(now instant.Time, secretChanged bool) *state {
	if s.failure != nil {
		f := *s.failure
		f.looks++
		f.look = now.Add(lookPause(f.looks))
		if secretChanged {
			f.until, f.retry = instant.Past, instant.Past
		}
		s.failure = &f
	}
	return s.scheduled()
}

// failed returns s after a refresh that failed at now as f says. f lacks what
// follows from the failures before: what they showed about the refresh token
// stays true, though this one may have been of the Store.
func (s state) failed(f failure, now instant.Time) *state {
	s.busy = instant.Past
	if p := s.failure; p != nil {
		f.n, f.looks = p.n, p.looks
		if p.spent {
			f.spent, f.grace = true, p.grace // which counts from the first time
		}
		if p.goesOn(now) {
			f.since, f.given = p.since, p.given
		}
		if f.dead == nil {
			f.dead, f.refused = p.dead, p.refused
		}
		if f.dead == nil && f.doubted == nil {
			f.doubted = p.doubted
		}
	}
	if f.kind != breakerOpen || f.n == 0 { // else the endpoint was not asked
		f.n++
	}
	pause, retry := callerPause(&f), retryPause(&f)
	if f.kind == sick && f.given {
		pause = openPause(f.since.Since(now), longestPause) // the schedule of all processes
	}
	if s.valid(now) {
		left := s.entry.expiry.Until(now)
		pause = min(pause, left)                       // the endpoint is asked before callers are refused
		retry = min(retry, max(left/4, shortestPause)) // several more attempts before the token expires
		if f.spares(s.entry, now) {
			retry = left
		}
	}
	f.at = now
	f.until = now.Add(max(pause, f.asked))
	f.retry = now.Add(retry).Later(f.until)
	f.look = now.Add(lookPause(f.looks))
	s.failure = &f
	return s.scheduled()
}

// heard returns s with what the notes of other processes say, which the Store
// held beside the token of s; self writes those of this one.
func (s *state) heard(f find, self string, retryFor time.Duration, now time.Time) *state {
	if f.notes == nil || f.token != nil && (s.entry == nil || s.entry.token.AccessToken != f.token.AccessToken || s.entry.token.RefreshToken != f.token.RefreshToken) {
		return s // of another token
	}
	if futile := s.futile.told(f.notes.Renewals, now); !slices.Equal(futile, s.futile) {
		n := *s
		n.futile = futile
		s = &n
	}
	if r := f.notes.Failure; r != nil && r.By != self {
		s = s.told(r, retryFor, now)
	}
	return s
}

// told returns s with the failed refresh of another process, as r reports it for
// the token in s at now. It holds for r's pause, unless this process has failed
// later itself.
func (s *state) told(r *report, retryFor time.Duration, now time.Time) *state {
	n := instant.At(now, now)
	if !r.fresh(now) || s.failure != nil && s.failure.at.Since(n) <= now.Sub(r.At) {
		return s
	}
	until := n.Add(ahead(r.Until, now, longestPause))
	retry := n.Add(ahead(r.Retry, now, longestPause))
	f := failure{err: r.err(), n: 1, at: n.Add(-now.Sub(r.At)), stored: true}
	if p := s.failure; p != nil {
		f.n, f.looks, f.spent, f.grace = p.n, p.looks, p.spent, p.grace
		f.doubted, f.dead, f.refused = p.doubted, p.dead, p.refused
	}
	f.look = n.Add(lookPause(f.looks))
	if until.Reached(n) && retry.Reached(n) {
		return s
	}
	if r.Refused {
		f.kind = refusal // not final: that this process finds out by itself
	} else {
		f.since = n.Add(-max(0, now.Sub(r.Since)))
		f.given = f.since.Since(n) >= retryFor
	}
	if s.valid(n) {
		left := s.entry.expiry
		until, retry = until.Earlier(left), retry.Earlier(left) // the endpoint is asked before callers are refused
	}
	f.until, f.retry = until, retry
	t := *s
	t.failure = &f
	return t.scheduled()
}

// interrupted returns s at now when a refresh of its token has begun whose
// outcome nobody knows, in a process that has died or was suspended. Its refresh
// token may be spent, but not before grace.
func (s *state) interrupted(grace instant.Time, now instant.Time) *state {
	if s.failure != nil && s.failure.spent {
		return s
	}
	f := failure{kind: unfinished, at: now, stored: true}
	if s.failure != nil {
		f = *s.failure
	}
	f.err, f.spent, f.grace = errInterrupted, true, grace
	f.look = now.Add(lookPause(f.looks))
	t := *s
	t.failure = &f
	return t.scheduled()
}

// died returns s after a refresh that was given up learned late, as f says,
// that the refresh token is dead.
func (s state) died(f failure) *state {
	if s.failure != nil {
		n := *s.failure
		n.dead, n.refused = f.dead, f.refused
		s.failure = &n
	}
	return &s
}

// windowOf returns how long before its expiry a token with this lifetime is
// refreshed. A third of the lifetime leaves time for several attempts, and does
// not ask a server whose tokens are short much more often than necessary.
func windowOf(lifetime, before time.Duration) time.Duration {
	if before < 0 || lifetime >= instant.Forever {
		return 0
	}
	if before == 0 {
		before = 5 * time.Minute
	}
	w := min(before, lifetime/3)
	return w - random(w/5+1)
}
