package bearer

import (
	"math/rand/v2"
	"time"
)

// An entry is a published token with its deadlines. It is not changed once
// Cache.current points to it, so that readers need one atomic load and no lock.
// What the fast path needs is in one cache line, and the token follows it.
type entry struct {
	token  *Token     // points to copy, of this entry or of the one it was copied from
	header *[1]string // value of the Authorization header, shared by all requests

	// look is when the Cache has something to do for this entry: the start
	// of the refresh window, or earlier or later than that when a refresh is
	// under way, has failed, or the token is still to be saved.
	look   instant
	expiry instant       // from here on the token is not served
	ahead  time.Duration // how long before expiry the refresh window starts

	// id tells one token from the next; the copies of an entry that differ
	// in look share it.
	id uint64

	// copy is the Cache's own: what a Source or a caller does with the token
	// it gave does not matter.
	copy Token
}

// window is when a refresh behind the requests is due.
func (e *entry) window() instant { return e.expiry.add(-e.ahead) }

// lookAt returns a copy of e that is looked after at i, or at its expiry.
func (e *entry) lookAt(i instant) *entry {
	c := *e
	c.look = instant{mono: min(i.mono, e.expiry.mono), wall: min(i.wall, e.expiry.wall)}
	return &c
}

// newEntry returns t's entry, as of now.
func (c *Cache) newEntry(t *Token, now time.Time) *entry {
	e := &entry{
		copy:   *t,
		header: &[1]string{"Bearer " + t.AccessToken},
		look:   past,
		expiry: past,
	}
	e.token = &e.copy
	if t.AccessToken == "" {
		return e // only a refresh token: expired from the start
	}
	expiry := t.Expiry
	if expiry.IsZero() {
		expiry = now.Add(forever)
		if c.DefaultLifetime > 0 {
			expiry = now.Add(c.DefaultLifetime)
		}
	}
	lifetime := min(expiry.Sub(now), forever)
	if lifetime <= 0 {
		return e
	}
	at := instantOf(now)
	e.expiry = at.add(lifetime)
	e.ahead = c.ahead(lifetime)
	e.look = e.window()
	return e
}

// ahead is how long before expiry a token of this lifetime is refreshed. A
// third leaves time for several tries, and a server whose tokens are short is
// not asked much more often than it has to be.
func (c *Cache) ahead(lifetime time.Duration) time.Duration {
	w := c.RefreshBefore
	if w < 0 || lifetime >= forever {
		return 0
	}
	if w == 0 {
		w = 5 * time.Minute
	}
	w = min(w, lifetime/3)
	return w - rand.N(w/5+1)
}
