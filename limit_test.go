package bearer_test

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sync/semaphore"

	"example.com/bearer"
)

// slowly is a Source whose token requests take that long. It counts how many are
// in flight.
type slowly struct {
	takes        time.Duration
	flying, peak atomic.Int32
	always       func() // runs in each request
}

func (s *slowly) Token(ctx context.Context) (*bearer.Token, error) {
	n := s.flying.Add(1)
	defer s.flying.Add(-1)
	for {
		peak := s.peak.Load()
		if n <= peak || s.peak.CompareAndSwap(peak, n) {
			break
		}
	}
	if s.always != nil {
		s.always()
	}
	select {
	case <-time.After(s.takes):
		return token("t", time.Hour), nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Never more token requests are in flight than Limit says, and those who wait
// for their turn do not lose the time that their own refresh has.
func TestLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, limit := &slowly{takes: time.Second}, semaphore.NewWeighted(3)
		var store bearer.MemoryStore
		var done sync.WaitGroup
		for i := range 300 {
			c := &bearer.Cache{Source: s, Limit: limit, RefreshTimeout: 2 * time.Second}
			if i%2 == 0 {
				c.Store, c.Key = &store, string(rune('a'+i))
			}
			done.Go(func() {
				if _, err := c.Token(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		start := time.Now()
		done.Wait()
		if got := s.peak.Load(); got != 3 {
			t.Errorf("got %d token requests in flight, want 3", got)
		}
		if took := time.Since(start); took != 100*time.Second {
			t.Errorf("300 requests of 1 s took %v, want 100 s, 3 at a time", took)
		}
	})
}

// G9: a holder of a valid token does not wait for a slot. G8: one who waits
// leaves when its own context ends.
func TestLimitAndValidTokens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		limit := semaphore.NewWeighted(1)
		c := &bearer.Cache{Source: &slowly{}, Limit: limit}
		if err := c.Set(t.Context(), token("old", time.Hour)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(58 * time.Minute) // in the window
		_ = limit.Acquire(t.Context(), 1)
		start := time.Now()
		if tok, err := c.Token(t.Context()); err != nil || tok.AccessToken != "old" || time.Since(start) > 0 {
			t.Errorf("in the window: got %v, %v after %v; want the old token at once", tok, err, time.Since(start))
		}
		time.Sleep(5 * time.Minute) // expired
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start = time.Now()
		if _, err := c.Token(ctx); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != time.Second {
			t.Errorf("expired: got %v after %v, want the deadline after 1 s", err, time.Since(start))
		}
		limit.Release(1)
		if tok, err := c.Token(t.Context()); err != nil || tok.AccessToken != "t" {
			t.Errorf("afterwards: got %v, %v; want a new token", tok, err)
		}
	})
}

// A slot is held for a token request, and not while the token is saved or the
// endpoint recovers (G17): others use it.
func TestLimitIsFreeMeanwhile(t *testing.T) {
	down := bearer.SourceFunc(func(context.Context) (*bearer.Token, error) { return nil, refused(503, "") })
	for name, others := range map[string]func(*semaphore.Weighted) []*bearer.Cache{
		"a pause": func(limit *semaphore.Weighted) []*bearer.Cache {
			return []*bearer.Cache{{Limit: limit, Source: down}}
		},
		"another's pause": func(limit *semaphore.Weighted) []*bearer.Cache {
			shared := new(bearer.CircuitBreaker)
			return []*bearer.Cache{{Limit: limit, Breaker: shared, Source: down}, {Limit: limit, Breaker: shared, Source: down}}
		},
		"saving": func(limit *semaphore.Weighted) []*bearer.Cache {
			return []*bearer.Cache{{Limit: limit, Source: &slowly{}, Key: "k", Store: &failing{pausePut: time.Second}}}
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			limit := semaphore.NewWeighted(1)
			for _, c := range others(limit) {
				go func() { _, _ = c.Token(context.Background()) }()
				time.Sleep(10 * time.Millisecond)
			}
			well := &bearer.Cache{Limit: limit, Source: &slowly{takes: time.Millisecond}}
			start := time.Now()
			if _, err := well.Token(t.Context()); err != nil || time.Since(start) > 10*time.Millisecond {
				t.Errorf("during %s: got %v after %v, want a token at once", name, err, time.Since(start))
			}
			time.Sleep(time.Minute)
		})
	}
}

// G17: callers wait for a failing endpoint as long as RetryFor says, also if the
// repeats wait for another Cache's trial first and for a slot then.
func TestLimitDoesNotProlongRetryFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		limit, shared := semaphore.NewWeighted(2), new(bearer.CircuitBreaker)
		var done sync.WaitGroup
		for range 2 {
			takes := time.Millisecond
			c := &bearer.Cache{Limit: limit, Breaker: shared, Source: bearer.SourceFunc(func(context.Context) (*bearer.Token, error) {
				time.Sleep(takes)
				takes = 4500 * time.Millisecond
				return nil, refused(503, "temporarily_unavailable")
			})}
			done.Go(func() {
				start := time.Now()
				_, err := c.Token(t.Context())
				if took := time.Since(start); err == nil || took > 9*time.Second {
					t.Errorf("got %v after %v, want an error after 5 s, or when the trial of then has failed", err, took)
				}
			})
		}
		time.Sleep(time.Second)
		for range 2 {
			other := &bearer.Cache{Limit: limit, Source: &slowly{takes: 20 * time.Second}}
			done.Go(func() { _, _ = other.Token(t.Context()) })
		}
		done.Wait()
	})
}

// G17: a Cache that waits for a slot does not keep others from the trial of their
// endpoint.
func TestTrialDoesNotWaitForASlot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		limit, shared := semaphore.NewWeighted(1), new(bearer.CircuitBreaker)
		well := time.Now().Add(3 * time.Second)
		source := bearer.SourceFunc(func(context.Context) (*bearer.Token, error) {
			if time.Now().Before(well) {
				return nil, refused(503, "temporarily_unavailable")
			}
			return token("t", time.Hour), nil
		})
		var done sync.WaitGroup
		begin := func(c *bearer.Cache) {
			done.Go(func() {
				if _, err := c.Token(t.Context()); err != nil {
					t.Error(err)
				}
			})
			time.Sleep(10 * time.Millisecond)
		}
		start := time.Now()
		first := &bearer.Cache{Breaker: shared, Source: source}
		begin(first)
		for range 5 {
			begin(&bearer.Cache{Breaker: shared, Limit: limit, Source: source})
		}
		begin(&bearer.Cache{Limit: limit, Source: &slowly{takes: 20 * time.Second}})
		if _, err := first.Token(t.Context()); err != nil || time.Since(start) > 4*time.Second {
			t.Errorf("got %v after %v, want a token a moment after 3 s", err, time.Since(start))
		}
		done.Wait()
	})
}

// G19: a token that is still to be stored does not wait for a slot, since
// storing it makes no token request.
func TestSavingNeedsNoSlot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		limit, store := semaphore.NewWeighted(1), new(failing)
		store.put.Store(true)
		c := &bearer.Cache{Source: &slowly{}, Limit: limit, Store: store, Key: "k"}
		_, _ = c.Token(t.Context())
		store.put.Store(false)
		_ = limit.Acquire(t.Context(), 1)
		for range 60 {
			time.Sleep(time.Second)
			_, _ = c.Token(t.Context())
		}
		if c.Status().Unsaved {
			t.Error("a minute after the Store works again the token is not stored")
		}
		limit.Release(1)
	})
}

// G13: a Source that breaks off, or does not return, does not keep its slot.
func TestLimitIsGivenBack(t *testing.T) {
	for name, harm := range map[string]func(){
		"panic":  func() { panic("boom") },
		"Goexit": runtime.Goexit,
		"deaf":   func() { time.Sleep(time.Hour) },
	} {
		synctest.Test(t, func(t *testing.T) {
			limit := semaphore.NewWeighted(1)
			bad := &bearer.Cache{Source: &slowly{always: harm}, Limit: limit, RetryFor: -1}
			if _, err := bad.Token(t.Context()); err == nil {
				t.Fatalf("%s: got a token", name)
			}
			well := &bearer.Cache{Source: &slowly{}, Limit: limit}
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			if _, err := well.Token(ctx); err != nil {
				t.Errorf("%s: another Cache got %v, want a token", name, err)
			}
			time.Sleep(2 * time.Hour)
			if !limit.TryAcquire(1) {
				t.Errorf("%s: the slot was lost", name)
			}
		})
	}
}
