package bearer_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"example.com/bearer"
)

// G17: RetryFor is how long a failed refresh is repeated while callers wait:
// zero is 5 s, and negative is not at all.
func TestRetryFor(t *testing.T) {
	for _, row := range []struct {
		retryFor, want time.Duration
		least, most    int // requests
	}{
		{0, 5 * time.Second, 6, 13},
		{-1, 0, 1, 1},
		{time.Second, time.Second, 3, 6},
		{20 * time.Second, 20 * time.Second, 25, 40},
		{time.Nanosecond, time.Nanosecond, 2, 2},
	} {
		synctest.Test(t, func(t *testing.T) {
			a := askedBy(func(int, string) (*bearer.Token, error) { return nil, errDown })
			c := &bearer.Cache{Source: a, RetryFor: row.retryFor}
			start := time.Now()
			var wg sync.WaitGroup
			for range 50 {
				wg.Go(func() {
					if _, err := c.Token(t.Context()); !errors.Is(err, errDown) || time.Since(start) != row.want {
						t.Errorf("RetryFor %v: got %v after %v, want the failure after %v", row.retryFor, err, time.Since(start), row.want)
					}
				})
			}
			wg.Wait()
			if n := a.calls(); n < row.least || n > row.most {
				t.Errorf("RetryFor %v: got %d requests, want %d to %d", row.retryFor, n, row.least, row.most)
			}
			if row.retryFor < 0 {
				return
			}
			// Afterwards the failure is shared at once.
			_, err := c.Token(t.Context())
			if te := (*bearer.TokenError)(nil); !errors.As(err, &te) || te.RetryAfter <= 0 || time.Since(start) != row.want {
				t.Errorf("RetryFor %v: the next caller got %v after %v, want the failure at once, with a time to come back", row.retryFor, err, time.Since(start)-row.want)
			}
		})
	}
}

// G8, G17: a caller with less patience leaves with its own context; the others
// get the token that a repeat brings.
func TestCallerWithLessPatienceLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		c := &bearer.Cache{Source: bearer.SourceFunc(func(context.Context) (*bearer.Token, error) {
			if time.Since(start) < 3*time.Second {
				return nil, errDown
			}
			return token("t", time.Hour), nil
		})}
		var wg sync.WaitGroup
		for i := range 10 {
			patience := time.Duration(i+1) * 300 * time.Millisecond
			wg.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), patience)
				defer cancel()
				if _, err := c.Token(ctx); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != patience {
					t.Errorf("got %v after %v, want the deadline after %v", err, time.Since(start), patience)
				}
			})
		}
		if _, err := c.Token(t.Context()); err != nil || time.Since(start) > 4*time.Second {
			t.Errorf("the patient caller: got %v after %v, want the token within 4s", err, time.Since(start))
		}
		wg.Wait()
	})
}

// G9, G17: what runs in the background is not repeated within a flight. When the
// token expires meanwhile, and callers wait, it is.
func TestBackgroundRefreshIsNotRepeated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var down atomic.Bool
		a := askedBy(func(n int, _ string) (*bearer.Token, error) {
			if down.Load() {
				return nil, errDown
			}
			return token(fmt.Sprint("t", n), time.Hour), nil
		})
		c := &bearer.Cache{Source: a}
		mustToken(t, c)
		down.Store(true)
		time.Sleep(59 * time.Minute)
		for range 10 {
			mustToken(t, c)
			synctest.Wait()
		}
		time.Sleep(500 * time.Millisecond)
		if n := a.calls() - 1; n != 1 {
			t.Errorf("in the background: got %d requests within half a second, want 1", n)
		}
		time.Sleep(time.Minute)
		before := a.calls()
		time.AfterFunc(time.Second, func() { down.Store(false) })
		mustToken(t, c)
		if n := a.calls() - before; n < 2 {
			t.Errorf("while a caller waits: got %d requests, want repeats", n)
		}
	})
}

// G17: the Caches that share a CircuitBreaker share its schedule: after a first
// failure one of them at a time makes a trial, and a success ends the pauses of
// them all.
func TestSharedScheduleOfManyCaches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const caches = 200
		var under, most, calls atomic.Int32
		start := time.Now()
		source := bearer.SourceFunc(func(context.Context) (*bearer.Token, error) {
			late := time.Since(start) > 100*time.Millisecond && time.Since(start) < 2500*time.Millisecond
			if n := under.Add(1); late {
				most.Store(max(most.Load(), n))
			}
			defer under.Add(-1)
			calls.Add(1)
			time.Sleep(20 * time.Millisecond)
			if time.Since(start) < 2500*time.Millisecond {
				return nil, errDown
			}
			return token("t", time.Hour), nil
		})
		breaker := new(bearer.CircuitBreaker)
		var wg sync.WaitGroup
		var mu sync.Mutex // guards first and last
		var first, last time.Duration
		for i := range caches {
			c := &bearer.Cache{Source: source, Breaker: breaker}
			wg.Go(func() {
				time.Sleep(time.Duration(i) * 5 * time.Millisecond)
				_, err := c.Token(t.Context())
				if err != nil {
					t.Errorf("cache %d: got %v, want a token", i, err)
					return
				}
				mu.Lock()
				defer mu.Unlock()
				if last = time.Since(start); first == 0 {
					first = last
				}
			})
		}
		wg.Wait()
		if n := most.Load(); n != 1 {
			t.Errorf("got %d trials at a time, want 1", n)
		}
		if n := calls.Load(); n > 2*caches+20 {
			t.Errorf("got %d token requests, want %d at the most", n, 2*caches+20)
		}
		if last-first > 50*time.Millisecond {
			t.Errorf("the last Cache got its token %v after the first, want all at once", last-first)
		}
	})
}

// G13, G17: a Source that breaks off during the one trial of a shared breaker
// does not keep the others from theirs.
func TestTrialThatBreaksOff(t *testing.T) {
	for name, breakOff := range map[string]func(context.Context){
		"panic":  func(context.Context) { panic("boom") },
		"goexit": func(context.Context) { runtime.Goexit() },
		"hangs":  func(ctx context.Context) { <-ctx.Done(); time.Sleep(time.Hour) },
	} {
		synctest.Test(t, func(t *testing.T) {
			breaker := new(bearer.CircuitBreaker)
			if err := try(breaker, errDown); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
			bad := &bearer.Cache{Breaker: breaker, RefreshTimeout: time.Second, Source: bearer.SourceFunc(func(ctx context.Context) (*bearer.Token, error) {
				breakOff(ctx)
				return nil, errDown
			})}
			if _, err := bad.Token(t.Context()); err == nil {
				t.Errorf("%s: got a token", name)
			}
			start := time.Now()
			good := &bearer.Cache{Breaker: breaker, Source: &mint{lifetime: time.Hour}}
			if _, err := good.Token(t.Context()); err != nil || time.Since(start) > time.Second {
				t.Errorf("%s: another Cache got %v after %v, want a token within a second", name, err, time.Since(start))
			}
			time.Sleep(2 * time.Hour)
		})
	}
}

// RefreshTimeout limits the repeats too, when it is shorter than RetryFor.
func TestRefreshTimeoutShorterThanRetryFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &bearer.Cache{RefreshTimeout: time.Second, Source: bearer.SourceFunc(func(context.Context) (*bearer.Token, error) { return nil, errDown })}
		for range 3 {
			start := time.Now()
			if _, err := c.Token(t.Context()); !errors.Is(err, errDown) || time.Since(start) > time.Second {
				t.Errorf("got %v after %v, want the failure within a second", err, time.Since(start))
			}
		}
	})
}

// G17: a foreign Breaker hears of requests only, not of callers that the pause
// between two trials kept from asking.
func TestForeignBreakerHearsOfRequestsOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := new(recorder)
		a := askedBy(func(int, string) (*bearer.Token, error) { return nil, errDown })
		c := &bearer.Cache{RetryFor: -1, Breaker: r, Source: a}
		for range 1000 {
			if _, err := c.Token(t.Context()); !errors.Is(err, errDown) || errors.Is(err, bearer.ErrBreakerOpen) {
				t.Fatalf("got %v, want the failure", err)
			}
			time.Sleep(time.Millisecond)
		}
		if told, calls := len(r.outcomes()), a.calls(); told != calls || calls > 10 {
			t.Errorf("the breaker was told of %d failures after %d requests, want as many, and few", told, calls)
		}
	})
}

// G13, G17: a foreign Breaker that panics, or refuses, keeps no trial to itself.
func TestForeignBreakerThatPanicsInAllow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &fickle{}
		down := true
		c := &bearer.Cache{RetryFor: -1, Breaker: b, Source: bearer.SourceFunc(func(context.Context) (*bearer.Token, error) {
			if down {
				return nil, errDown
			}
			return token("t", time.Hour), nil
		})}
		for _, allow := range []func() error{nil, func() error { panic("boom") }, func() error { return errDisk }, nil} {
			b.allow = allow
			time.Sleep(time.Minute)
			if _, err := c.Token(t.Context()); err == nil {
				t.Fatal("got a token from an endpoint that is down")
			}
		}
		down = false
		time.Sleep(time.Minute)
		mustToken(t, c)
	})
}

// fickle is a Breaker whose Allow is a function.
type fickle struct{ allow func() error }

func (f *fickle) Allow() (func(error), error) {
	if f.allow != nil {
		if err := f.allow(); err != nil {
			return nil, err
		}
	}
	return func(error) {}, nil
}

// G13: a foreign Breaker whose done panics when the refresh takes too long harms
// nothing.
func TestForeignBreakerThatPanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &bearer.Cache{RefreshTimeout: time.Second, Breaker: panicking{}, Source: bearer.SourceFunc(func(context.Context) (*bearer.Token, error) {
			time.Sleep(1050 * time.Millisecond)
			return token("t", time.Hour), nil
		})}
		_, _ = c.Token(t.Context())
		time.Sleep(time.Second)
		if got := mustToken(t, c); got.AccessToken != "t" {
			t.Errorf("got %q, want the late token", got.AccessToken)
		}
	})
}

type panicking struct{}

func (panicking) Allow() (func(error), error) { return func(error) { panic("boom") }, nil }
