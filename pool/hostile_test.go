package pool_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"example.com/bearer"
	"example.com/bearer/pool"
)

// A New that does not return fails those who wait, and not the key for good.
// What it returns too late is not used.
func TestNewThatDoesNotReturn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var calls atomic.Int32
		var late atomic.Pointer[bearer.Cache]
		p := &pool.Pool{New: func(ctx context.Context, key string) (*bearer.Cache, error) {
			c := &bearer.Cache{Source: tokens(key, time.Hour)}
			if calls.Add(1) == 1 {
				time.Sleep(time.Hour)
				late.Store(c)
			}
			return c, nil
		}}
		start := time.Now()
		if _, err := p.Get(t.Context(), "k"); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) > time.Minute {
			t.Errorf("got %v after %v, want a deadline soon after 30 s", err, time.Since(start))
		}
		c := get(t, p, "k")
		time.Sleep(2 * time.Hour)
		if late.Load() == nil || get(t, p, "k") != c || c == late.Load() {
			t.Error("the Cache of a New that was given up is in use")
		}
	})
}

// Get with a context that has ended does not call New, and its error says why.
func TestGetWithAnEndedContext(t *testing.T) {
	p := &pool.Pool{New: func(context.Context, string) (*bearer.Cache, error) {
		t.Error("New was called")
		return nil, errors.New("x")
	}}
	why := errors.New("the user has left")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(why)
	if _, err := p.Get(ctx, "k"); !errors.Is(err, context.Canceled) || !errors.Is(err, why) {
		t.Errorf("got %v, want context.Canceled and its cause", err)
	}
}

// New must make a Cache for each key: one that it has returned before is not
// changed any more, since it may be in use, and does not get a second key.
func TestNewReturnsOneCacheTwice(t *testing.T) {
	for name, limit := range map[string]int{"no limit": 0, "a limit": 3} {
		shared := &bearer.Cache{Source: tokens("shared", time.Hour), Store: new(bearer.MemoryStore), Key: "shared"}
		p := &pool.Pool{MaxRefreshes: limit, New: func(context.Context, string) (*bearer.Cache, error) { return shared, nil }}
		var got, refused atomic.Int32
		var done sync.WaitGroup
		for i := range 100 {
			done.Go(func() {
				c, err := p.Get(t.Context(), fmt.Sprint("k", i))
				switch {
				case err == nil:
					got.Add(1)
					if _, err := c.Token(t.Context()); err != nil {
						t.Error(err)
					}
				case strings.Contains(err.Error(), "returned before"):
					refused.Add(1)
				default:
					t.Error(err)
				}
			})
		}
		done.Wait()
		if got.Load() != 1 || refused.Load() != 99 {
			t.Errorf("%s: %d keys got the Cache, and %d an error; want 1 and 99", name, got.Load(), refused.Load())
		}
	}
}

// A key is any string but the empty one, and no two of them are the same.
func TestKeysOfAnyBytes(t *testing.T) {
	keys := []string{
		"a", "A", "a ", " a", "a\x00", "\x00", "\x00\x00", "\xff", "\xfe", "\u00e9", "e\u0301",
		"a/../b", "a\nb", "a\r\nb", "%s", "%61", strings.Repeat("k", 1<<20), strings.Repeat("k", 1<<20) + "x",
	}
	p := &pool.Pool{IdleAfter: time.Hour, New: ofTokens}
	for _, key := range keys {
		if c := get(t, p, key); c.Key != key { // which New left empty
			t.Errorf("%.20q: got the Cache of %.20q", key, c.Key)
		}
	}
	if n := p.Len(); n != len(keys) {
		t.Errorf("got Len %d, want %d", n, len(keys))
	}
	if err := p.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

// Negative numbers are no limits, as zero is, and very large ones are as good.
func TestNoLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, p := range []*pool.Pool{
			{MaxEntries: -1, IdleAfter: -1, MaxRefreshes: -1},
			{MaxEntries: math.MinInt, IdleAfter: math.MinInt64, MaxRefreshes: math.MinInt},
			{MaxEntries: math.MaxInt, IdleAfter: math.MaxInt64, MaxRefreshes: math.MaxInt},
		} {
			p.New = ofTokens
			for range 2 {
				for i := range 100 {
					if _, err := get(t, p, fmt.Sprint(i)).Token(t.Context()); err != nil {
						t.Error(err)
					}
				}
				time.Sleep(time.Hour)
			}
			synctest.Wait()
			if n := p.Len(); n != 100 {
				t.Errorf("got Len %d, want 100", n)
			}
			if err := p.Close(t.Context()); err != nil {
				t.Error(err)
			}
		}
	})
}

// A Pool of one entry works, and a key has one Cache as long as that is in use.
func TestOneEntry(t *testing.T) {
	p := &pool.Pool{MaxEntries: 1, IdleAfter: time.Millisecond, New: ofTokens}
	var held [8]*bearer.Cache
	for i := range held {
		held[i] = get(t, p, fmt.Sprint("held-", i))
	}
	var done sync.WaitGroup
	for w := range 64 {
		done.Go(func() {
			for i := range 50 {
				n := (w + i) % len(held)
				if c, err := p.Get(t.Context(), fmt.Sprint("held-", n)); err != nil || c != held[n] {
					t.Errorf("held-%d got a second Cache, or %v", n, err)
				}
				_, _ = p.Get(t.Context(), fmt.Sprint("other-", w, "-", i))
				if i == w%50 {
					runtime.GC()
				}
			}
		})
	}
	done.Wait()
	runtime.KeepAlive(&held)
	if err := p.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

// A Cache that is evicted and kept while All runs is not named a second time.
func TestAllDuringAnEviction(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &pool.Pool{MaxEntries: 5, New: func(context.Context, string) (*bearer.Cache, error) { return new(bearer.Cache), nil }}
		for i := range 5 {
			if err := get(t, p, fmt.Sprint("k", i)).Set(t.Context(), &bearer.Token{AccessToken: "a", RefreshToken: "r"}); err != nil {
				t.Fatal(err)
			}
		}
		seen := make(map[string]int)
		for key := range p.All() {
			if seen[key]++; seen[key] > 1 {
				t.Errorf("All gave %q again", key)
			}
			if len(seen) == 4 {
				crowd(t, p)
			}
		}
		if err := p.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// While Caches come, go and are deleted, All names each key once, and gives its
// Cache.
func TestAllWhileChanging(t *testing.T) {
	p := &pool.Pool{MaxEntries: 20, New: func(_ context.Context, key string) (*bearer.Cache, error) {
		return &bearer.Cache{Key: "cache-of-" + key}, nil
	}}
	stop := make(chan struct{})
	var changing sync.WaitGroup
	for w := range 8 {
		changing.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				key := fmt.Sprint((w*31 + i) % 200)
				c, err := p.Get(t.Context(), key)
				if err != nil {
					t.Error(err)
					return
				}
				if i%3 == 0 { // it must be kept
					if err := c.Set(t.Context(), &bearer.Token{AccessToken: "a", RefreshToken: "r"}); err != nil {
						t.Error(err)
					}
				}
				if i%5 == 0 {
					if err := p.Delete(t.Context(), key); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	for range 300 {
		seen := make(map[string]bool)
		for key, c := range p.All() {
			if seen[key] || c.Key != "cache-of-"+key {
				t.Errorf("All gave %q again: %v, with the Cache %q", key, seen[key], c.Key)
			}
			seen[key] = true
		}
		p.Len()
	}
	close(stop)
	changing.Wait()
	if err := p.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

// undeletable is a Store whose Delete fails.
type undeletable struct{ bearer.MemoryStore }

func (*undeletable) Delete(context.Context, string) error { return errDisk }

func (s *undeletable) Swap(ctx context.Context, key string, old, new []byte) error {
	if new == nil {
		return errDisk
	}
	return s.MemoryStore.Swap(ctx, key, old, new)
}

// What was deleted does not come back from a Store that could not delete it: its
// Cache stays, which knows.
func TestDeleteThatFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := new(undeletable)
		p := &pool.Pool{New: func(context.Context, string) (*bearer.Cache, error) { return &bearer.Cache{Store: s}, nil }}
		if err := get(t, p, "k").Set(t.Context(), &bearer.Token{AccessToken: "deleted", Expiry: time.Now().Add(time.Hour)}); err != nil {
			t.Fatal(err)
		}
		if err := p.Delete(t.Context(), "k"); !errors.Is(err, errDisk) {
			t.Errorf("got %v, want the Store's error", err)
		}
		time.Sleep(time.Minute)
		runtime.GC()
		runtime.GC()
		if tok, err := get(t, p, "k").Token(t.Context()); err == nil {
			t.Errorf("got the token %q that was deleted", tok.AccessToken)
		}
		if err := p.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// Delete of a key whose Cache is being made, or was evicted, forgets what the
// Store has.
func TestDeleteWithoutAnEntry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s bearer.MemoryStore
		p := &pool.Pool{MaxEntries: 5, New: func(_ context.Context, key string) (*bearer.Cache, error) {
			time.Sleep(time.Second)
			return &bearer.Cache{Store: &s}, nil
		}}
		set := func() {
			if err := get(t, p, "k").Set(t.Context(), &bearer.Token{AccessToken: "a", RefreshToken: "r"}); err != nil {
				t.Fatal(err)
			}
		}
		gone := func(when string) {
			t.Helper()
			if _, err := s.Get(t.Context(), "k"); !errors.Is(err, bearer.ErrNotFound) {
				t.Errorf("%s: the Store: got %v, want ErrNotFound", when, err)
			}
		}
		set()
		crowd(t, p)
		runtime.GC()
		runtime.GC()
		go func() { _, _ = p.Get(context.Background(), "k") }()
		synctest.Wait() // New is under way
		if err := p.Delete(t.Context(), "k"); err != nil {
			t.Error(err)
		}
		gone("during New")
		set()
		crowd(t, p)
		if err := p.Delete(t.Context(), "k"); err != nil {
			t.Error(err)
		}
		gone("evicted")
		if err := p.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// Get, Delete, Len and All beside Close, and after it, do no harm: a Cache comes
// with no error, and none with one.
func TestCloseBesideGet(t *testing.T) {
	for range 20 {
		p := &pool.Pool{MaxEntries: 10, IdleAfter: time.Millisecond, New: func(_ context.Context, key string) (*bearer.Cache, error) {
			runtime.Gosched()
			return &bearer.Cache{Store: new(bearer.MemoryStore), Source: tokens(key, time.Hour)}, nil
		}}
		var done sync.WaitGroup
		for w := range 32 {
			done.Go(func() {
				for i := range 50 {
					c, err := p.Get(t.Context(), fmt.Sprint(w, "-", i%7))
					if (c == nil) == (err == nil) {
						t.Errorf("got %v and %v", c, err)
					}
					if err == nil {
						_, err = c.Token(t.Context())
					}
					if err != nil && !strings.Contains(err.Error(), "closed") {
						t.Error(err)
					}
					p.Len()
				}
				if err := p.Delete(t.Context(), "x"); err != nil && !strings.Contains(err.Error(), "closed") {
					t.Error(err)
				}
			})
		}
		for range 2 {
			done.Go(func() {
				if err := p.Close(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		done.Wait()
		for key := range p.All() {
			t.Errorf("a closed Pool has %q", key)
		}
		if n := p.Len(); n != 0 {
			t.Errorf("a closed Pool has Len %d", n)
		}
	}
}

// The hooks of the user are told what they were told without a Pool.
func TestHooksAreKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told, failed atomic.Int32
		hooks := bearer.Hooks{
			TokenRefreshed: func(context.Context, bearer.Event) { told.Add(1) },
			StoreFailed:    func(_ context.Context, e bearer.Event) { failed.Add(1) },
		}
		s := new(flakyStore)
		s.broken.Store(true)
		p := &pool.Pool{New: func(_ context.Context, key string) (*bearer.Cache, error) {
			return &bearer.Cache{Store: s, Source: tokens(key, time.Hour), Hooks: &hooks}, nil
		}}
		for i := range 3 { // all with the same Hooks
			if _, err := get(t, p, fmt.Sprint(i)).Token(t.Context()); err != nil {
				t.Error(err)
			}
		}
		synctest.Wait()
		if told.Load() != 3 || failed.Load() != 3 {
			t.Errorf("the hooks were told of %d refreshes and %d failures, want 3 and 3", told.Load(), failed.Load())
		}
		s.broken.Store(false)
		if err := p.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// deafStore does not return from Get of one key, whatever the context.
type deafStore struct {
	bearer.MemoryStore
	deaf  string
	until atomic.Pointer[chan struct{}] // nil: it returns
	stuck atomic.Int32                  // calls that wait
}

func (s *deafStore) Get(ctx context.Context, key string) ([]byte, error) {
	if until := s.until.Load(); key == s.deaf && until != nil {
		s.stuck.Add(1)
		defer s.stuck.Add(-1)
		<-*until
	}
	return s.MemoryStore.Get(ctx, key)
}

func (s *deafStore) Put(ctx context.Context, key string, data []byte) error {
	if key == s.deaf {
		return errDisk
	}
	return s.MemoryStore.Put(ctx, key, data)
}

func (s *deafStore) Swap(ctx context.Context, key string, old, new []byte) error {
	if key == s.deaf {
		return errDisk
	}
	return s.MemoryStore.Swap(ctx, key, old, new)
}

// G13: a Store that does not return keeps Close no longer than its context lasts,
// and the keeper not from saving what other Stores take.
func TestStoreThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		deaf, well := &deafStore{deaf: "deaf"}, new(flakyStore)
		well.broken.Store(true)
		p := &pool.Pool{MaxEntries: 5, New: func(_ context.Context, key string) (*bearer.Cache, error) {
			c := &bearer.Cache{Source: tokens(key, time.Hour), Store: well}
			if key == "deaf" {
				c.Store = deaf
			}
			return c, nil
		}}
		for _, key := range []string{"deaf", "well"} {
			if _, err := get(t, p, key).Token(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		until := make(chan struct{})
		deaf.until.Store(&until)
		time.Sleep(5 * time.Minute)
		if n := deaf.stuck.Load(); n > 1 {
			t.Errorf("%d calls of the Store that hangs wait, want one", n)
		}
		well.broken.Store(false)
		time.Sleep(2 * time.Minute)
		if _, err := well.Get(t.Context(), "well"); err != nil {
			t.Errorf("the other Store: got %v, want the token", err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		start := time.Now()
		err := p.Close(ctx)
		if err == nil || !strings.Contains(err.Error(), `"deaf"`) || strings.Contains(err.Error(), `"well"`) || time.Since(start) > 12*time.Second {
			t.Errorf("Close: got %v after %v, want an error that names deaf, within 12 s", err, time.Since(start))
		}
		close(until)
		synctest.Wait()
	})
}

// Two Pools over one Store, with the same keys, are as two processes: each has its
// own Cache, and they make one token request.
func TestTwoPools(t *testing.T) {
	var s bearer.MemoryStore
	var asked atomic.Int32
	source := bearer.SourceFunc(func(context.Context) (*bearer.Token, error) {
		return &bearer.Token{AccessToken: fmt.Sprint("t", asked.Add(1)), Expiry: time.Now().Add(time.Hour)}, nil
	})
	newCache := func(context.Context, string) (*bearer.Cache, error) {
		return &bearer.Cache{Source: source, Store: &s}, nil
	}
	a, b := &pool.Pool{New: newCache}, &pool.Pool{New: newCache, MaxRefreshes: 1}
	if get(t, a, "k") == get(t, b, "k") {
		t.Error("two Pools have one Cache")
	}
	for _, p := range []*pool.Pool{a, b} {
		if tok, err := get(t, p, "k").Token(t.Context()); err != nil || tok.AccessToken != "t1" {
			t.Errorf("got %v, %v; want the first token", tok, err)
		}
	}
}
