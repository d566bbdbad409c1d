package bearer_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"example.com/bearer"
)

// G7: a caller that finds no token and comes to wait just when the flight of
// others has landed gets the token all the same.
func TestCallersRaceForTheFirstToken(t *testing.T) {
	for range 3000 {
		c := &bearer.Cache{Source: bearer.SourceFunc(func(context.Context) (*bearer.Token, error) {
			return &bearer.Token{AccessToken: "t"}, nil
		})}
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				if _, err := c.Token(context.Background()); err != nil {
					t.Errorf("got %v, want the token", err)
				}
			})
		}
		wg.Wait()
		if t.Failed() {
			return
		}
	}
}

// unsteady is a Source and a Store that fail one time in ten until they are
// told to be steady.
type unsteady struct {
	bearer.MemoryStore
	steady atomic.Bool
	n      atomic.Int64
}

func (u *unsteady) fails() bool { return !u.steady.Load() && rand.N(10) == 0 }

func (u *unsteady) Token(context.Context) (*bearer.Token, error) {
	if u.fails() {
		return nil, errDown
	}
	n := u.n.Add(1)
	lifetime := time.Duration(rand.N(20)+1) * time.Millisecond
	if u.steady.Load() {
		lifetime = time.Hour
	}
	t := token(fmt.Sprint("access-", n), lifetime)
	t.RefreshToken = fmt.Sprint("refresh-", n)
	return t, nil
}

func (u *unsteady) Refresh(ctx context.Context, _ *bearer.Token) (*bearer.Token, error) {
	return u.Token(ctx)
}

func (u *unsteady) Get(ctx context.Context, key string) ([]byte, error) {
	if u.fails() {
		return nil, errDisk
	}
	return u.MemoryStore.Get(ctx, key)
}

func (u *unsteady) Put(ctx context.Context, key string, data []byte) error {
	if u.fails() {
		return errDisk
	}
	return u.MemoryStore.Put(ctx, key, data)
}

func (u *unsteady) Swap(ctx context.Context, key string, old, new []byte) error {
	if u.fails() {
		return errDisk
	}
	return u.MemoryStore.Swap(ctx, key, old, new)
}

func (u *unsteady) Lock(ctx context.Context, key string) (func() error, error) {
	if u.fails() {
		return nil, errDisk
	}
	return u.MemoryStore.Lock(ctx, key)
}

// notLocker hides a Store's Lock.
type notLocker struct{ bearer.Store }

// All methods at once, in hundreds of goroutines, over a Source and a Store
// that fail now and then. Afterwards each Cache works, and nothing is unsaved.
func TestMethodsRace(t *testing.T) {
	ctx := context.Background()
	u := new(unsteady)
	breaker := new(bearer.CircuitBreaker)
	caches := make([]*bearer.Cache, 6)
	for i := range caches {
		caches[i] = &bearer.Cache{
			Source: u, Breaker: breaker, RetryFor: 20 * time.Millisecond,
			Hooks: &bearer.Hooks{RefreshFailed: func(context.Context, bearer.Event) {}},
		}
		switch i % 3 {
		case 0:
			caches[i].Store, caches[i].Key = u, "shared"
		case 1:
			caches[i].Store, caches[i].Key = notLocker{u}, fmt.Sprint("own-", i)
		}
	}
	stop := time.Now().Add(time.Second)
	var wg sync.WaitGroup
	for i := range 300 {
		wg.Go(func() {
			c := caches[i%len(caches)]
			last := new(bearer.Token)
			for time.Now().Before(stop) {
				ctx, cancel := context.WithTimeout(ctx, time.Duration(rand.N(40))*time.Millisecond)
				var got *bearer.Token
				var err error
				switch rand.N(10) {
				case 0:
					login := token("login", 10*time.Millisecond)
					login.RefreshToken = "login"
					_ = c.Set(ctx, login)
				case 1:
					_ = c.Delete(ctx)
				case 2:
					_ = c.Flush(ctx)
				case 3:
					c.Invalidate(last)
				case 4:
					got, err = c.Renew(ctx, last)
					c.Accepted(got)
				case 5:
					got, err = c.Renew(ctx, nil)
				case 6:
					c.Status()
				default:
					got, err = c.Token(ctx)
				}
				if te := (*bearer.TokenError)(nil); err != nil && !errors.As(err, &te) {
					t.Errorf("got %T %v, want a *TokenError", err, err)
				}
				if got != nil {
					last = got
				}
				cancel()
			}
		})
	}
	wg.Wait()

	u.steady.Store(true)
	for i, c := range caches {
		login := token("last", time.Hour)
		if err := c.Set(ctx, login); err != nil {
			t.Errorf("cache %d: Set: got %v, want it stored", i, err)
		}
		if got, err := c.Token(ctx); err != nil || got.AccessToken != "last" {
			t.Errorf("cache %d: got %v, want the token of the last login", i, err)
		}
		for { // the breaker may have opened
			_, err := c.Renew(ctx, login)
			if te := (*bearer.TokenError)(nil); !errors.As(err, &te) {
				break
			} else if te.RetryAfter <= 0 || time.Since(stop) > 10*time.Second {
				t.Errorf("cache %d: Renew: got %v, want a token, or a time to come back", i, err)
				break
			} else {
				time.Sleep(te.RetryAfter)
			}
		}
		if err := c.Flush(ctx); err != nil || c.Status().Unsaved {
			t.Errorf("cache %d: Flush: got %v, unsaved %v, want everything saved", i, err, c.Status().Unsaved)
		}
	}
}
