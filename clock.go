package bearer

import (
	"math"
	"sync/atomic"
	"time"
)

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

func instantOf(t time.Time) instant {
	return instant{mono: int64(t.Sub(epoch)), wall: t.UnixNano()}
}

// present is the present instant, by one reading of the monotonic clock. The wall
// clock takes as long again to read, and goes another way only after somebody has
// set it or the machine was suspended: it is read when wallClockEvery has passed.
func present() instant {
	mono := int64(time.Since(epoch))
	look := lastLook.Load()
	if look == nil || mono < look.mono || mono-look.mono >= wallClockEvery {
		now := instantOf(time.Now())
		lastLook.Store(&now)
		return now
	}
	return instant{mono: mono, wall: look.wall + mono - look.mono}
}

// lastLook is the last reading of both clocks. It is replaced as a whole, for they
// belong together. One that lies ahead is of another time: that of a
// testing/synctest bubble.
var lastLook atomic.Pointer[instant]

const wallClockEvery = int64(10 * time.Millisecond)

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
