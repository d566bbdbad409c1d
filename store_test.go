package bearer_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"example.com/bearer"
	"example.com/bearer/storetest"
)

// MemoryStore keeps the contract of Store and Locker.
func TestMemoryStore(t *testing.T) {
	storetest.Run(t, func(*testing.T) bearer.Store { return new(bearer.MemoryStore) })
}

// What a caller does with the bytes does not matter to the Store.
func TestMemoryStoreCopies(t *testing.T) {
	s := new(bearer.MemoryStore)
	data := []byte("one")
	if err := s.Put(t.Context(), "k", data); err != nil {
		t.Fatal(err)
	}
	data[0] = 'X'
	got, _ := s.Get(t.Context(), "k")
	got[1] = 'X'
	if got, err := s.Get(t.Context(), "k"); err != nil || string(got) != "one" {
		t.Errorf("got %q, %v, want one", got, err)
	}
	if _, err := s.Get(t.Context(), "other"); !errors.Is(err, bearer.ErrNotFound) {
		t.Errorf("got %v, want ErrNotFound", err)
	}
}

// Who waits for a lock leaves with its context, and keys have locks of their
// own.
func TestMemoryStoreLock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := new(bearer.MemoryStore)
		unlock, err := s.Lock(t.Context(), "a")
		if err != nil {
			t.Fatal(err)
		}
		if unlock, err := s.Lock(t.Context(), "b"); err != nil {
			t.Errorf("another key: got %v, want its lock", err)
		} else {
			_ = unlock()
		}
		ctx, cancel := context.WithCancel(t.Context())
		waited := make(chan error)
		go func() { _, err := s.Lock(ctx, "a"); waited <- err }()
		synctest.Wait()
		cancel()
		if err := <-waited; !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want context.Canceled", err)
		}
		_ = unlock()
		if _, err := s.Lock(t.Context(), "a"); err != nil {
			t.Errorf("after unlock: got %v, want the lock", err)
		}
	})
}
