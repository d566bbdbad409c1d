package pool_test

import (
	"context"
	"errors"
	"net/http"
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

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// tokens are tokens with the name of their key.
func tokens(key string, lifetime time.Duration) bearer.Source {
	return bearer.SourceFunc(func(context.Context) (*bearer.Token, error) {
		return &bearer.Token{AccessToken: "token-of-" + key, Expiry: time.Now().Add(lifetime)}, nil
	})
}

func ofTokens(_ context.Context, key string) (*bearer.Cache, error) {
	return &bearer.Cache{Source: tokens(key, time.Hour)}, nil
}

// New is called once for a key, and its error is shared and not kept.
func TestNewIsCalledOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var calls atomic.Int32
		down := errors.New("the database is down")
		p := &pool.Pool{New: func(ctx context.Context, key string) (*bearer.Cache, error) {
			time.Sleep(time.Second)
			if calls.Add(1) == 1 {
				return nil, down
			}
			return ofTokens(ctx, key)
		}}
		ask := func() (got map[*bearer.Cache]int, failed int) {
			var mu sync.Mutex
			got = make(map[*bearer.Cache]int)
			var done sync.WaitGroup
			for range 100 {
				done.Go(func() {
					c, err := p.Get(t.Context(), "k")
					mu.Lock()
					defer mu.Unlock()
					if err != nil {
						failed++
						if !errors.Is(err, down) {
							t.Error(err)
						}
						return
					}
					got[c]++
				})
			}
			done.Wait()
			return got, failed
		}
		if _, failed := ask(); failed != 100 || calls.Load() != 1 {
			t.Errorf("got %d failures of %d calls, want 100 of one", failed, calls.Load())
		}
		if got, failed := ask(); len(got) != 1 || failed != 0 || calls.Load() != 2 {
			t.Errorf("got %d Caches, %d failures, %d calls; want one of one more call", len(got), failed, calls.Load()-1)
		}
		if n := p.Len(); n != 1 {
			t.Errorf("got Len %d, want 1", n)
		}
	})
}

// One who waits for New leaves when its own context ends; New goes on for the
// others.
func TestWaitingForNewEndsWithTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &pool.Pool{New: func(ctx context.Context, key string) (*bearer.Cache, error) {
			time.Sleep(time.Second)
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			return ofTokens(ctx, key)
		}}
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		go func() {
			if _, err := p.Get(ctx, "k"); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("got %v, want the end of the context", err)
			}
		}()
		synctest.Wait()
		if _, err := p.Get(t.Context(), "k"); err != nil {
			t.Errorf("the other got %v, want a Cache", err)
		}
	})
}

// A New that breaks off fails its own key, and no other one.
func TestNewThatBreaksOff(t *testing.T) {
	p := &pool.Pool{New: func(ctx context.Context, key string) (*bearer.Cache, error) {
		switch key {
		case "panic":
			panic("boom")
		case "Goexit":
			runtime.Goexit()
		case "neither":
			return nil, nil
		}
		return ofTokens(ctx, key)
	}}
	for _, key := range []string{"panic", "Goexit", "neither"} {
		if c, err := p.Get(t.Context(), key); err == nil || !strings.Contains(err.Error(), key) {
			t.Errorf("%s: got %v, %v; want an error that says so", key, c, err)
		}
	}
	if _, err := p.Get(t.Context(), "good"); err != nil {
		t.Error(err)
	}
}

func TestBadInput(t *testing.T) {
	var none pool.Pool
	if _, err := none.Get(t.Context(), "k"); err == nil || !strings.Contains(err.Error(), "Pool.New is nil") {
		t.Errorf("without New: got %v", err)
	}
	if err := none.Close(t.Context()); err != nil || none.Len() != 0 {
		t.Errorf("without New: got %v and Len %d", err, none.Len())
	}
	p := &pool.Pool{New: ofTokens}
	if _, err := p.Get(t.Context(), ""); !errors.Is(err, bearer.ErrNoKey) {
		t.Errorf("without a key: got %v, want ErrNoKey", err)
	}
	req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://api.test/", nil)
	if _, err := p.CacheFor(req); !errors.Is(err, bearer.ErrNoKey) || !strings.Contains(err.Error(), "pool.WithKey") {
		t.Errorf("without WithKey: got %v, want ErrNoKey and what to do", err)
	}
	if err := p.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Get(t.Context(), "k"); err == nil || !strings.Contains(err.Error(), "closed") {
		t.Errorf("after Close: got %v", err)
	}
}

// The key comes from Pool.Key, if that is set.
func TestKey(t *testing.T) {
	errNone := errors.New("no session")
	p := &pool.Pool{New: ofTokens, Key: func(req *http.Request) (string, error) {
		if req.URL.Host == "none.test" {
			return "", errNone
		}
		return req.Header.Get("X-User"), nil
	}}
	for _, row := range []struct {
		host, user string
		want       error
	}{{"api.test", "a", nil}, {"api.test", "", bearer.ErrNoKey}, {"none.test", "a", errNone}} {
		req, _ := http.NewRequestWithContext(pool.WithKey(t.Context(), "not this one"), http.MethodGet, "https://"+row.host+"/", nil)
		req.Header.Set("X-User", row.user)
		c, err := p.CacheFor(req)
		if !errors.Is(err, row.want) || (c == nil) != (row.want != nil) {
			t.Errorf("%+v: got %v, %v", row, c, err)
			continue
		}
		if err == nil {
			if tok, err := c.Token(t.Context()); err != nil || tok.AccessToken != "token-of-a" {
				t.Errorf("%+v: got %v, %v", row, tok, err)
			}
		}
	}
	for range p.All() {
		return
	}
	t.Error("All has no Cache")
}

// Delete forgets the credential, here and in the Store.
func TestDelete(t *testing.T) {
	var store bearer.MemoryStore
	p := &pool.Pool{New: func(_ context.Context, key string) (*bearer.Cache, error) {
		return &bearer.Cache{Store: &store, Key: key}, nil
	}}
	c, err := p.Get(t.Context(), "k")
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Set(t.Context(), &bearer.Token{AccessToken: "a", RefreshToken: "r"}); err != nil {
		t.Fatal(err)
	}
	if err := p.Delete(t.Context(), "k"); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Get(t.Context(), "k"); !errors.Is(err, bearer.ErrNotFound) {
		t.Errorf("the Store: got %v, want ErrNotFound", err)
	}
	if n := p.Len(); n != 0 {
		t.Errorf("got Len %d, want 0", n)
	}
	again, err := p.Get(t.Context(), "k")
	if err != nil || again != c {
		t.Errorf("got another Cache, or %v, while the first one is in use", err)
	}
}
