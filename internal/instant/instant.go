// Package instant tells the time by two clocks at once. The monotonic clock
// stands still while the machine is suspended, and the wall clock can be set
// back: what has to happen at a certain time is due when either clock says so.
package instant

import (
	"math"
	"time"
)

// Forever is the longest distance of a [Time] from now. Longer ones count as
// this, so that no sum overflows.
const Forever = 100 * 365 * 24 * time.Hour

// A Time is a point in time on both clocks, in nanoseconds. The zero value is
// past, as is [Past].
type Time struct {
	Mono int64 // since an arbitrary moment in this process
	Wall int64 // since 1970
}

// Past precedes every reading of either clock, by little enough that adding a
// duration cannot overflow.
var Past = Time{Mono: math.MinInt64 / 2, Wall: math.MinInt64 / 2}

// epoch is where the monotonic clock is counted from.
var epoch = time.Now()

// Now returns the present time. It costs one call of [time.Now].
func Now() Time { return reading(time.Now()) }

func reading(t time.Time) Time { return Time{Mono: int64(t.Sub(epoch)), Wall: t.UnixNano()} }

// At returns the instant of t, seen from now, which is a reading of
// [time.Now]. If t has no reading of the monotonic clock, for instance because
// it was stored, the time that is left until t counts on both clocks.
func At(t, now time.Time) Time {
	wall := t.Round(0).Sub(now.Round(0))
	mono := wall
	if t != t.Round(0) { // t has a reading of the monotonic clock
		mono = t.Sub(now)
	}
	n := reading(now)
	return Time{Mono: n.Mono + clamp(mono), Wall: n.Wall + clamp(wall)}
}

func clamp(d time.Duration) int64 { return int64(max(-Forever, min(d, Forever))) }

// Add returns i+d on both clocks.
func (i Time) Add(d time.Duration) Time {
	return Time{Mono: i.Mono + clamp(d), Wall: i.Wall + clamp(d)}
}

// Reached reports whether i has come at now, by either clock.
func (i Time) Reached(now Time) bool { return now.Mono >= i.Mono || now.Wall >= i.Wall }

// Until returns how far away i is. It is never negative.
func (i Time) Until(now Time) time.Duration {
	return time.Duration(max(0, min(i.Mono-now.Mono, i.Wall-now.Wall)))
}

// Since returns the time that has passed since i, by the clock that saw more
// of it. It is never negative.
func (i Time) Since(now Time) time.Duration {
	return time.Duration(max(0, now.Mono-i.Mono, now.Wall-i.Wall))
}

// Later returns the later of i and j, on each clock.
func (i Time) Later(j Time) Time {
	return Time{Mono: max(i.Mono, j.Mono), Wall: max(i.Wall, j.Wall)}
}

// Earlier returns the earlier of i and j, on each clock.
func (i Time) Earlier(j Time) Time {
	return Time{Mono: min(i.Mono, j.Mono), Wall: min(i.Wall, j.Wall)}
}
