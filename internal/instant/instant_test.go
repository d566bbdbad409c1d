package instant

import (
	"math"
	"testing"
	"testing/synctest"
	"time"
)

// G14: each clock alone makes an instant come: the monotonic one when the wall
// clock was set back, the wall clock when the machine was suspended.
func TestEachClockAloneReaches(t *testing.T) {
	at := Now().Add(time.Hour)
	for _, row := range []struct {
		name       string
		mono, wall time.Duration // that passed on each clock
		want       bool
	}{
		{"before", 59 * time.Minute, 59 * time.Minute, false},
		{"just then", time.Hour, time.Hour, true},
		{"after", 61 * time.Minute, 61 * time.Minute, true},
		{"suspended for two hours", time.Minute, 2 * time.Hour, true},
		{"wall clock set back by a day", time.Hour, -23 * time.Hour, true},
		{"wall clock set back, too early", time.Minute, -23 * time.Hour, false},
	} {
		now := at.Add(-time.Hour)
		now.Mono += int64(row.mono)
		now.Wall += int64(row.wall)
		if got := at.Reached(now); got != row.want {
			t.Errorf("%s: got reached %v, want %v", row.name, got, row.want)
		}
		if got := at.Until(now); got < 0 || (got == 0) != row.want {
			t.Errorf("%s: got %v to go, reached %v", row.name, got, row.want)
		}
	}
	if now := Now(); !Past.Reached(now) || Past.Until(now) != 0 || !(Time{}).Reached(now) {
		t.Error("the past has not come")
	}
}

// G14: a time that was read before a suspension counts by the wall clock, one
// without a monotonic reading by the time that is left.
func TestAt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := time.Now()
		n := reading(now)
		for _, row := range []struct {
			name       string
			t          time.Time
			mono, wall time.Duration
		}{
			{"a reading", now.Add(time.Hour), time.Hour, time.Hour},
			{"a stored time", now.Add(time.Hour).Round(0), time.Hour, time.Hour},
			{"in the past", now.Add(-time.Hour), -time.Hour, -time.Hour},
			{"far away", time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC), Forever, Forever},
			{"the largest time", time.Unix(math.MaxInt64-62135596801, 0), Forever, Forever},
			{"long ago", time.Time{}, -Forever, -Forever},
		} {
			got := At(row.t, now)
			if want := (Time{Mono: n.Mono + int64(row.mono), Wall: n.Wall + int64(row.wall)}); got != want {
				t.Errorf("%s: got %v, want %v", row.name, got, want)
			}
		}
	})
}
