package bearer_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"example.com/bearer"
)

// G19: what is unsaved is replaced only by something that the Store did not
// hold before. Expiry is not age: neither a token that does not expire, nor one
// with a shorter lifetime, is older than the one in the Store.
func TestUnsavedTokenIsKeptWhateverItsExpiry(t *testing.T) {
	for _, shared := range []bool{false, true} {
		for name, lifetime := range map[string]time.Duration{"never expires": 0, "shorter": 10 * time.Minute, "longer": 10 * time.Hour} {
			for _, op := range []string{"put", "get and put", "lock"} {
				synctest.Test(t, func(t *testing.T) {
					s := new(failingLocker)
					var store bearer.Store = s
					if !shared {
						store = notLocker{s}
					}
					if err := (&bearer.Cache{Store: s, Key: "k"}).Set(t.Context(), userToken("first-user", "r1", time.Hour)); err != nil {
						t.Fatal(err)
					}
					a := askedBy(func(_ int, refresh string) (*bearer.Token, error) {
						return userToken("refreshed", "r3", time.Hour), nil
					})
					c := &bearer.Cache{Source: a, Store: store, Key: "k"}
					if got, err := c.Token(t.Context()); err != nil || got.AccessToken != "first-user" {
						t.Fatalf("got %v, want the stored token", err)
					}
					s.put.Store(op != "lock")
					s.get.Store(op == "get and put")
					s.lock.Store(op == "lock")
					login := &bearer.Token{AccessToken: "second-user", RefreshToken: "r2"}
					if lifetime > 0 {
						login.Expiry = time.Now().Add(lifetime)
					}
					if err := c.Set(t.Context(), login); err == nil && (shared || op != "lock") {
						t.Fatal("Set: got nil, want the Store's error")
					}
					s.put.Store(false)
					s.get.Store(false)
					s.lock.Store(false)
					for range 5 {
						if got, err := c.Token(t.Context()); err != nil || got.AccessToken != "second-user" {
							t.Fatalf("%s, %s fails: got %v, want the second user's token", name, op, err)
						}
						time.Sleep(time.Second)
					}
					synctest.Wait()
					if in := stored(t, s); in == nil || in.AccessToken != "second-user" {
						t.Errorf("%s, %s fails: the second user's token is not in the Store", name, op)
					}
					if _, err := c.Renew(t.Context(), nil); err != nil || a.sent[0] != "r2" {
						t.Errorf("%s, %s fails: got %v after the refresh token %q, want r2 sent", name, op, err, a.sent)
					}
				})
			}
		}
	}
}

// G19: nor does a refresh whose token has a shorter lifetime, and could not be
// stored at first, bring the spent refresh token back.
func TestUnsavedRenewalIsKept(t *testing.T) {
	for _, lifetime := range []time.Duration{0, time.Minute, 3 * time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			s := new(failingLocker)
			a := askedBy(func(n int, _ string) (*bearer.Token, error) {
				next := &bearer.Token{AccessToken: fmt.Sprint("a", n), RefreshToken: fmt.Sprint("r", n)}
				if lifetime > 0 {
					next.Expiry = time.Now().Add(lifetime)
				}
				return next, nil
			})
			c := &bearer.Cache{Source: a, Store: s, Key: "k"}
			if err := c.Set(t.Context(), userToken("a0", "r0", time.Hour)); err != nil {
				t.Fatal(err)
			}
			s.put.Store(true)
			if _, err := c.Renew(t.Context(), nil); err != nil {
				t.Fatal(err)
			}
			s.put.Store(false)
			for n := range 3 {
				time.Sleep(2 * time.Second)
				if _, err := c.Renew(t.Context(), nil); err != nil {
					t.Fatalf("lifetime %v: got %v, want a new token", lifetime, err)
				}
				if got, want := a.sent[n+1], fmt.Sprint("r", n+1); got != want {
					t.Errorf("lifetime %v: got the refresh token %q sent, want %q", lifetime, got, want)
				}
				c.Accepted(mustToken(t, c))
			}
		})
	}
}

func mustToken(t *testing.T, c *bearer.Cache) *bearer.Token {
	t.Helper()
	got, err := c.Token(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// G19: a login that another process stores while ours is unsaved is newer.
func TestNewsReplacesTheUnsavedToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := new(failing)
		c := &bearer.Cache{Store: s, Key: "k"}
		_ = c.Set(t.Context(), token("first", time.Hour))
		s.put.Store(true)
		_ = c.Set(t.Context(), token("unsaved", 10*time.Hour))
		s.put.Store(false)
		if err := (&bearer.Cache{Store: s, Key: "k"}).Set(t.Context(), token("theirs", time.Minute)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Second)
		mustToken(t, c)
		synctest.Wait()
		if got := mustToken(t, c); got.AccessToken != "theirs" {
			t.Errorf("got %q, want theirs", got.AccessToken)
		}
		if in := stored(t, s); in == nil || in.AccessToken != "theirs" {
			t.Error("their token is not in the Store any more")
		}
	})
}

// G19: a Store that cannot be locked, or read, is tried again with growing
// pauses as well, not at each call.
func TestSavingPausesWhicheverOperationFails(t *testing.T) {
	for _, op := range []string{"lock", "get", "put"} {
		synctest.Test(t, func(t *testing.T) {
			s := &counting{}
			c := &bearer.Cache{Store: s, Key: "k"}
			s.put.Store(true)
			_ = c.Set(t.Context(), token("t", time.Hour))
			s.put.Store(op == "put")
			s.get.Store(op == "get")
			s.lock.Store(op == "lock")
			s.locks.Store(0)
			for range 60_000 {
				mustToken(t, c)
				time.Sleep(time.Millisecond)
			}
			synctest.Wait()
			if n := s.locks.Load(); n < 4 || n > 10 {
				t.Errorf("%s fails: got %d attempts to save in a minute, want some 6", op, n)
			}
		})
	}
}

// counting counts uses of the Store.
type counting struct {
	failingLocker
	locks atomic.Int64
}

func (s *counting) Lock(ctx context.Context, key string) (func() error, error) {
	s.locks.Add(1)
	return s.failingLocker.Lock(ctx, key)
}

// slow is a Store whose Put hangs until it is let go, whatever its context
// says, and whose Delete does likewise. What a Put stores can be read when it
// begins to hang if early is set.
type slow struct {
	bearer.MemoryStore
	early bool

	mu    sync.Mutex
	hangs chan struct{} // nil: it does not
	order []string      // of the Puts that ended
	broke error         // what a Put returns that was let go
}

func (s *slow) hang(hangs chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hangs = hangs
}

func (s *slow) Put(ctx context.Context, key string, data []byte) error {
	s.mu.Lock()
	hangs := s.hangs
	s.mu.Unlock()
	if s.early {
		_ = s.MemoryStore.Put(ctx, key, data)
	}
	if hangs != nil {
		<-hangs
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if hangs != nil && s.broke != nil {
		return s.broke
	}
	s.order = append(s.order, string(data))
	return s.MemoryStore.Put(ctx, key, data)
}

// Swap hides MemoryStore's, which would go past Put.
func (*slow) Swap(context.Context, string, []byte, []byte) error { return errors.ErrUnsupported }

func (s *slow) Delete(ctx context.Context, key string) error {
	s.mu.Lock()
	hangs := s.hangs
	s.mu.Unlock()
	if hangs != nil {
		<-hangs
	}
	return s.MemoryStore.Delete(ctx, key)
}

// G13, G19: a Put that hangs keeps a good token from callers for 2 s only. What
// it stores late is known to be stored.
func TestHangingPutServesTheToken(t *testing.T) {
	for _, shared := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			s := new(slow)
			hangs := make(chan struct{})
			s.hang(hangs)
			m := &mint{lifetime: time.Hour}
			c := &bearer.Cache{Source: m, Store: s, Key: "k"}
			if !shared {
				c.Store = notLocker{s}
			}
			start := time.Now()
			got, err := c.Token(t.Context())
			if took := time.Since(start); err != nil || got.AccessToken != "token-1" || took != 2*time.Second {
				t.Errorf("got %v after %v, want the token after 2s", err, took)
			}
			if !c.Status().Unsaved {
				t.Error("got a saved token, want an unsaved one")
			}
			tokenFor(t, c, time.Minute, time.Second)
			close(hangs)
			synctest.Wait()
			if in := stored(t, s); in == nil || in.AccessToken != "token-1" {
				t.Error("the token is not in the Store")
			}
			tokenFor(t, c, time.Minute, time.Second)
			synctest.Wait()
			if c.Status().Unsaved || m.calls.Load() != 1 {
				t.Errorf("got unsaved %v and %d calls, want a saved token and 1", c.Status().Unsaved, m.calls.Load())
			}
		})
	}
}

// G8: Set honours its context while the Store hangs, and the token is in use.
func TestSetLeavesAHangingStore(t *testing.T) {
	for _, op := range []string{"put", "lock"} {
		synctest.Test(t, func(t *testing.T) {
			s := new(slow)
			hangs := make(chan struct{})
			if op == "put" {
				s.hang(hangs)
			} else {
				unlock, _ := s.Lock(t.Context(), "k")
				defer func() { _ = unlock() }()
			}
			c := &bearer.Cache{Store: s, Key: "k"}
			ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
			defer cancel()
			start := time.Now()
			err := c.Set(ctx, token("set", time.Hour))
			if took := time.Since(start); !errors.Is(err, context.DeadlineExceeded) || took != 500*time.Millisecond {
				t.Errorf("%s hangs: got %v after %v, want the context's error after 500ms", op, err, took)
			}
			if got := mustToken(t, c); got.AccessToken != "set" || time.Since(start) != 500*time.Millisecond {
				t.Errorf("%s hangs: got %q after %v, want the token at once", op, got.AccessToken, time.Since(start))
			}
			close(hangs)
			synctest.Wait()
		})
	}
}

// G19: a Put that hangs cannot land over a newer token: later Puts wait until it
// has returned, and what it leaves in the Store is not news.
func TestHangingPutDoesNotOvertake(t *testing.T) {
	for _, shared := range []bool{false, true} {
		for _, early := range []bool{false, true} {
			for _, broke := range []error{nil, errDisk} {
				synctest.Test(t, func(t *testing.T) {
					s := &slow{early: early, broke: broke}
					c := &bearer.Cache{Store: s, Key: "k"}
					if !shared {
						c.Store = notLocker{s}
					}
					if err := c.Set(t.Context(), token("zero", time.Hour)); err != nil {
						t.Fatal(err)
					}
					hangs := make(chan struct{})
					s.hang(hangs)
					ctx, cancel := context.WithTimeout(t.Context(), time.Second)
					defer cancel()
					if err := c.Set(ctx, token("one", 10*time.Hour)); err == nil {
						t.Error("the first Set: got nil, want an error")
					}
					s.hang(nil)
					ctx, cancel = context.WithTimeout(t.Context(), time.Second)
					defer cancel()
					if err := c.Set(ctx, token("two", time.Hour)); err == nil {
						t.Error("the second Set: got nil, want an error: the Store is still busy")
					}
					for range 10 {
						if got := mustToken(t, c); got.AccessToken != "two" {
							t.Errorf("while the Put hangs: got %q, want the newer token", got.AccessToken)
						}
						time.Sleep(time.Second)
					}
					close(hangs)
					for range 60 {
						if got := mustToken(t, c); got.AccessToken != "two" {
							t.Fatalf("when the Put has returned: got %q, want the newer token", got.AccessToken)
						}
						time.Sleep(time.Second)
					}
					synctest.Wait()
					if in := stored(t, s); in == nil || in.AccessToken != "two" {
						t.Errorf("shared %v, early %v, %v: the newer token is not in the Store", shared, early, broke)
					}
				})
			}
		}
	}
}

// G19: nor is a token news that a failed Put left in the Store after all.
func TestFailedPutThatStoredIsNotNews(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := new(half)
		c := &bearer.Cache{Store: s, Key: "k"}
		if err := c.Set(t.Context(), token("zero", time.Hour)); err != nil {
			t.Fatal(err)
		}
		s.stores, s.fails = true, true
		_ = c.Set(t.Context(), token("one", time.Hour))
		s.stores = false
		_ = c.Set(t.Context(), token("two", time.Hour))
		s.fails = false
		for range 10 {
			if got := mustToken(t, c); got.AccessToken != "two" {
				t.Fatalf("got %q, want two", got.AccessToken)
			}
			time.Sleep(time.Second)
		}
		synctest.Wait()
		if in := stored(t, s); in == nil || in.AccessToken != "two" {
			t.Error("two is not in the Store")
		}
	})
}

// half is a Store whose Put can fail with the data stored, and without.
type half struct {
	bearer.MemoryStore
	stores, fails bool
}

func (s *half) Put(ctx context.Context, key string, data []byte) error {
	if s.stores || !s.fails {
		_ = s.MemoryStore.Put(ctx, key, data)
	}
	if s.fails {
		return errDisk
	}
	return nil
}

// Swap hides MemoryStore's, which would go past Put.
func (*half) Swap(context.Context, string, []byte, []byte) error { return errors.ErrUnsupported }

// G19: Flush waits for a refresh under way, and stores what is unsaved, as long
// as its context allows.
func TestFlush(t *testing.T) {
	t.Run("a refresh under way", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := new(bearer.MemoryStore)
			c := &bearer.Cache{Source: &mint{lifetime: time.Hour, takes: 10 * time.Second}, Store: s, Key: "k"}
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			_, _ = c.Token(ctx)
			start := time.Now()
			if err := c.Flush(t.Context()); err != nil || time.Since(start) != 9*time.Second {
				t.Errorf("got %v after %v, want nil after 9s", err, time.Since(start))
			}
			if stored(t, s) == nil {
				t.Error("the token is not in the Store")
			}
		})
	})
	t.Run("its context ends", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c := &bearer.Cache{Source: &mint{lifetime: time.Hour, takes: 10 * time.Second}, Store: new(bearer.MemoryStore), Key: "k"}
			go func() { _, _ = c.Token(context.WithoutCancel(t.Context())) }()
			time.Sleep(time.Second)
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			const want = "bearer: Cache.Flush: context deadline exceeded"
			if err := c.Flush(ctx); err == nil || err.Error() != want || !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("got %v, want %s", err, want)
			}
			time.Sleep(10 * time.Second)
		})
	})
	t.Run("replaced meanwhile", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := &failing{pausePut: 10 * time.Second}
			c := &bearer.Cache{Source: &mint{lifetime: time.Hour}, Store: s, Key: "k"}
			if _, err := c.Token(t.Context()); err != nil {
				t.Fatal(err)
			}
			flushed := make(chan error, 1)
			go func() { flushed <- c.Flush(t.Context()) }() // it waits for the first token's Put
			synctest.Wait()
			if _, err := c.Renew(t.Context(), nil); err != nil {
				t.Fatal(err)
			}
			if err := <-flushed; err != nil {
				t.Errorf("got %v, want nil", err)
			}
			if in := stored(t, s); in == nil || in.AccessToken != "token-2" || c.Status().Unsaved {
				t.Errorf("got the Store without the token that Flush found last")
			}
		})
	})
	t.Run("unsaved", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := new(failingLocker)
			s.put.Store(true)
			c := &bearer.Cache{Store: s, Key: "k"}
			_ = c.Set(t.Context(), token("t", time.Hour))
			const want = "bearer: Cache.Flush: the token could not be stored: the disk is full"
			if err := c.Flush(t.Context()); err == nil || err.Error() != want || !errors.Is(err, errDisk) {
				t.Errorf("got %v, want %s", err, want)
			}
			s.put.Store(false)
			if err := c.Flush(t.Context()); err != nil {
				t.Errorf("got %v, want nil", err)
			}
			if in := stored(t, s); in == nil || in.AccessToken != "t" || c.Status().Unsaved {
				t.Error("the token is not in the Store")
			}
		})
	})
	t.Run("a slow Store", func(t *testing.T) {
		for _, shared := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				s := new(slow)
				hangs := make(chan struct{})
				s.hang(hangs)
				c := &bearer.Cache{Source: &mint{lifetime: time.Hour}, Store: s, Key: "k"}
				if !shared {
					c.Store = notLocker{s}
				}
				mustToken(t, c) // its Put still hangs
				ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
				defer cancel()
				start := time.Now()
				if err := c.Flush(ctx); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != 3*time.Second {
					t.Errorf("while the Store hangs: got %v after %v, want the context's error after 3s", err, time.Since(start))
				}
				time.AfterFunc(5*time.Second, func() { s.hang(nil); close(hangs) })
				if err := c.Flush(t.Context()); err != nil || c.Status().Unsaved {
					t.Errorf("got %v, want nil when the Put has returned", err)
				}
				if stored(t, s) == nil {
					t.Error("the token is not in the Store")
				}
			})
		}
	})
	t.Run("nothing to do", func(t *testing.T) {
		for _, c := range []*bearer.Cache{{}, {Store: new(bearer.MemoryStore), Key: "k"}, {Store: new(bearer.MemoryStore)}} {
			if err := c.Flush(t.Context()); err != nil {
				t.Errorf("got %v, want nil", err)
			}
		}
	})
	t.Run("within the Source", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var c *bearer.Cache
			c = &bearer.Cache{Source: bearer.SourceFunc(func(ctx context.Context) (*bearer.Token, error) {
				if err := c.Flush(ctx); err == nil {
					t.Error("got nil, want an error: it would wait for itself")
				}
				return token("t", time.Hour), nil
			})}
			start := time.Now()
			if _, err := c.Token(t.Context()); err != nil || time.Since(start) != 0 {
				t.Errorf("got %v after %v, want the token at once", err, time.Since(start))
			}
		})
	})
}

// G19: a short RefreshTimeout does not cut the saving short.
func TestShortRefreshTimeoutAndASlowStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &failing{}
		c := &bearer.Cache{Source: &mint{lifetime: time.Hour}, Store: s, Key: "k", RefreshTimeout: time.Second}
		s.put.Store(true)
		first := mustToken(t, c)
		s.put.Store(false)
		s.pausePut = 1800 * time.Millisecond
		if got, err := c.Renew(t.Context(), first); err != nil || got.AccessToken != "token-2" {
			t.Errorf("got %v, want token-2", err)
		}
		if in := stored(t, &s.memory); in == nil || in.AccessToken != "token-2" || c.Status().Unsaved {
			t.Error("token-2 is not in the Store when it is served")
		}
	})
}
