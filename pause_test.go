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

// G17: while callers wait a failing endpoint is asked with pauses from 100 ms
// to 800 ms; after RetryFor for about each quarter of the outage, at most half a
// minute.
func TestPausesGrow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at := callTimes(t, 0, time.Millisecond, 5*time.Minute, errDown)
		for i := 1; i < len(at); i++ {
			pause := at[i] - at[i-1]
			want := min(100*time.Millisecond<<min(i-1, 3), 800*time.Millisecond)
			if at[i-1] >= 5*time.Second {
				want = min(max(time.Second, at[i-1]/4), 30*time.Second)
			}
			if (pause < want*3/4 && at[i] != 5*time.Second) || pause > want+2*time.Millisecond {
				t.Errorf("pause %d, after %v: got %v, want %v less a quarter at most", i, at[i-1], pause, want)
			}
		}
		if n := len(at); n < 25 || n > 45 {
			t.Errorf("got %d calls in 5 minutes, want some 35", n)
		}
	})
}

// What looks permanent is asked again too, with pauses from 1 s to 5 minutes.
func TestPausesAfterARefusal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at := callTimes(t, 0, 10*time.Millisecond, time.Hour, refused(401, "invalid_client"))
		for i := 1; i < len(at); i++ {
			pause, want := at[i]-at[i-1], min(time.Second<<(i-1), 5*time.Minute)
			if pause < want*3/4 || pause > want+20*time.Millisecond {
				t.Errorf("pause %d: got %v, want %v less a quarter at most", i, pause, want)
			}
		}
		if n := len(at); n < 18 || n > 26 {
			t.Errorf("got %d calls in an hour, want some 22", n)
		}
	})
}

// After RetryFor all callers get the failure with the time to come back, at
// once and without a call.
func TestFailureIsSharedInThePause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		c := &bearer.Cache{Source: bearer.SourceFunc(func(context.Context) (*bearer.Token, error) {
			calls++
			return nil, errDown
		})}
		_, _ = c.Token(t.Context())
		start, before := time.Now(), calls
		time.Sleep(400 * time.Millisecond)
		_, err := c.Token(t.Context())
		var te *bearer.TokenError
		if !errors.As(err, &te) || te.RetryAfter <= 0 || te.RetryAfter > time.Second || !errors.Is(err, errDown) || calls != before {
			t.Fatalf("got %v after %d more calls, want the failure, to come back within 1s, after none", err, calls-before)
		}
		if time.Since(start) != 400*time.Millisecond {
			t.Errorf("the answer took %v, want none", time.Since(start)-400*time.Millisecond)
		}
		time.Sleep(te.RetryAfter)
		if _, _ = c.Token(t.Context()); calls != before+1 {
			t.Errorf("after RetryAfter: got %d calls, want 1", calls-before)
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
			{"60", time.Minute}, // which no caller waits for
			{time.Now().Add(time.Minute).UTC().Format("Mon, 02 Jan 2006 15:04:05 GMT"), time.Minute},
			{"86400", 10 * time.Minute},
			{"99999999999999999999", 10 * time.Minute},
			{"-5", 0},
			{"soon", 0},
		} {
			busy := refused(503, "")
			busy.Response.Header.Set("Retry-After", row.header)
			c := &bearer.Cache{RetryFor: -1, Source: bearer.SourceFunc(func(context.Context) (*bearer.Token, error) { return nil, busy })}
			_, err := c.Token(t.Context())
			var te *bearer.TokenError
			if !errors.As(err, &te) || te.RetryAfter.Round(time.Second) != row.want {
				t.Errorf("Retry-After %q: got %v, want %v", row.header, err, row.want)
			}
		}
	})
}

// G9: Retry-After is honoured in the background too.
func TestRetryAfterIsHonouredInTheBackground(t *testing.T) {
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
		synctest.Wait()
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
		// The first token, two renewals at once, for without Accepted the
		// first may have helped, and others after 1, 3 and 7 seconds.
		if n := m.calls.Load(); n != 6 {
			t.Errorf("got %d calls in 10s, want 6", n)
		}
	})
}

// Set resets the pauses of renewals too.
func TestSetForgetsFutileRenewals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &bearer.Cache{Source: &mint{lifetime: time.Hour}}
		got, _ := c.Token(t.Context())
		for range 2 {
			got, _ = c.Renew(t.Context(), got)
		}
		if _, err := c.Renew(t.Context(), got); err == nil {
			t.Fatal("a third renewal was made at once")
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
