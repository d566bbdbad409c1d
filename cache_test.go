package bearer_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/oauth2"

	"example.com/bearer"
)

// G6: a valid token costs no allocation.
func TestValidTokenCostsNoAllocation(t *testing.T) {
	c := &bearer.Cache{Source: staticSource(time.Hour)}
	ctx := t.Context()
	if n := testing.AllocsPerRun(1000, func() { _, _ = c.Token(ctx) }); n != 0 {
		t.Errorf("got %v allocations for a valid token, want 0", n)
	}
}

// G6: a valid token costs no lock: it is served while a Store that hangs holds
// every lock.
func TestValidTokenCostsNoLock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &failing{pausePut: 1500 * time.Millisecond}
		c := &bearer.Cache{Source: &mint{lifetime: time.Hour}, Store: s, Key: "k"}
		if err := c.Set(t.Context(), token("first", time.Hour)); err != nil {
			t.Fatal(err)
		}
		go func() { _ = c.Set(t.Context(), token("second", time.Hour)) }()
		synctest.Wait()
		start := time.Now()
		got, err := c.Token(t.Context())
		if err != nil || got.AccessToken != "first" || time.Since(start) != 0 {
			t.Errorf("got %v after %v, want the first token at once", err, time.Since(start))
		}
		time.Sleep(10 * time.Second) // for Set to end
	})
}

// G7: 10,000 callers at a cold Cache make one call, and get the same token.
func TestColdCacheMakesOneCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &mint{lifetime: time.Hour, takes: 50 * time.Millisecond}
		c := &bearer.Cache{Source: m}
		var wg sync.WaitGroup
		var wrong atomic.Int64
		for range 10_000 {
			wg.Go(func() {
				if got, err := c.Token(t.Context()); err != nil || got.AccessToken != "token-1" {
					wrong.Add(1)
				}
			})
		}
		wg.Wait()
		if n := m.calls.Load(); n != 1 || wrong.Load() != 0 {
			t.Errorf("got %d calls and %d callers without token-1, want 1 and 0", n, wrong.Load())
		}
	})
}

// G7: waiters share a failure too: one attempt at a time is made for all of
// them, for as long as RetryFor, and then they all fail.
func TestWaitersShareAFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var calls atomic.Int64
		down := errors.New("down")
		c := &bearer.Cache{Source: bearer.SourceFunc(func(context.Context) (*bearer.Token, error) {
			calls.Add(1)
			time.Sleep(20 * time.Millisecond)
			return nil, down
		})}
		start := time.Now()
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() {
				if _, err := c.Token(t.Context()); !errors.Is(err, down) {
					t.Errorf("got %v, want the failure", err)
				}
			})
		}
		wg.Wait()
		if n, took := calls.Load(), time.Since(start); n < 8 || n > 13 || took < 5*time.Second || took > 5100*time.Millisecond {
			t.Errorf("got %d calls in %v, want some 10 in 5 s", n, took)
		}
	})
}

// G7: callers on several cores find no gap between the end of a flight and its
// token: it is in the state before the flight is over.
func TestNoGapAfterAFlight(t *testing.T) {
	for range 50 {
		m := &mint{lifetime: time.Hour}
		c := &bearer.Cache{Source: m}
		start := make(chan struct{})
		var wg sync.WaitGroup
		for range 64 {
			wg.Go(func() {
				<-start
				if _, err := c.Token(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		close(start)
		wg.Wait()
		if n := m.calls.Load(); n != 1 {
			t.Fatalf("got %d calls, want 1", n)
		}
	}
}

// G8: a waiter leaves when its own context ends.
func TestWaiterLeavesWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &mint{lifetime: time.Hour, takes: 500 * time.Millisecond}
		c := &bearer.Cache{Source: m}
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		start := time.Now()
		_, err := c.Token(ctx)
		if took := time.Since(start); took != 20*time.Millisecond {
			t.Errorf("got an answer after %v, want 20ms", took)
		}
		var te *bearer.TokenError
		if !errors.As(err, &te) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want a *TokenError with context.DeadlineExceeded", err)
		}
		time.Sleep(time.Second) // for the refresh to end
	})
}

// G8: when the caller that began the refresh is cancelled, the refresh goes on
// and its token is used.
func TestCancelledLeaderLeavesTheRefresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var ended error
		c := &bearer.Cache{Source: bearer.SourceFunc(func(ctx context.Context) (*bearer.Token, error) {
			time.Sleep(time.Second)
			ended = ctx.Err()
			return token("one", time.Hour), ended
		})}
		ctx, cancel := context.WithCancel(t.Context())
		go func() { _, _ = c.Token(ctx) }()
		synctest.Wait()
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() {
				if got, err := c.Token(t.Context()); err != nil || got.AccessToken != "one" {
					t.Errorf("got %v, want the token", err)
				}
			})
		}
		synctest.Wait()
		cancel()
		wg.Wait()
		if ended != nil {
			t.Errorf("the Source's context ended with %v, want it alive", ended)
		}
	})
}

type ctxKey struct{}

// G8: a caller whose context has ended begins no refresh, and gets no renewed
// token.
func TestCancelledBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := new(mint)
		c := &bearer.Cache{Source: m}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := c.Token(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want context.Canceled", err)
		}
		if err := c.Set(t.Context(), token("set", time.Hour)); err != nil {
			t.Fatal(err)
		}
		if got, err := c.Token(ctx); err != nil || got.AccessToken != "set" {
			t.Errorf("got %v, want the valid token, which no caller waits for", err)
		}
		if _, err := c.Renew(ctx, nil); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want context.Canceled", err)
		}
		synctest.Wait()
		if n := m.calls.Load(); n != 0 {
			t.Errorf("got %d calls, want 0", n)
		}
	})
}

// G8: the error of a waiter that leaves holds the cause, as net/http's does,
// and still matches the error of its context.
func TestCauseOfLeaving(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &bearer.Cache{Source: &mint{takes: time.Second}}
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Millisecond, func() { cancel(errDown) })
		_, err := c.Token(ctx)
		if !errors.Is(err, errDown) || !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want context.Canceled and its cause", err)
		}
		if want := "bearer: no token: context canceled: down"; err.Error() != want {
			t.Errorf("got %q, want %q", err, want)
		}
		ctx, leave := context.WithTimeout(t.Context(), time.Millisecond)
		defer leave()
		if _, err := c.Token(ctx); err == nil || err.Error() != "bearer: no token: context deadline exceeded" {
			t.Errorf("got %v, want no cause where there is none", err)
		}
		time.Sleep(time.Second) // for the refresh to end
	})
}

// G8: the refresh has the values of the caller's context (for traces), and
// RefreshTimeout in place of its deadline.
func TestRefreshContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, row := range []struct{ timeout, want time.Duration }{
			{0, 30 * time.Second}, {-1, 30 * time.Second}, {time.Second, time.Second},
		} {
			var left time.Duration
			var value any
			c := &bearer.Cache{RefreshTimeout: row.timeout, Source: bearer.SourceFunc(func(ctx context.Context) (*bearer.Token, error) {
				deadline, _ := ctx.Deadline()
				left, value = time.Until(deadline), ctx.Value(ctxKey{})
				return token("one", time.Hour), nil
			})}
			ctx, cancel := context.WithTimeout(context.WithValue(t.Context(), ctxKey{}, "trace"), time.Millisecond)
			if _, err := c.Token(ctx); err != nil {
				t.Fatal(err)
			}
			cancel()
			if left != row.want || value != "trace" {
				t.Errorf("RefreshTimeout %v: got %v and value %v, want %v and trace", row.timeout, left, value, row.want)
			}
		}
	})
}

// A huge RefreshTimeout, which means "no limit", does not overflow.
func TestHugeDurations(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &mint{takes: time.Hour}
		c := &bearer.Cache{
			Source: m, RefreshTimeout: math.MaxInt64, RefreshBefore: math.MaxInt64, DefaultLifetime: math.MaxInt64,
		}
		for range 3 {
			if _, err := c.Token(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		if n := m.calls.Load(); n != 1 {
			t.Errorf("got %d calls, want 1", n)
		}
	})
}

// goroutines returns how many there are in the bubble. Others may end at any
// time, those of an earlier test's server, say. runtime.NumGoroutine would count
// free ones, too, that move from one list to another.
func goroutines() int {
	all := make([]byte, 1<<20)
	return bytes.Count(all[:runtime.Stack(all, true)], []byte(", synctest bubble "))
}

// G9: in the window no caller waits, and one refresh runs in the background.
func TestNoCallerWaitsInTheWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &mint{lifetime: time.Hour, takes: time.Second}
		c := &bearer.Cache{Source: m}
		if _, err := c.Token(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(58 * time.Minute)
		start, before := time.Now(), goroutines()
		var wg sync.WaitGroup
		for range 1000 {
			wg.Go(func() {
				if got, err := c.Token(t.Context()); err != nil || got.AccessToken != "token-1" {
					t.Errorf("got %v, want the old token", err)
				}
			})
		}
		wg.Wait()
		if took := time.Since(start); took != 0 {
			t.Errorf("callers waited for %v, want 0", took)
		}
		synctest.Wait() // those who are done are gone
		if n := goroutines() - before; n < 1 || n > 5 {
			t.Errorf("got %d more goroutines after 1000 callers, want those of one refresh", n)
		}
		time.Sleep(2 * time.Second)
		got, err := c.Token(t.Context())
		if err != nil || got.AccessToken != "token-2" || m.calls.Load() != 2 {
			t.Errorf("got %v and %d calls, want token-2 of 2", err, m.calls.Load())
		}
	})
}

// G9: a token endpoint that fails in the window is asked again with growing
// pauses. The valid token is served until it expires, and not after.
func TestOutageInTheWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var calls []time.Time
		down := false
		c := &bearer.Cache{Breaker: bearer.NoBreaker, Source: bearer.SourceFunc(func(context.Context) (*bearer.Token, error) {
			calls = append(calls, time.Now())
			if down {
				return nil, errors.New("down")
			}
			return token("one", time.Hour), nil
		})}
		one, err := c.Token(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		down = true
		for time.Until(one.Expiry) > 0 {
			if got, err := c.Token(t.Context()); err != nil || got != one {
				t.Fatalf("%v before expiry: got %v, want the valid token", time.Until(one.Expiry), err)
			}
			time.Sleep(100 * time.Millisecond)
		}
		if _, err := c.Token(t.Context()); err == nil {
			t.Error("an expired token was served")
		}
		// 5 minutes of pauses 1, 2, 4, 8, 16, 30, 30 ... less jitter, and the
		// tries get denser only towards the end.
		if n := len(calls) - 1; n < 10 || n > 60 {
			t.Errorf("got %d tries within the window, want some 10 to 60", n)
		}
		for i := 2; i < 6; i++ {
			if a, b := calls[i].Sub(calls[i-1]), calls[i+1].Sub(calls[i]); b < a {
				t.Errorf("pauses got shorter: %v, then %v", a, b)
			}
		}

		down = false
		time.Sleep(time.Minute)
		if _, err := c.Token(t.Context()); err != nil {
			t.Errorf("after the outage: got %v, want a token", err)
		}
	})
}

// G9: hooks that take longer than the pause between two tries do not swallow
// the next one.
func TestSlowHooksInTheWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		c := &bearer.Cache{
			Hooks: &bearer.Hooks{RefreshFailed: func(context.Context, bearer.Event) { time.Sleep(2 * time.Second) }},
			Source: bearer.SourceFunc(func(context.Context) (*bearer.Token, error) {
				if calls++; calls == 2 {
					return nil, errDown
				} else if calls > 2 {
					time.Sleep(time.Second)
				}
				return token("t", 12*time.Second), nil
			}),
		}
		start := time.Now()
		for time.Since(start) < 14*time.Second {
			before := time.Now()
			if _, err := c.Token(t.Context()); err != nil {
				t.Fatal(err)
			}
			if waited := time.Since(before); waited > 0 {
				t.Fatalf("after %v: waited %v, want a refresh in the background", time.Since(start), waited)
			}
			time.Sleep(10 * time.Millisecond)
		}
		synctest.Wait()
		if calls != 3 {
			t.Errorf("got %d calls, want 3", calls)
		}
	})
}

// G9: a token that expires while it is being stored is not served.
func TestTokenThatExpiresBeforeItIsUsed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &bearer.Cache{Source: &mint{lifetime: time.Second}, Store: &failing{pausePut: 1500 * time.Millisecond}, Key: "k"}
		if got, err := c.Token(t.Context()); err == nil {
			t.Errorf("got a token that expired %v ago, want an error", time.Since(got.Expiry))
		}
	})
}

// G10: lifetimes shorter than RefreshBefore do not cost a fetch per request, and
// windows differ, so that a fleet does not refresh in step.
func TestWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, row := range []struct{ lifetime, before, from, to time.Duration }{
			{time.Hour, 0, 55 * time.Minute, 56 * time.Minute},
			{time.Hour, time.Minute, 59 * time.Minute, 59*time.Minute + 12*time.Second},
			{9 * time.Second, 0, 6 * time.Second, 6600 * time.Millisecond},
			{time.Second, time.Hour, 666 * time.Millisecond, 734 * time.Millisecond},
			{time.Hour, -1, time.Hour, time.Hour},
		} {
			seen := make(map[time.Duration]bool)
			for range 20 {
				m := &mint{lifetime: row.lifetime}
				c := &bearer.Cache{Source: m, RefreshBefore: row.before}
				start := time.Now()
				for m.calls.Load() < 2 {
					if _, err := c.Token(t.Context()); err != nil {
						t.Fatal(err)
					}
					synctest.Wait()
					time.Sleep(row.lifetime / 1000)
				}
				at := time.Since(start) - row.lifetime/1000
				seen[at] = true
				if at < row.from || at > row.to+row.lifetime/1000 {
					t.Errorf("lifetime %v, RefreshBefore %v: refreshed after %v, want %v to %v", row.lifetime, row.before, at, row.from, row.to)
				}
			}
			if row.before >= 0 && len(seen) < 2 {
				t.Errorf("lifetime %v: 20 windows in step", row.lifetime)
			}
		}
	})
}

// G10: a Source that returns the same token until it expires is asked a few
// times, not once per second or per request.
func TestSourceThatCaches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		var held *bearer.Token
		c := &bearer.Cache{Source: bearer.SourceFunc(func(context.Context) (*bearer.Token, error) {
			calls++
			if held == nil || time.Until(held.Expiry) < 10*time.Second {
				held = token(fmt.Sprintf("token-%d", calls), time.Hour)
			}
			return held, nil
		})}
		for start := time.Now(); time.Since(start) < time.Hour; time.Sleep(time.Second) {
			if _, err := c.Token(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		if calls > 6 {
			t.Errorf("got %d calls in an hour, want at most 6", calls)
		}
	})
}

// G11: 20 late Renews of an old token make no request.
func TestLateRenewsMakeNoCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &mint{lifetime: time.Hour}
		c := &bearer.Cache{Source: m}
		old, _ := c.Token(t.Context())
		if _, err := c.Renew(t.Context(), old); err != nil {
			t.Fatal(err)
		}
		for range 20 {
			if got, err := c.Renew(t.Context(), old); err != nil || got.AccessToken != "token-2" {
				t.Fatalf("got %v, want token-2", err)
			}
		}
		if n := m.calls.Load(); n != 2 {
			t.Errorf("got %d calls, want 2", n)
		}
	})
}

// G11: a burst of Renews makes one call, and a nil token means the current one.
func TestBurstOfRenews(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &mint{lifetime: time.Hour, takes: 50 * time.Millisecond}
		c := &bearer.Cache{Source: m}
		old, _ := c.Token(t.Context())
		var wg sync.WaitGroup
		for i := range 1000 {
			wg.Go(func() {
				rejected := old
				if i%2 == 0 {
					rejected = nil
				}
				if got, err := c.Renew(t.Context(), rejected); err != nil || got.AccessToken != "token-2" {
					t.Errorf("got %v, want token-2", err)
				}
			})
		}
		wg.Wait()
		if n := m.calls.Load(); n != 2 {
			t.Errorf("got %d calls, want 2", n)
		}
	})
}

// A Source that returns the rejected token again is an error that says so; a
// valid token is not thrown away.
func TestRenewThatBringsTheSameToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		same := token("same", time.Hour)
		c := &bearer.Cache{Source: bearer.FromOAuth2(oauth2.StaticTokenSource(same))}
		got, _ := c.Token(t.Context())
		_, err := c.Renew(t.Context(), got)
		const want = "bearer: no token: the Source returned the token that was rejected: it must not cache"
		if err == nil || err.Error() != want {
			t.Errorf("got %v, want %v", err, want)
		}
		if _, err := c.Token(t.Context()); err != nil {
			t.Errorf("got %v, want the token", err)
		}
	})
}

// G17: 1,000 calls at an expired token and a dead endpoint cost no more than the
// repeats of one refresh, whether they come one after another or all at once.
func TestExpiredTokenAndDeadEndpoint(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, takes := range []time.Duration{0, 10 * time.Millisecond} {
			var calls atomic.Int64
			dead := errors.New("connection refused")
			c := &bearer.Cache{Source: bearer.SourceFunc(func(context.Context) (*bearer.Token, error) {
				calls.Add(1)
				time.Sleep(takes)
				return nil, dead
			})}
			if err := c.Set(t.Context(), token("old", -time.Second)); err != nil {
				t.Fatal(err)
			}
			for range 500 {
				if _, err := c.Token(t.Context()); !errors.Is(err, dead) {
					t.Fatalf("got %v, want the endpoint's failure", err)
				}
			}
			var wg sync.WaitGroup
			for range 500 {
				wg.Go(func() { _, _ = c.Token(t.Context()) })
			}
			wg.Wait()
			if n := calls.Load(); n > 13 {
				t.Errorf("a failure takes %v: got %d calls, want some 10", takes, n)
			}
		}
	})
}

// Set installs a token, forgets failures, and takes a copy.
func TestSet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		c := &bearer.Cache{Source: bearer.SourceFunc(func(context.Context) (*bearer.Token, error) {
			calls++
			return nil, refused(400, "invalid_grant")
		})}
		for range 3 {
			if _, err := c.Token(t.Context()); err == nil {
				t.Fatal("got a token, want an error")
			}
		}
		mine := token("mine", time.Hour)
		if err := c.Set(t.Context(), mine); err != nil {
			t.Fatal(err)
		}
		mine.AccessToken = "changed"
		if got, err := c.Token(t.Context()); err != nil || got.AccessToken != "mine" || calls != 1 {
			t.Errorf("got %v and %d calls, want the token that was set and 1", err, calls)
		}
	})
}

func TestSetRefusesWhatIsNoToken(t *testing.T) {
	for _, row := range []struct {
		token *bearer.Token
		want  string
	}{
		{nil, "bearer: Cache.Set: the token is empty"},
		{&bearer.Token{}, "bearer: Cache.Set: the token is empty"},
		{&bearer.Token{AccessToken: "a\nb"}, "bearer: Cache.Set: the token's AccessToken has the byte 0x0a at offset 1, which cannot stand in an Authorization header: trim it"},
		{&bearer.Token{AccessToken: "a", TokenType: "mac"}, `bearer: Cache.Set: the token's TokenType is "mac", and only Bearer tokens can be sent (RFC 6750)`},
	} {
		if err := new(bearer.Cache).Set(t.Context(), row.token); err == nil || err.Error() != row.want {
			t.Errorf("got %v, want %s", err, row.want)
		}
	}
}

// A token that is set while a refresh is under way replaces what the refresh
// brings.
func TestSetDuringARefresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, outcome := range []error{nil, errors.New("down"), refused(401, "invalid_client")} {
			var calls atomic.Int64
			c := &bearer.Cache{Source: bearer.SourceFunc(func(context.Context) (*bearer.Token, error) {
				time.Sleep(time.Second)
				if n := calls.Add(1); n > 1 {
					return token(fmt.Sprintf("fetched-%d", n), time.Hour), nil
				}
				return token("fetched-1", time.Hour), outcome
			})}
			go func() { _, _ = c.Token(t.Context()) }()
			synctest.Wait()
			if err := c.Set(t.Context(), token("set", time.Hour)); err != nil {
				t.Fatal(err)
			}
			time.Sleep(2 * time.Second)
			if got, err := c.Token(t.Context()); err != nil || got.AccessToken != "set" {
				t.Errorf("refresh ended with %v: got %v, want the token that was set", outcome, err)
			}
			// The failure was not this token's: it is refreshed in time.
			time.Sleep(57 * time.Minute)
			_, _ = c.Token(t.Context())
			time.Sleep(2 * time.Second)
			if got, err := c.Token(t.Context()); err != nil || got.AccessToken != "fetched-2" {
				t.Errorf("in the window: got %v, want a new token", err)
			}
		}
	})
}

// A refresh token that is set while a refresh is under way replaces the old one
// as well, and the waiters get its token.
func TestSetRefreshTokenDuringARefresh(t *testing.T) {
	for _, outcome := range []error{nil, errDown, refused(400, "access_denied")} {
		synctest.Test(t, func(t *testing.T) {
			c := &bearer.Cache{Source: refresher(func(_ context.Context, prev *bearer.Token) (*bearer.Token, error) {
				time.Sleep(time.Second)
				if prev.RefreshToken == "old" && outcome != nil {
					return nil, outcome
				}
				return token("of-"+prev.RefreshToken, time.Hour), nil
			})}
			if err := c.Set(t.Context(), &bearer.Token{RefreshToken: "old"}); err != nil {
				t.Fatal(err)
			}
			go func() {
				time.Sleep(time.Millisecond)
				if err := c.Set(t.Context(), &bearer.Token{RefreshToken: "new"}); err != nil {
					t.Error(err)
				}
			}()
			if got, err := c.Token(t.Context()); err != nil || got.AccessToken != "of-new" || got.RefreshToken != "new" {
				t.Errorf("refresh ended with %v: got %v, want the token of the new refresh token", outcome, err)
			}
		})
	}
}

// Set forgets a failure, whether it was before or comes after: a refresh token
// that was set is redeemed at once.
func TestSetForgetsFailures(t *testing.T) {
	for _, during := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			calls := 0
			busy := refused(503, "")
			busy.Response.Header.Set("Retry-After", "60")
			c := &bearer.Cache{Source: refresher(func(context.Context, *bearer.Token) (*bearer.Token, error) {
				time.Sleep(time.Second)
				if calls++; calls == 1 {
					return nil, busy
				}
				return token("new", time.Hour), nil
			})}
			set := func(refresh string) {
				if err := c.Set(t.Context(), &bearer.Token{RefreshToken: refresh}); err != nil {
					t.Fatal(err)
				}
			}
			set("old")
			go func() { _, _ = c.Token(t.Context()) }()
			synctest.Wait()
			if !during {
				time.Sleep(2 * time.Second)
			}
			set("new")
			time.Sleep(2 * time.Second)
			if got, err := c.Token(t.Context()); err != nil || got.AccessToken != "new" {
				t.Errorf("Set during the refresh: %v: got %v, want a new token", during, err)
			}
		})
	}
}

// Invalidate makes the next caller wait for a new token; for one that is not
// current it does nothing.
func TestInvalidate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &mint{lifetime: time.Hour}
		c := &bearer.Cache{Source: m}
		c.Invalidate(nil)
		first, _ := c.Token(t.Context())
		c.Invalidate(&bearer.Token{AccessToken: "another"})
		c.Invalidate(nil)
		if got, _ := c.Token(t.Context()); got != first {
			t.Error("got another token, want the first: only another one was invalidated")
		}
		c.Invalidate(first)
		if got, err := c.Token(t.Context()); err != nil || got.AccessToken != "token-2" {
			t.Errorf("got %v, want token-2", err)
		}
		c.Invalidate(first)
		if _, _ = c.Token(t.Context()); m.calls.Load() != 2 {
			t.Errorf("got %d calls, want 2", m.calls.Load())
		}
	})
}

// The refresh token of an invalidated token stays in use.
func TestInvalidateKeepsTheRefreshToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &rotor{lifetime: time.Hour}
		c := &bearer.Cache{Source: r}
		login := r.login()
		if err := c.Set(t.Context(), login); err != nil {
			t.Fatal(err)
		}
		c.Invalidate(login)
		if got, err := c.Token(t.Context()); err != nil || got.AccessToken != "access-1" {
			t.Errorf("got %v, want access-1", err)
		}
	})
}

// A token that is invalidated while it is only being stored again is not
// handed to those who wait.
func TestInvalidateDuringASave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &failing{}
		m := &mint{lifetime: time.Hour}
		c := &bearer.Cache{Source: m, Store: s, Key: "k"}
		s.put.Store(true)
		first, _ := c.Token(t.Context())
		s.put.Store(false)
		s.pausePut = 5 * time.Second
		time.Sleep(2 * time.Second)
		_, _ = c.Token(t.Context()) // begins to save in the background
		synctest.Wait()
		c.Invalidate(first)
		if got, err := c.Token(t.Context()); err != nil || got.AccessToken != "token-2" {
			t.Errorf("got %v, %v, want token-2", got.AccessToken, err)
		}
		time.Sleep(time.Minute) // for the Puts to end
	})
}

// TokenSource waits with its context.
func TestTokenSource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &bearer.Cache{Source: &mint{lifetime: time.Hour, takes: time.Second}}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := c.TokenSource(ctx).Token(); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want context.Canceled", err)
		}
		if got, err := c.TokenSource(t.Context()).Token(); err != nil || got.AccessToken != "token-1" {
			t.Errorf("got %v, want token-1", err)
		}
	})
}

// FromOAuth2 adapts what has no context; the Cache need not wait for it.
func TestFromOAuth2(t *testing.T) {
	c := &bearer.Cache{Source: bearer.FromOAuth2(oauth2.StaticTokenSource(&bearer.Token{AccessToken: "static"}))}
	if got, err := c.Token(t.Context()); err != nil || got.AccessToken != "static" {
		t.Errorf("got %v, want the static token", err)
	}
}

// G14: DefaultLifetime counts from when the token was obtained, also in the next
// process: the Expiry is stored with it.
func TestDefaultLifetimeAcrossRestarts(t *testing.T) {
	for _, set := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			s := new(bearer.MemoryStore)
			m := new(mint)
			start := func() *bearer.Cache {
				return &bearer.Cache{Source: m, Store: s, Key: "k", DefaultLifetime: time.Hour, RefreshBefore: -1}
			}
			if set {
				m.calls.Add(1)
				if err := start().Set(t.Context(), &bearer.Token{AccessToken: "token-1"}); err != nil {
					t.Fatal(err)
				}
			}
			for minute := range 60 { // a new process each minute
				got, err := start().Token(t.Context())
				if err != nil || got.AccessToken != "token-1" {
					t.Fatalf("set %v, minute %d: got %v, want the stored token", set, minute, err)
				}
				if left := time.Until(got.Expiry); left != time.Hour-time.Duration(minute)*time.Minute {
					t.Errorf("set %v, minute %d: got %v left, want an hour from the beginning", set, minute, left)
				}
				time.Sleep(time.Minute)
			}
			if got, err := start().Token(t.Context()); err != nil || got.AccessToken != "token-2" {
				t.Errorf("set %v, after an hour: got %v, want a new token", set, err)
			}
		})
	}
}

// A token without expiry lives for DefaultLifetime; without one, until it is
// rejected.
func TestDefaultLifetime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, row := range []struct {
			lifetime time.Duration
			want     int64
		}{{0, 1}, {-1, 1}, {time.Minute, 2}} {
			m := &mint{}
			c := &bearer.Cache{Source: m, DefaultLifetime: row.lifetime}
			_, _ = c.Token(t.Context())
			time.Sleep(time.Minute)
			if _, err := c.Token(t.Context()); err != nil || m.calls.Load() != row.want {
				t.Errorf("DefaultLifetime %v: got %v, %d calls after a minute, want %d", row.lifetime, err, m.calls.Load(), row.want)
			}
			time.Sleep(365 * 24 * time.Hour)
			_, _ = c.Token(t.Context())
			if n := m.calls.Load(); row.lifetime <= 0 && n != 1 {
				t.Errorf("DefaultLifetime %v: got %d calls after a year, want 1", row.lifetime, n)
			}
		}
	})
}

// What a Source must not return is an error that says so.
func TestBadTokens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // so that an hour ago stays an hour ago
		for _, row := range []struct {
			token *bearer.Token
			want  string
		}{
			{nil, "the Source returned neither a token nor an error"},
			{&bearer.Token{}, "the Source returned a token whose AccessToken is empty"},
			{token("old", -time.Hour), "the Source returned a token that expired 1h0m0s ago: it must return a new one each time; if it does, compare the clocks of this machine and the server"},
			{&bearer.Token{AccessToken: "x\r\nEvil: 1"}, "the token's AccessToken has the byte 0x0d at offset 1, which cannot stand in an Authorization header: trim it"},
			{&bearer.Token{AccessToken: "x", TokenType: "N_A"}, `the token's TokenType is "N_A", and only Bearer tokens can be sent (RFC 6750)`},
		} {
			c := &bearer.Cache{Source: bearer.SourceFunc(func(context.Context) (*bearer.Token, error) { return row.token, nil })}
			if _, err := c.Token(t.Context()); err == nil || errors.Unwrap(err).Error() != row.want {
				t.Errorf("got %v, want %s", err, row.want)
			}
		}
	})
}

// A missing Source is an error that names the field to set.
func TestMissingSource(t *testing.T) {
	for _, row := range []struct {
		cache *bearer.Cache
		want  string
	}{
		{&bearer.Cache{}, "bearer: no token: there is no valid token, and Cache.Source is nil: set it, or call Cache.Set"},
		{&bearer.Cache{Source: bearer.SourceFunc(nil)}, "bearer: no token: SourceFunc is nil: give it a function"},
		{&bearer.Cache{Source: bearer.FromOAuth2(nil)}, "bearer: no token: FromOAuth2 was given a nil oauth2.TokenSource"},
		{&bearer.Cache{Source: staticSource(time.Hour), Store: new(bearer.MemoryStore)}, "bearer: no token: Cache.Key is empty: a Store needs a name for the credential"},
	} {
		_, err := row.cache.Token(t.Context())
		var te *bearer.TokenError
		if !errors.As(err, &te) {
			t.Fatalf("got %v, want a *TokenError", err)
		}
		te.RetryAfter = 0
		if te.Error() != row.want {
			t.Errorf("got %v, want %s", err, row.want)
		}
	}
	err := (&bearer.Cache{Store: new(bearer.MemoryStore)}).Set(t.Context(), token("t", time.Hour))
	const want = "bearer: Cache.Set: Cache.Key is empty: a Store needs a name for the credential"
	if err == nil || err.Error() != want {
		t.Errorf("Set: got %v, want %s", err, want)
	}
}

// A Cache without a Source serves what was set, and works again after Set: its
// own failures open no breaker.
func TestCacheWithoutSource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := new(bearer.Cache)
		for range 20 {
			if _, err := c.Token(t.Context()); errors.Is(err, bearer.ErrBreakerOpen) {
				t.Fatalf("got %v: no endpoint was asked", err)
			}
		}
		if err := c.Set(t.Context(), token("set", time.Minute)); err != nil {
			t.Fatal(err)
		}
		if got, err := c.Token(t.Context()); err != nil || got.AccessToken != "set" {
			t.Errorf("got %v, want the token", err)
		}
	})
}
