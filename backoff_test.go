package bearer_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"example.com/bearer"
)

// callTimes calls Token every step for the time given, and returns when the
// Source was called.
func callTimes(t *testing.T, takes, step, total time.Duration, err error) []time.Duration {
	start := time.Now()
	var at []time.Duration
	c := &bearer.Cache{Breaker: bearer.NoBreaker, Source: bearer.SourceFunc(func(context.Context) (*bearer.Token, error) {
		at = append(at, time.Since(start))
		time.Sleep(takes)
		return nil, err
	})}
	for time.Since(start) < total {
		if _, err := c.Token(t.Context()); err == nil {
			t.Fatal("got a token, want an error")
		}
		time.Sleep(step)
	}
	return at
}

// A failing endpoint is asked with growing pauses, which begin with the time
// that a failure takes and end at half a minute.
func TestPausesGrow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at := callTimes(t, 10*time.Millisecond, time.Millisecond, 5*time.Minute, errDown)
		for i := 1; i < len(at)-1; i++ {
			pause := at[i] - at[i-1] - 10*time.Millisecond
			want := min(10*time.Millisecond<<(i-1), 30*time.Second)
			if pause < want || pause > want+12*time.Millisecond {
				t.Errorf("pause %d: got %v, want %v", i, pause, want)
			}
		}
		if n := len(at); n < 12 || n > 25 {
			t.Errorf("got %d calls in 5 minutes, want some 20", n)
		}
	})
}

// A failure that took long, by a time-out, does not mean as long a pause: the
// endpoint may be well again at once.
func TestPauseAfterATimeOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const takes, step = 20 * time.Second, 10 * time.Millisecond
		at := callTimes(t, takes, step, 50*time.Second, errDown)
		if len(at) != 2 {
			t.Fatalf("got %d calls, want 2", len(at))
		}
		if pause := at[1] - at[0] - takes; pause < 5*time.Second || pause > 5*time.Second+2*step {
			t.Errorf("got a pause of %v, want 5s", pause)
		}
	})
}

// Everybody who comes in the pause gets the failure with the time to come
// back, at once and without a call.
func TestFailureIsSharedInThePause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		c := &bearer.Cache{Source: bearer.SourceFunc(func(context.Context) (*bearer.Token, error) {
			calls++
			time.Sleep(time.Second)
			return nil, errDown
		})}
		_, _ = c.Token(t.Context())
		start := time.Now()
		time.Sleep(400 * time.Millisecond)
		_, err := c.Token(t.Context())
		var te *bearer.TokenError
		if !errors.As(err, &te) || te.RetryAfter != 600*time.Millisecond || !errors.Is(err, errDown) || calls != 1 {
			t.Fatalf("got %v after %d calls, want the failure, to come back in 600ms, after 1", err, calls)
		}
		if time.Since(start) != 400*time.Millisecond {
			t.Errorf("the answer took %v, want none", time.Since(start)-400*time.Millisecond)
		}
		time.Sleep(te.RetryAfter)
		if _, _ = c.Token(t.Context()); calls != 2 {
			t.Errorf("after RetryAfter: got %d calls, want 2", calls)
		}
	})
}

// Retry-After is honoured, in seconds or as a date, but not without limit.
func TestRetryAfterIsHonoured(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, row := range []struct {
			header string
			want   time.Duration
		}{
			{"60", time.Minute},
			{time.Now().Add(time.Minute).UTC().Format("Mon, 02 Jan 2006 15:04:05 GMT"), time.Minute},
			{"86400", 10 * time.Minute},
			{"99999999999999999999", 10 * time.Minute},
			{"-5", 0},
			{"soon", 0},
		} {
			busy := refused(503, "")
			busy.Response.Header.Set("Retry-After", row.header)
			c := &bearer.Cache{Source: bearer.SourceFunc(func(context.Context) (*bearer.Token, error) { return nil, busy })}
			_, err := c.Token(t.Context())
			var te *bearer.TokenError
			if !errors.As(err, &te) || te.RetryAfter != row.want {
				t.Errorf("Retry-After %q: got %v, want %v", row.header, err, row.want)
			}
		}
	})
}

// G9: Retry-After is honoured behind a valid token too.
func TestRetryAfterIsHonouredBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		busy := refused(503, "")
		busy.Response.Header.Set("Retry-After", "60")
		c := &bearer.Cache{Source: bearer.SourceFunc(func(context.Context) (*bearer.Token, error) {
			if calls++; calls == 1 {
				return token("t", time.Hour), nil
			}
			return nil, busy
		})}
		for range 3599 {
			if _, err := c.Token(t.Context()); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
		}
		if calls < 5 || calls > 7 {
			t.Errorf("got %d calls in the 5 minutes of the window, want one a minute", calls-1)
		}
	})
}

// G12: renewals of tokens that never work back off, with the time to come
// back; the current token stays.
func TestFutileRenewalsBackOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &mint{lifetime: time.Hour}
		c := &bearer.Cache{Source: m}
		for start := time.Now(); time.Since(start) < 10*time.Second; time.Sleep(time.Millisecond) {
			got, err := c.Token(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if _, err := c.Renew(t.Context(), got); err != nil {
				var te *bearer.TokenError
				if !errors.As(err, &te) || te.RetryAfter <= 0 {
					t.Fatalf("got %v, want a *TokenError with the time to come back", err)
				}
			}
		}
		// The first token, and renewals after 0, 1, 3 and 7 seconds.
		if n := m.calls.Load(); n != 5 {
			t.Errorf("got %d calls in 10s, want 5", n)
		}
	})
}

// Set is a new beginning for renewals too.
func TestSetForgetsFutileRenewals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &bearer.Cache{Source: &mint{lifetime: time.Hour}}
		got, _ := c.Token(t.Context())
		got, _ = c.Renew(t.Context(), got)
		if _, err := c.Renew(t.Context(), got); err == nil {
			t.Fatal("a second renewal was made at once")
		}
		login := token("login", time.Hour)
		if err := c.Set(t.Context(), login); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Renew(t.Context(), login); err != nil {
			t.Errorf("got %v, want a new token", err)
		}
	})
}
