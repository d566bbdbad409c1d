package bearer_test

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"example.com/bearer"
)

// The ways in which code that is not ours can break off.
var breakOffs = map[string]func(){
	"panic":  func() { panic("boom") },
	"goexit": runtime.Goexit,
}

var breakOffWords = map[string]string{"panic": "panicked: boom", "goexit": "runtime.Goexit"}

// G13: a Source that panics or calls runtime.Goexit is an error for all waiters
// and is told like any failure, and the next call works.
func TestSourceThatBreaksOff(t *testing.T) {
	for name, breakOff := range breakOffs {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				calls := 0
				told := 0
				c := &bearer.Cache{
					Hooks: &bearer.Hooks{RefreshFailed: func(_ context.Context, e bearer.Event) {
						told++
						if !strings.Contains(e.Err.Error(), breakOffWords[name]) {
							t.Errorf("hook got %v, want %q in it", e.Err, breakOffWords[name])
						}
					}},
					Source: bearer.SourceFunc(func(context.Context) (*bearer.Token, error) {
						if calls++; calls == 1 {
							time.Sleep(time.Millisecond)
							breakOff()
						}
						return token("good", time.Hour), nil
					}),
				}
				done := make(chan error, 10)
				for range 10 {
					go func() { _, err := c.Token(t.Context()); done <- err }()
				}
				for range 10 {
					var te *bearer.TokenError
					if err := <-done; !errors.As(err, &te) || !strings.Contains(err.Error(), breakOffWords[name]) {
						t.Errorf("got %v, want a *TokenError with %q", err, breakOffWords[name])
					}
				}
				time.Sleep(time.Second)
				if got, err := c.Token(t.Context()); err != nil || got.AccessToken != "good" {
					t.Errorf("next call: got %v, want the token", err)
				}
				synctest.Wait()
				if calls != 2 || told != 1 {
					t.Errorf("got %d calls and %d events, want 2 and 1", calls, told)
				}
			})
		})
	}
}

// G9, G13: a Source that panics in a background refresh is asked again well
// before the token expires.
func TestSourceThatBreaksOffInTheBackground(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		c := &bearer.Cache{Source: bearer.SourceFunc(func(context.Context) (*bearer.Token, error) {
			if calls++; calls == 2 {
				panic("boom")
			}
			return token("t", time.Minute), nil
		})}
		for range 59 {
			if _, err := c.Token(t.Context()); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
		}
		synctest.Wait()
		if calls != 3 {
			t.Errorf("got %d calls within the token's minute, want 3", calls)
		}
	})
}

type brokenStore struct {
	bearer.MemoryStore
	at       string
	breakOff func()
}

func (s *brokenStore) when(op string) {
	if s.at == op {
		s.at = ""
		s.breakOff()
	}
}

func (s *brokenStore) Get(ctx context.Context, key string) ([]byte, error) {
	s.when("get")
	return s.MemoryStore.Get(ctx, key)
}

func (s *brokenStore) Put(ctx context.Context, key string, data []byte) error {
	s.when("put")
	return s.MemoryStore.Put(ctx, key, data)
}

// Swap hides MemoryStore's, which would go past Put.
func (*brokenStore) Swap(context.Context, string, []byte, []byte) error { return errors.ErrUnsupported }

func (s *brokenStore) Lock(ctx context.Context, key string) (func() error, error) {
	s.when("lock")
	unlock, err := s.MemoryStore.Lock(ctx, key)
	return func() error { err := unlock(); s.when("unlock"); return err }, err
}

// G13: a Store that breaks off leaves no lock held, whichever operation it breaks
// off in.
func TestStoreThatBreaksOff(t *testing.T) {
	for name, breakOff := range breakOffs {
		for _, op := range []string{"get", "put", "lock", "unlock"} {
			t.Run(name+" in "+op, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					c := &bearer.Cache{Source: &mint{lifetime: time.Hour}, Store: &brokenStore{at: op, breakOff: breakOff}, Key: "k"}
					_, _ = c.Token(t.Context())
					time.Sleep(time.Second)
					start := time.Now()
					if _, err := c.Token(t.Context()); err != nil || time.Since(start) != 0 {
						t.Errorf("next call: got %v after %v, want a token at once", err, time.Since(start))
					}
					if err := c.Set(t.Context(), token("set", time.Hour)); err != nil || time.Since(start) != 0 {
						t.Errorf("Set: got %v after %v, want nil at once", err, time.Since(start))
					}
				})
			})
		}
	}
}

// G13: a hook that breaks off harms nothing, and the later ones are called.
func TestHookThatBreaksOff(t *testing.T) {
	for name, breakOff := range breakOffs {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := &mint{lifetime: time.Hour}
				told := 0
				c := &bearer.Cache{Source: m, Hooks: &bearer.Hooks{TokenRefreshed: func(context.Context, bearer.Event) { told++; breakOff() }}}
				for range 3 {
					if _, err := c.Token(t.Context()); err != nil {
						t.Errorf("got %v, want a token", err)
					}
					if _, err := c.Renew(t.Context(), nil); err != nil {
						t.Errorf("got %v, want a token", err)
					}
					time.Sleep(time.Hour)
				}
				synctest.Wait()
				if want := int(m.calls.Load()); told != want {
					t.Errorf("got %d events, want %d", told, want)
				}
			})
		})
	}
}

// G13: a Source that ignores its context keeps callers, also later ones, for at
// most RefreshTimeout and a tenth; its late token is used.
func TestSourceThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var calls atomic.Int64
		c := &bearer.Cache{RefreshTimeout: 10 * time.Second, Source: bearer.SourceFunc(func(context.Context) (*bearer.Token, error) {
			if calls.Add(1) == 1 {
				time.Sleep(time.Minute)
				return token("late", time.Hour), nil
			}
			return nil, errors.New("down")
		})}
		start := time.Now()
		_, err := c.Token(t.Context())
		if took := time.Since(start); took != 11*time.Second || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v after %v, want a deadline after 11s", err, took)
		}
		if _, err := c.Token(t.Context()); err == nil || time.Since(start) > 16*time.Second {
			t.Errorf("next call: got %v after %v, want the second answer, repeated for 5 s", err, time.Since(start))
		}
		time.Sleep(time.Minute)
		if got, err := c.Token(t.Context()); err != nil || got.AccessToken != "late" {
			t.Errorf("after a minute: got %v, want the late token", err)
		}
	})
}

// G13: a token or a failure that a hung Source returns late does not replace
// what the Cache has obtained meanwhile.
func TestLateOutcomeOfASourceThatHangs(t *testing.T) {
	for _, late := range []error{nil, refused(400, "invalid_grant")} {
		synctest.Test(t, func(t *testing.T) {
			var calls atomic.Int64
			c := &bearer.Cache{RefreshTimeout: 10 * time.Second, Source: bearer.SourceFunc(func(context.Context) (*bearer.Token, error) {
				if calls.Add(1) == 1 {
					time.Sleep(time.Minute)
					return token("late", time.Hour), late
				}
				return token("good", time.Hour), nil
			})}
			_, _ = c.Token(t.Context())
			for range 2 {
				if got, err := c.Token(t.Context()); err != nil || got.AccessToken != "good" {
					t.Errorf("got %v, want the good token", err)
				}
				time.Sleep(2 * time.Minute)
			}
		})
	}
}

// G8: RefreshTimeout ends what heeds its context, and the Source's own words
// reach the caller.
func TestRefreshTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := errors.New("slow server")
		c := &bearer.Cache{RefreshTimeout: time.Second, Source: bearer.SourceFunc(func(ctx context.Context) (*bearer.Token, error) {
			<-ctx.Done()
			return nil, errors.Join(slow, ctx.Err())
		})}
		start := time.Now()
		_, err := c.Token(t.Context())
		if took := time.Since(start); took != time.Second || !errors.Is(err, slow) {
			t.Errorf("got %v after %v, want the Source's error after 1s", err, took)
		}
	})
}
