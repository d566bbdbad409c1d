package bearer

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"
)

// longestPause caps the pauses that grow: half a minute after an endpoint is
// well again, everybody has noticed. A server may ask for a longer one, see
// longestRetryAfter.
const longestPause = 30 * time.Second

// shortestPause is for where nothing says how long a pause should be.
const shortestPause = 100 * time.Millisecond

// firstPause caps the pause after the first failure: after a time-out the
// endpoint may be well again at once.
const firstPause = 5 * time.Second

// doubling is first, doubled n times, at most longestPause.
func doubling(first time.Duration, n int) time.Duration {
	for ; n > 0 && first < longestPause; n-- {
		first *= 2
	}
	return min(first, longestPause)
}

// jittered takes off up to a quarter at random, so that a fleet that met the
// same failure does not come back in step.
func jittered(d time.Duration) time.Duration {
	return d - rand.N(d/4+1)
}

// A failure is what a Cache remembers of refreshes that failed, until one
// works. It is not changed once it was published.
type failure struct {
	err  error
	n    int     // in a row
	till instant // nobody who waits for a token asks again before

	// permanent: the same request would meet the same answer. The Source is
	// not asked again for the token with the id stale.
	permanent bool
	stale     uint64

	// dead is the id of the token whose refresh token was refused, when the
	// Source may still give one from scratch; 0: none.
	dead uint64
}

// next is the failure that follows f, which can be nil, when a refresh of the
// token with the id stale, begun at start, ended with err at now. The token in
// use is still valid for left, which is 0 if there is none.
//
// Those who have no token wait as long again as the failed refresh took, at most
// 5 s at first, then twice that, and so on: all requests that come meanwhile
// share the failure, and an endpoint that fails at once is asked again sooner than
// one that takes its time. When a valid token expires, the endpoint is asked
// before anybody is turned away.
func (f *failure) next(err error, stale uint64, left time.Duration, start, now time.Time) *failure {
	n := 0
	if f != nil {
		n = f.n
	}
	next := &failure{err: err, n: n + 1, permanent: permanent(err), stale: stale}
	var pause, asked time.Duration // asked for by the server, expiry or not
	te, refused := errors.AsType[*TokenError](err)
	switch {
	case refused:
		// The breaker, or a Cache that is the Source, knows itself when. One
		// that does not, such as a breaker that is half open, is not asked,
		// with the Store locked and the hooks told, for every request.
		next.err, next.n, next.permanent = te.Err, max(1, n), false
		pause = max(te.RetryAfter, shortestPause)
	case next.permanent:
		pause = doubling(time.Second, n) // only to look whether the Store or the secret has changed
	case maybeSpent(err):
		pause = doubling(max(min(now.Sub(start), firstPause), time.Second), n)
	default:
		pause = doubling(min(now.Sub(start), firstPause), n)
	}
	if left > 0 {
		pause = min(pause, left)
	}
	if !refused {
		asked = min(retryAfter(err, now), longestRetryAfter)
	}
	next.till = instantOf(now).add(max(pause, asked))
	return next
}

// lasts reports whether f, which can be nil, is permanent and nothing has
// changed that it depended on: neither the token, nor the client's secret, about
// which an error of package grant can tell.
func (f *failure) lasts(ctx context.Context, current *entry) bool {
	if f == nil || !f.permanent || f.stale != idOf(current) {
		return false
	}
	s, ok := errors.AsType[interface {
		error
		Superseded(context.Context) bool
	}](f.err)
	return !ok || !s.Superseded(ctx)
}

// maybeSpent reports whether err leaves it open that the refresh token has been
// used, and its successor was lost with the answer. Errors of package grant say
// so.
func maybeSpent(err error) bool {
	s, ok := errors.AsType[interface {
		error
		MaybeSpent() bool
	}](err)
	return ok && s.MaybeSpent()
}

// longestRetryAfter caps what a server may ask for.
const longestRetryAfter = 10 * time.Minute

// pauseBehind is the pause before the next refresh behind a token that is
// valid for left.
func (f *failure) pauseBehind(left time.Duration, now instant) time.Duration {
	if maybeSpent(f.err) {
		// To use a refresh token twice looks like theft, and can end the
		// valid token too (RFC 9700 section 4.14.2). So not before there is
		// nothing left to lose.
		return left
	}
	pause := jittered(doubling(time.Second, f.n-1))
	// Several more tries before the token expires, but no hammering.
	pause = min(pause, max(left/4, shortestPause))
	return max(pause, f.till.until(now))
}

// retryAfter is when it makes sense to ask again; zero if time does not help.
func (f *failure) retryAfter(now instant) time.Duration {
	if f.permanent {
		return 0
	}
	return f.till.until(now)
}

// error is what a caller gets while f lasts.
func (f *failure) error(now instant) error {
	return &TokenError{Err: f.err, RetryAfter: f.retryAfter(now)}
}

// Renewals keep a server that rejects fresh tokens too (a wrong audience, a
// user who is blocked) from costing a refresh per request.
type renewals struct {
	futile int     // renewals since one whose token was accepted
	next   instant // no renewal before
}

var errFreshRejected = errors.New("the API rejects new tokens too: check the audience, the scopes and the account that they are for")

// allow says whether a rejected token may be renewed.
func (r *renewals) allow(now instant) error {
	if r.futile > 0 && !r.next.reached(now) {
		return &TokenError{Err: errFreshRejected, RetryAfter: r.next.until(now)}
	}
	return nil
}

// renewed counts a renewal. It is futile until its token was accepted.
func (r *renewals) renewed(now instant) {
	r.futile++
	r.next = now.add(doubling(time.Second, r.futile-1))
}

// errSameToken is the cause when a renewal brought the rejected token again.
var errSameToken = errors.New("the Source returned the token that was rejected: it must not cache")
