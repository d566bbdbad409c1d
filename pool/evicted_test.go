package pool_test

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
	"example.com/bearer/pool"
)

var errDisk = errors.New("the disk is full")

// flakyStore fails when it is told to.
type flakyStore struct {
	bearer.MemoryStore
	broken atomic.Bool
	takes  atomic.Int64 // a time.Duration
}

func (s *flakyStore) Put(ctx context.Context, key string, data []byte) error {
	time.Sleep(time.Duration(s.takes.Load()))
	if s.broken.Load() {
		return errDisk
	}
	return s.MemoryStore.Put(ctx, key, data)
}

func (s *flakyStore) Swap(ctx context.Context, key string, old, new []byte) error {
	time.Sleep(time.Duration(s.takes.Load()))
	if s.broken.Load() {
		return errDisk
	}
	return s.MemoryStore.Swap(ctx, key, old, new)
}

// crowd evicts what is in p by other keys, each of which is used more often.
func crowd(t *testing.T, p *pool.Pool) {
	t.Helper()
	for range 10 {
		for i := range 20 {
			get(t, p, fmt.Sprint("other-", i))
			synctest.Wait() // for otter's own goroutine, which counts and evicts
		}
	}
}

func get(t *testing.T, p *pool.Pool, key string) *bearer.Cache {
	t.Helper()
	c, err := p.Get(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// holds reports whether the Pool holds key, without using it.
func holds(p *pool.Pool, key string) bool {
	for k := range p.All() {
		if k == key {
			return true
		}
	}
	return false
}

// A Cache that is in use when it is evicted is the one that its key has later.
// One that is not is forgotten.
func TestEvictedCacheInUse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var made sync.Map
		p := &pool.Pool{MaxEntries: 5, New: func(ctx context.Context, key string) (*bearer.Cache, error) {
			n, _ := made.LoadOrStore(key, new(atomic.Int32))
			n.(*atomic.Int32).Add(1)
			return ofTokens(ctx, key)
		}}
		c := get(t, p, "k")
		crowd(t, p)
		if holds(p, "k") || p.Len() > 5 {
			t.Fatalf("the Pool holds %d Caches and k: %v; want 5 others", p.Len(), holds(p, "k"))
		}
		runtime.GC()
		if get(t, p, "k") != c {
			t.Error("got a second Cache while the first one was in use")
		}
		runtime.KeepAlive(c)
		c = nil
		crowd(t, p)
		runtime.GC()
		runtime.GC()
		get(t, p, "k")
		if n, _ := made.Load("k"); n.(*atomic.Int32).Load() != 2 {
			t.Errorf("New was called %d times, want a second time when the first Cache was gone", n.(*atomic.Int32).Load())
		}
	})
}

// A Cache that is evicted while it refreshes is not kept for that, and its key
// has no second one meanwhile.
func TestEvictedDuringARefresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var made atomic.Int32
		p := &pool.Pool{MaxEntries: 5, New: func(_ context.Context, key string) (*bearer.Cache, error) {
			made.Add(1)
			return &bearer.Cache{Source: bearer.SourceFunc(func(context.Context) (*bearer.Token, error) {
				time.Sleep(time.Second)
				return &bearer.Token{AccessToken: "t", Expiry: time.Now().Add(time.Hour)}, nil
			})}, nil
		}}
		const keys = 200
		ask := func() {
			for i := range keys {
				c := get(t, p, fmt.Sprint(i))
				go func() { _, _ = c.Token(context.Background()) }()
				synctest.Wait()
			}
		}
		ask()
		runtime.GC()
		ask()
		if n := p.Len(); n > 5 || made.Load() != keys {
			t.Errorf("got Len %d and %d Caches, want at most 5 and one for each of %d keys", n, made.Load(), keys)
		}
		time.Sleep(time.Minute)
	})
}

// IdleAfter evicts what is not used, also when it expires and is asked for in
// the same moment.
func TestIdleAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &pool.Pool{IdleAfter: time.Minute, New: ofTokens}
		c, used := get(t, p, "k"), get(t, p, "used")
		for range 100 {
			time.Sleep(time.Second)
			if get(t, p, "used") != used {
				t.Fatal("a Cache that is used was evicted")
			}
		}
		if get(t, p, "k") != c {
			t.Error("got a second Cache while the first one was in use")
		}
		time.Sleep(5 * time.Minute)
		get(t, p, "another")
		synctest.Wait()
		if n := p.Len(); n != 1 {
			t.Errorf("got Len %d after all were idle, want 1", n)
		}
		if err := p.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
}

// What is not in the Store is kept after an eviction, and saved when the Store
// works again, though nothing asks for it; then it is let go.
func TestUnsavedIsKeptAndSaved(t *testing.T) {
	for name, fail := range map[string]func(*testing.T, *pool.Pool, *flakyStore){
		"before the eviction": func(t *testing.T, p *pool.Pool, s *flakyStore) {
			_, _ = get(t, p, "k").Token(t.Context())
			crowd(t, p)
		},
		"after the eviction": func(t *testing.T, p *pool.Pool, s *flakyStore) {
			c := get(t, p, "k")
			crowd(t, p)
			_, _ = c.Token(t.Context())
		},
		"in a refresh during the eviction": func(t *testing.T, p *pool.Pool, s *flakyStore) {
			s.takes.Store(int64(time.Second))
			c := get(t, p, "k")
			go func() { _, _ = c.Token(context.Background()) }()
			synctest.Wait()
			crowd(t, p)
		},
		"in the Pool": func(t *testing.T, p *pool.Pool, s *flakyStore) { _, _ = get(t, p, "k").Token(t.Context()) },
	} {
		synctest.Test(t, func(t *testing.T) {
			s := new(flakyStore)
			s.broken.Store(true)
			var made atomic.Int32
			p := &pool.Pool{MaxEntries: 5, New: func(_ context.Context, key string) (*bearer.Cache, error) {
				if key != "k" {
					return ofTokens(t.Context(), key)
				}
				made.Add(1)
				return &bearer.Cache{Store: s, Key: key, Source: tokens(key, time.Hour)}, nil
			}}
			fail(t, p, s)
			time.Sleep(time.Minute)
			runtime.GC()
			if !holds(p, "k") {
				t.Errorf("%s: the Pool has let go of a token that is not saved", name)
			}
			s.broken.Store(false)
			time.Sleep(time.Minute)
			if _, err := s.Get(t.Context(), "k"); err != nil {
				t.Errorf("%s: the Store: got %v, want the token", name, err)
			}
			crowd(t, p)
			if holds(p, "k") || made.Load() != 1 {
				t.Errorf("%s: the Pool holds it: %v, after %d calls of New; want it let go, and one call", name, holds(p, "k"), made.Load())
			}
			if err := p.Close(t.Context()); err != nil {
				t.Errorf("%s: Close: %v", name, err)
			}
		})
	}
}

// A login without a Store is kept as long as the Pool is.
func TestLoginWithoutAStoreIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &pool.Pool{MaxEntries: 5, New: func(context.Context, string) (*bearer.Cache, error) { return new(bearer.Cache), nil }}
		if err := get(t, p, "k").Set(t.Context(), &bearer.Token{AccessToken: "mine", RefreshToken: "r"}); err != nil {
			t.Fatal(err)
		}
		crowd(t, p)
		time.Sleep(time.Hour)
		runtime.GC()
		runtime.GC()
		if tok, err := get(t, p, "k").Token(t.Context()); err != nil || tok.AccessToken != "mine" {
			t.Errorf("got %v, %v; want the login", tok, err)
		}
		if err := p.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// A login that arrives a moment after its Cache was evicted is kept too.
func TestLoginAfterTheEvictionIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &pool.Pool{MaxEntries: 5, New: func(context.Context, string) (*bearer.Cache, error) { return new(bearer.Cache), nil }}
		c := get(t, p, "k")
		crowd(t, p)
		if err := c.Set(t.Context(), &bearer.Token{AccessToken: "mine", RefreshToken: "r"}); err != nil {
			t.Fatal(err)
		}
		c = nil
		runtime.GC()
		runtime.GC()
		time.Sleep(time.Hour)
		runtime.GC()
		if tok, err := get(t, p, "k").Token(t.Context()); err != nil || tok.AccessToken != "mine" {
			t.Errorf("got %v, %v; want the login", tok, err)
		}
		if err := p.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// A login without a Store that was kept is let go when it is deleted, and so is
// a Cache without a login.
func TestDeletedLoginIsLetGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &pool.Pool{MaxEntries: 5, New: func(context.Context, string) (*bearer.Cache, error) { return new(bearer.Cache), nil }}
		if err := get(t, p, "k").Set(t.Context(), &bearer.Token{AccessToken: "mine", RefreshToken: "r"}); err != nil {
			t.Fatal(err)
		}
		crowd(t, p)
		time.Sleep(time.Minute)
		if !holds(p, "k") {
			t.Fatal("the login was let go")
		}
		if err := p.Delete(t.Context(), "k"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		if holds(p, "k") || p.Len() > 5 {
			t.Errorf("a minute after Delete the Pool holds %d Caches, k: %v; want at most 5 and not k", p.Len(), holds(p, "k"))
		}
		if err := p.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// Close waits for refreshes also of Caches that were evicted, and of those that
// are idle but not yet evicted: what they bring is in the Store then.
func TestCloseWaitsForRefreshes(t *testing.T) {
	for _, left := range []string{"evicted", "idle"} {
		synctest.Test(t, func(t *testing.T) {
			s := new(flakyStore)
			p := &pool.Pool{MaxEntries: 5, New: func(_ context.Context, key string) (*bearer.Cache, error) {
				return &bearer.Cache{Store: s, Key: key, Source: bearer.SourceFunc(func(ctx context.Context) (*bearer.Token, error) {
					time.Sleep(500 * time.Millisecond)
					return &bearer.Token{AccessToken: "new", Expiry: time.Now().Add(time.Hour)}, nil
				})}, nil
			}}
			if left == "idle" {
				p.IdleAfter = 10 * time.Millisecond
			}
			c := get(t, p, "k")
			if left == "evicted" {
				crowd(t, p)
			}
			go func() { _, _ = c.Token(context.Background()) }()
			time.Sleep(100 * time.Millisecond)
			if err := p.Close(t.Context()); err != nil {
				t.Error(err)
			}
			if _, err := s.Get(t.Context(), "k"); err != nil {
				t.Errorf("%s: after Close: got %v, want the token in the Store", left, err)
			}
			time.Sleep(time.Minute)
		})
	}
}

// Close saves what is not saved, and names what could not be. Another one tries
// again.
func TestClose(t *testing.T) {
	for _, works := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			s := new(flakyStore)
			s.broken.Store(true)
			p := &pool.Pool{New: func(_ context.Context, key string) (*bearer.Cache, error) {
				return &bearer.Cache{Store: s, Key: key, Source: tokens(key, time.Hour)}, nil
			}}
			for i := range 20 {
				if _, err := get(t, p, fmt.Sprint("user-", i)).Token(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			s.broken.Store(!works)
			err := p.Close(t.Context())
			for i := range 20 {
				if _, absent := s.Get(t.Context(), fmt.Sprint("user-", i)); (absent == nil) != works {
					t.Errorf("the Store works: %v: got %v of it", works, absent)
				}
			}
			if (err == nil) != works || !works && !errors.Is(err, errDisk) {
				t.Errorf("the Store works: %v: got %v", works, err)
			}
			s.broken.Store(false)
			if err := p.Close(t.Context()); err != nil {
				t.Errorf("a second Close: got %v", err)
			}
			if _, err := s.Get(t.Context(), "user-19"); err != nil {
				t.Errorf("after a second Close, when the Store works: got %v of it", err)
			}
		})
	}
}
