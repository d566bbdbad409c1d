package bearer

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"
	"sync"

	"golang.org/x/sync/semaphore"
)

// A Store keeps credentials, so that a program that restarts needs neither a
// new login nor a new token. Values are opaque bytes that hold secrets. A key
// is any string but the empty one; it need not be valid UTF-8. Methods may be
// called concurrently. Package stores/storetest tests an implementation.
//
// A context limits how long a method waits. A method whose context has ended
// returns an error that matches the context's, or finishes its work.
type Store interface {
	// Get returns the value that Put stored last under key, or an error that
	// matches [ErrNotFound] if there is none. No other failure may match
	// ErrNotFound: it means that the credential was deleted. The caller may
	// modify the value.
	Get(ctx context.Context, key string) ([]byte, error)

	// Put stores data under key, whole: a concurrent Get returns the old
	// value or the new one. After a nil error, Get returns data, also after
	// a crash if the Store outlives one; after any other, data or the old
	// value. Put neither modifies nor keeps data.
	Put(ctx context.Context, key string, data []byte) error

	// Delete removes the value under key. It is not an error if there is
	// none.
	Delete(ctx context.Context, key string) error
}

// A Locker is a [Store] that several processes share. A [Cache] holds the lock
// of its key while it reads, refreshes and writes, so that all processes make
// one token request, and none of them redeems a refresh token that another one
// has spent.
type Locker interface {
	// Lock waits until it holds the lock of key, or ctx ends; then the error
	// matches ctx's. ctx limits the wait only: a lock is held until unlock
	// is called, or the process that holds it dies or hangs. The lock is advisory:
	// Get, Put and Delete neither take nor need it, and Delete does not
	// release it. To call unlock again does nothing, or is an error; it
	// never releases a lock that was taken since.
	//
	// A wrapper around another Store returns [errors.ErrUnsupported] itself
	// if that Store is not a Locker, and is then treated as if it were not
	// one either. Cache compares with ==, because errors of the operating
	// system such as ENOTSUP match ErrUnsupported, and a lock that fails is
	// not the same as none.
	//
	// A Locker whose locks also end by themselves, a while after their holder
	// was last heard of, has a method
	//
	//	Lease() time.Duration
	//
	// that returns how long that is, positive, or 0 if its locks do not. It keeps
	// the lock of a holder that runs. A holder that was suspended for longer may
	// find that another one has the lock, and unlock returns an error then; so a
	// Locker with leases is a [Swapper] too.
	Lock(ctx context.Context, key string) (unlock func() error, err error)
}

// A Swapper is a [Store] that replaces a value in one step, if it is still the
// one that the caller has seen. It protects a record where a lock cannot: from a
// process that was suspended for longer than its lock lasts, and comes back. A
// [Cache] with a Swapper notes there that it is about to spend a refresh token,
// before it does.
//
// A type that embeds a Swapper and overrides its Get or Put overrides Swap too.
type Swapper interface {
	// Swap stores new under key if the value there is old, as Put does, and
	// otherwise returns an error that matches [ErrChanged], and has changed
	// nothing. A nil old stands for no value, a nil new removes the value; an
	// empty slice that is not nil is a value. Get, Put, Delete and Swap of one
	// key take effect one after the other. After any other error the value may be
	// either. Swap neither modifies nor keeps old and new, and neither takes nor
	// needs the lock of a [Locker].
	//
	// A wrapper around another Store returns [errors.ErrUnsupported] itself if
	// that Store is not a Swapper, as it does for Lock.
	Swap(ctx context.Context, key string, old, new []byte) error
}

// MemoryStore is a [Store], [Locker] and [Swapper] in memory, for tests, and for several
// Caches of one credential in one process. The zero value is empty and ready to
// use. A MemoryStore must not be copied after first use.
type MemoryStore struct {
	mu    sync.Mutex // guards the maps
	data  map[string][]byte
	locks map[string]*semaphore.Weighted // of weight 1: mutexes whose waiters can leave
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

// Swap implements [Swapper].
func (s *MemoryStore) Swap(_ context.Context, key string, old, new []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if data, ok := s.data[key]; ok != (old != nil) || !bytes.Equal(data, old) {
		return ErrChanged
	}
	if new == nil {
		delete(s.data, key)
		return nil
	}
	if s.data == nil {
		s.data = make(map[string][]byte)
	}
	s.data[key] = slices.Clone(new)
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
	var once sync.Once // a second Release would release the next holder's lock
	return func() error {
		once.Do(func() { lock.Release(1) })
		return nil
	}, nil
}
