package bearer

import (
	"context"
	"fmt"
	"io"
	"slices"
	"sync"

	"golang.org/x/sync/semaphore"
)

// A Store keeps credentials, so that a program that starts again need not ask
// for consent, or for a token, once more. What it keeps is opaque bytes that
// hold secrets. Its methods may be called by several goroutines at once. The
// package storetest checks an implementation.
type Store interface {
	// Get returns what Put stored last under key, or [ErrNotFound].
	Get(ctx context.Context, key string) ([]byte, error)

	// Put stores data under key. When it returns nil, data is what Get
	// returns, also after a crash if the Store is to outlive one. When it
	// returns an error, that or what was there before.
	Put(ctx context.Context, key string, data []byte) error

	// Delete removes what is under key. Nothing there is no error.
	Delete(ctx context.Context, key string) error
}

// A Locker is a [Store] that several processes share. A [Cache] holds the lock
// while it reads, refreshes and writes, so that the processes make one token
// request for all, and none of them redeems a refresh token that another one
// has spent.
type Locker interface {
	// Lock waits until nobody else holds the lock of key, or ctx ends. The
	// lock is advisory: Get, Put and Delete neither take nor need it. It must
	// become free when the process that holds it dies.
	Lock(ctx context.Context, key string) (unlock func() error, err error)
}

// MemoryStore is a [Store] and [Locker] in memory: for tests, and for several
// Caches of one credential in one process. The zero value is empty and ready to
// use; it must not be copied after first use.
type MemoryStore struct {
	mu    sync.Mutex // guards the maps
	data  map[string][]byte
	locks map[string]*semaphore.Weighted // of weight 1; a mutex that can be waited for with a context
}

// Get implements [Store].
func (s *MemoryStore) Get(_ context.Context, key string) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	data, ok := s.data[key]
	if !ok {
		return nil, ErrNotFound
	}
	return slices.Clone(data), nil
}

// Put implements [Store].
func (s *MemoryStore) Put(_ context.Context, key string, data []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.data == nil {
		s.data = make(map[string][]byte)
	}
	s.data[key] = slices.Clone(data)
	return nil
}

// Delete implements [Store].
func (s *MemoryStore) Delete(_ context.Context, key string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.data, key)
	return nil
}

// Format implements [fmt.Formatter]: no verb shows what is stored.
func (s *MemoryStore) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "bearer.MemoryStore") }

// Lock implements [Locker].
func (s *MemoryStore) Lock(ctx context.Context, key string) (unlock func() error, err error) {
	s.mu.Lock()
	lock, ok := s.locks[key]
	if !ok {
		if s.locks == nil {
			s.locks = make(map[string]*semaphore.Weighted)
		}
		lock = semaphore.NewWeighted(1)
		s.locks[key] = lock
	}
	s.mu.Unlock()
	if err := lock.Acquire(ctx, 1); err != nil {
		return nil, err
	}
	return func() error { lock.Release(1); return nil }, nil
}
