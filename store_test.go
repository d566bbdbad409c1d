package bearer_test

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"example.com/bearer"
	"example.com/bearer/stores/storetest"
)

func TestMemoryStoreContract(t *testing.T) {
	storetest.Run(t, func(*testing.T) bearer.Store { return new(bearer.MemoryStore) })
}

// wrapper is a Store around another one that is not a Locker.
type wrapper struct {
	bearer.Store
	lock error
}

func (w wrapper) Lock(context.Context, string) (unlock func() error, err error) {
	return nil, w.lock
}

// A wrapper around a Store that cannot be locked is not one that processes
// share: when it fails, a refresh token is used all the same.
func TestWrapperThatIsNoLocker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		got, err := expiredIn(t, wrapper{outOfOrder{}, errors.ErrUnsupported})
		if err != nil || got.AccessToken != "fresh" {
			t.Errorf("got %v, want the refreshed token", err)
		}
	})
}

// G20: a lock that fails with an error that matches errors.ErrUnsupported, as
// ENOTSUP does, is a failure: other processes may hold a working one, so the
// refresh token is not used.
func TestLockThatFailsLikeUnsupported(t *testing.T) {
	for _, lock := range []error{syscall.ENOTSUP, fmt.Errorf("lock: %w", errors.ErrUnsupported)} {
		synctest.Test(t, func(t *testing.T) {
			if got, err := expiredIn(t, wrapper{new(bearer.MemoryStore), lock}); !errors.Is(err, lock) {
				t.Errorf("got %v and error %v, want %v", got != nil, err, lock)
			}
		})
	}
}

// expiredIn returns the token of a Cache whose token has expired, and has
// a refresh token.
func expiredIn(t *testing.T, s bearer.Store) (*bearer.Token, error) {
	c := &bearer.Cache{
		Store: s,
		Key:   "k",
		Source: refreshing(func(prev *bearer.Token) (*bearer.Token, error) {
			return token("fresh", time.Hour), nil
		}),
	}
	_ = c.Set(t.Context(), &bearer.Token{AccessToken: "old", RefreshToken: "r", Expiry: time.Now().Add(time.Minute)})
	time.Sleep(time.Minute)
	return c.Token(t.Context())
}
