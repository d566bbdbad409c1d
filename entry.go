package bearer

import (
	"math"
	"time"
)

// An entry is a published token with its deadlines. It is not changed once
// Cache.current points to it, so that readers need one atomic load and no lock.
// It fills one cache line.
type entry struct {
	token  *Token
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
}

// window is when a refresh behind the requests is due.
func (e *entry) window() instant { return e.expiry.add(-e.ahead) }

// An instant is a point in time on both clocks. It has come when either says
// so: the monotonic clock stands still while the machine is suspended, and the
// wall clock can be set back.
type instant struct {
	mono int64 // nanoseconds since epoch
	wall int64 // nanoseconds since 1970
}

// past has always come. Sums with it are no overflow.
var past = instant{mono: math.MinInt64 / 2, wall: math.MinInt64 / 2}

// epoch is where the monotonic clock is counted from.
var epoch = time.Now()

// monotonic is the mono of the present instant, for half the time that it takes
// to read both clocks.
func monotonic() int64 { return int64(time.Since(epoch)) }

func instantOf(t time.Time) instant {
	return instant{mono: int64(t.Sub(epoch)), wall: t.UnixNano()}
}

func (i instant) add(d time.Duration) instant {
	return instant{mono: i.mono + int64(d), wall: i.wall + int64(d)}
}

// reached reports whether i has come at now.
func (i instant) reached(now instant) bool {
	return now.mono >= i.mono || now.wall >= i.wall
}

// orLater returns the later of the two.
func (i instant) orLater(j instant) instant {
	return instant{mono: max(i.mono, j.mono), wall: max(i.wall, j.wall)}
}

// until is how far away i is; never negative.
func (i instant) until(now instant) time.Duration {
	return time.Duration(max(0, min(i.mono-now.mono, i.wall-now.wall)))
}

// forever stands for the lifetime of a token that does not tell it. It is also
// the longest lifetime, so that no addition overflows.
const forever = 100 * 365 * 24 * time.Hour

// lookAt returns a copy of e that is looked after at i, or at its expiry.
func (e *entry) lookAt(i instant) *entry {
	c := *e
	c.look = instant{mono: min(i.mono, e.expiry.mono), wall: min(i.wall, e.expiry.wall)}
	return &c
}
