package bearer

import (
	"context"
	"math"
	"testing"
	"testing/synctest"
	"time"
)

// G14: each clock alone makes an instant come: the monotonic one when the wall
// clock is set back, the wall clock when the machine was suspended.
func TestEachClockAloneExpires(t *testing.T) {
	at := instantOf(time.Now()).add(time.Hour)
	for _, row := range []struct {
		name       string
		mono, wall time.Duration // since then, on each clock
		want       bool
	}{
		{"before", 59 * time.Minute, 59 * time.Minute, false},
		{"just then", time.Hour, time.Hour, true},
		{"after", 61 * time.Minute, 61 * time.Minute, true},
		{"suspended for two hours", time.Minute, 2 * time.Hour, true},
		{"wall clock set back by a day", time.Hour, -23 * time.Hour, true},
		{"wall clock set back, not yet expired", time.Minute, -23 * time.Hour, false},
	} {
		now := at.add(-time.Hour)
		now.mono += int64(row.mono)
		now.wall += int64(row.wall)
		if got := at.reached(now); got != row.want {
			t.Errorf("%s: got reached %v, want %v", row.name, got, row.want)
		}
		if got := at.until(now); got < 0 || (got == 0) != row.want {
			t.Errorf("%s: got %v to go, reached %v", row.name, got, row.want)
		}
	}
	if now := instantOf(time.Now()); !past.reached(now) || past.until(now) != 0 {
		t.Error("the past has not come")
	}
}

// G14: a token is judged by both clocks.
func TestTokenIsJudgedByBothClocks(t *testing.T) {
	now := time.Now()
	e := new(Cache).newEntry(&Token{AccessToken: "a", Expiry: now.Add(time.Hour)}, now)
	suspended, setBack := instantOf(now), instantOf(now)
	suspended.wall += int64(time.Hour)
	setBack.mono += int64(time.Hour)
	setBack.wall -= int64(time.Hour)
	if e.expiry.reached(instantOf(now)) || !e.expiry.reached(suspended) || !e.expiry.reached(setBack) {
		t.Errorf("got expired %v now, %v after a suspension, %v with the wall clock set back; want false, true, true",
			e.expiry.reached(instantOf(now)), e.expiry.reached(suspended), e.expiry.reached(setBack))
	}
}

// G14: a Cache asks both clocks.
func TestCacheAsksBothClocks(t *testing.T) {
	for name, expire := range map[string]func(*entry){
		"wall":      func(e *entry) { e.look.wall, e.expiry.wall = past.wall, past.wall },
		"monotonic": func(e *entry) { e.look.mono, e.expiry.mono = past.mono, past.mono },
	} {
		synctest.Test(t, func(t *testing.T) {
			calls := 0
			c := &Cache{Source: SourceFunc(func(context.Context) (*Token, error) {
				calls++
				return &Token{AccessToken: "a", Expiry: time.Now().Add(time.Hour)}, nil
			})}
			if _, err := c.Token(t.Context()); err != nil {
				t.Fatal(err)
			}
			expired := *c.current.Load()
			expire(&expired)
			c.current.Store(&expired)
			if _, err := c.Token(t.Context()); err != nil || calls != 2 {
				t.Errorf("%s clock: got %d calls and error %v, want a second call", name, calls, err)
			}
		})
	}
}

// G14: that the wall clock was set is noticed within wallClockEvery.
func TestWallClockThatWasSet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, by := range []time.Duration{time.Hour, -time.Hour} {
			before := instantOf(time.Now())
			before.wall -= int64(by) // since then it was set by so much
			lastLook.Store(&before)
			time.Sleep(time.Duration(wallClockEvery) - 1)
			if got, want := present(), before.add(time.Duration(wallClockEvery)-1); got != want {
				t.Errorf("set by %v, just before: got %v, want %v", by, got, want)
			}
			time.Sleep(time.Nanosecond)
			if got, want := present(), instantOf(time.Now()); got != want {
				t.Errorf("set by %v: got %v, want %v", by, got, want)
			}
		}
	})
}

// A bubble's time and the world's do not get mixed up.
func TestClocksOfABubble(t *testing.T) {
	check := func() {
		got, want := present(), instantOf(time.Now())
		if d := want.mono - got.mono; d < 0 || time.Duration(want.wall-got.wall-d).Abs() > time.Second {
			t.Errorf("got %v, want about %v", got, want)
		}
	}
	for range 3 {
		check()
		synctest.Test(t, func(*testing.T) { check() })
	}
}

// No lifetime overflows: the longest are as good as for ever, and one in the
// past is none.
func TestLifetimesAtTheEdges(t *testing.T) {
	now := time.Now()
	for _, row := range []struct {
		name     string
		expiry   time.Time
		fallback time.Duration
		valid    bool
	}{
		{"zero", time.Time{}, 0, true},
		{"zero, huge default", time.Time{}, math.MaxInt64, true},
		{"year 9999", time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC), 0, true},
		{"the last there is", time.Unix(math.MaxInt64-62135596801, 999999999), 0, true},
		{"1970", time.Unix(0, 0), 0, false},
		{"year 1", time.Time{}.Add(1), 0, false},
		{"now", now, 0, false},
		{"in a nanosecond", now.Add(1), 0, true},
	} {
		e := (&Cache{DefaultLifetime: row.fallback, RefreshBefore: math.MaxInt64}).newEntry(&Token{AccessToken: "a", Expiry: row.expiry}, now)
		if got := !e.expiry.reached(instantOf(now)); got != row.valid {
			t.Errorf("%s: got valid %v, want %v", row.name, got, row.valid)
		}
		if e.window().mono > e.expiry.mono || e.look.mono > e.expiry.mono || row.valid && e.expiry.wall <= now.UnixNano() {
			t.Errorf("%s: got window %v, look %v, expiry %v, want them in this order and after now", row.name, e.window(), e.look, e.expiry)
		}
	}
}

// A refresh token alone is never served as an access token.
func TestRefreshTokenAloneIsExpired(t *testing.T) {
	now := time.Now()
	e := new(Cache).newEntry(&Token{RefreshToken: "r", Expiry: now.Add(time.Hour)}, now)
	if !e.expiry.reached(instantOf(now)) || !e.look.reached(instantOf(now)) {
		t.Error("got a valid entry, want an expired one")
	}
}
