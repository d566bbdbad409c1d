package bearer

import "time"

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
