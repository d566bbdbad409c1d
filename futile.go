package bearer

import (
	"errors"
	"slices"
	"time"

	"example.com/bearer/internal/instant"
)

// A futile remembers for which hosts tokens were renewed that those hosts have
// not accepted since: a wrong audience or a blocked user must not cost a refresh
// per request. It is counted per host, so that an API that rejects every token
// does not cost renewals because another one accepts them. Methods return a new
// value; an existing one never changes.
type futile []futileHost

type futileHost struct {
	host string // "" if no replay will tell: with Renew, or for requests that cannot be replayed
	n    int    // renewals since a token was accepted
	last instant.Time
}

// mostFutile bounds the list. Beyond it the host that was renewed for least
// recently is forgotten, which costs one renewal more.
const mostFutile = 8

// quietAfter is how long after its last renewal a token counts as accepted if
// no replay can tell.
const quietAfter = time.Minute

var errFreshRejected = errors.New("the API rejects new tokens too: check the audience, the scopes and the account that they are for")

func (f futile) index(host string) int {
	return slices.IndexFunc(f, func(h futileHost) bool { return h.host == host })
}

// has reports whether there were renewals for host since it last accepted a
// token.
func (f futile) has(host string) bool { return f.index(host) >= 0 }

// count returns how many renewals for host have not helped, as far as is known
// at now. Without a replay nothing may tell whether a token was accepted, so the
// first renewal does not count, and none does after quietAfter.
func (f futile) count(host string, now instant.Time) int {
	i := f.index(host)
	switch {
	case i < 0:
		return 0
	case host != "":
		return f[i].n
	case f[i].last.Since(now) >= quietAfter:
		return 0
	}
	return f[i].n - 1
}

// allow says why a token that host rejected is not to be renewed at now.
func (f futile) allow(host string, now instant.Time) error {
	n := f.count(host, now)
	if n < 1 {
		return nil
	}
	next := f[f.index(host)].last.Add(renewalPause(n))
	if next.Reached(now) {
		return nil
	}
	return &TokenError{Err: errFreshRejected, RetryAfter: next.Until(now)}
}

// renewed notes a renewal for host. It is futile until the host accepts the
// new token.
func (f futile) renewed(host string, now instant.Time) futile {
	h := futileHost{host: host}
	f = slices.Clone(f)
	if i := f.index(host); i >= 0 {
		h = f[i]
		f = slices.Delete(f, i, i+1)
	}
	if host == "" && h.last.Since(now) >= quietAfter {
		h.n = 0
	}
	h.n++
	h.last = now
	if len(f) == mostFutile { // ordered by last
		f = f[1:]
	}
	return append(f, h)
}

// accepted notes that host accepted a renewed token.
func (f futile) accepted(host string) futile {
	i := f.index(host)
	if i < 0 {
		return f
	}
	return slices.Delete(slices.Clone(f), i, i+1)
}
