package linear

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/semaphore"

	"example.com/bearer"
	"example.com/bearer/stores/cryptstore"
)

// encrypted is an EncryptedStore over s.
func encrypted(s bearer.Store) store {
	return &cryptstore.EncryptedStore{Store: s, Key: func(context.Context, string) (cryptstore.EncryptionKey, error) {
		return cryptstore.EncryptionKey{ID: "a", Secret: [32]byte{1}}, nil
	}}
}

// alone is a system in this process, without faults but contexts that end.
func alone(s store) *system {
	return &system{clients: []func() store{func() store { return s }}, timeout: time.Minute}
}

func TestMemoryStore(t *testing.T) {
	check(t, func(*testing.T) *system { return alone(new(bearer.MemoryStore)) })
}

func TestMemoryStoreEncrypted(t *testing.T) {
	check(t, func(*testing.T) *system { return alone(encrypted(new(bearer.MemoryStore))) })
}

// faulty is a MemoryStore with a fault.
type faulty struct {
	bearer.MemoryStore
	swap func(s *bearer.MemoryStore, ctx context.Context, key string, old, new []byte) error
	get  func(s *bearer.MemoryStore, ctx context.Context, key string) ([]byte, error)
	lock func(ctx context.Context, key string) (func() error, error)
}

func (f *faulty) Get(ctx context.Context, key string) ([]byte, error) {
	if f.get != nil {
		return f.get(&f.MemoryStore, ctx, key)
	}
	return f.MemoryStore.Get(ctx, key)
}

func (f *faulty) Swap(ctx context.Context, key string, old, new []byte) error {
	if f.swap != nil {
		return f.swap(&f.MemoryStore, ctx, key, old, new)
	}
	return f.MemoryStore.Swap(ctx, key, old, new)
}

func (f *faulty) Lock(ctx context.Context, key string) (func() error, error) {
	if f.lock != nil {
		return f.lock(ctx, key)
	}
	return f.MemoryStore.Lock(ctx, key)
}

// The checks reject what is not one Store.
func TestFaultsAreFound(t *testing.T) {
	var seen, locks sync.Map
	for name, f := range map[string]*faulty{
		"a Swap in two steps": {swap: func(s *bearer.MemoryStore, ctx context.Context, key string, old, new []byte) error {
			data, err := s.Get(ctx, key)
			if (err == nil) != (old != nil) || !bytes.Equal(data, old) {
				return bearer.ErrChanged
			}
			time.Sleep(10 * time.Microsecond)
			if new == nil {
				return s.Delete(ctx, key)
			}
			return s.Put(ctx, key, new)
		}},
		"a Swap that is done again when its answer is lost": {swap: func(s *bearer.MemoryStore, ctx context.Context, key string, old, new []byte) error {
			err := s.Swap(ctx, key, old, new)
			if time.Now().UnixNano()%8 == 0 {
				err = s.Swap(ctx, key, old, new)
			}
			return err
		}},
		"a Get from a cache": {get: func(s *bearer.MemoryStore, ctx context.Context, key string) ([]byte, error) {
			if data, ok := seen.Load(key); ok && time.Now().UnixNano()%8 == 0 {
				return data.([]byte), nil
			}
			data, err := s.Get(ctx, key)
			if err == nil {
				seen.Store(key, data)
			}
			return data, err
		}},
		"a lock that lets two in": {lock: func(ctx context.Context, key string) (func() error, error) {
			lock, _ := locks.LoadOrStore(key, semaphore.NewWeighted(2))
			two := lock.(*semaphore.Weighted)
			if err := two.Acquire(ctx, 1); err != nil {
				return nil, err
			}
			return func() error {
				time.Sleep(200 * time.Microsecond) // for another one to come in
				two.Release(1)
				return nil
			}, nil
		}},
		"a lock that ends and does not tell": {},
	} {
		if f.swap == nil && f.get == nil && f.lock == nil {
			f.lock = func(ctx context.Context, key string) (func() error, error) {
				unlock, err := f.MemoryStore.Lock(ctx, key)
				if err != nil {
					return nil, err
				}
				lease := time.AfterFunc(50*time.Microsecond, func() { _ = unlock() })
				return func() error {
					time.Sleep(100 * time.Microsecond)
					lease.Stop()
					return unlock()
				}, nil
			}
		}
		t.Run(name, func(t *testing.T) {
			s := alone(f)
			for i := range 20 * histories {
				for _, h := range record(t, s, fmt.Sprint("key ", i)).keys {
					if !linearizable(t, valueModel, h.values) || !linearizable(t, lockModel, h.locks) {
						t.Logf("found in round %d", i+1)
						return
					}
				}
			}
			t.Error("got histories that are linearizable, want one that is not")
		})
	}
}

// An outcome that is unknown is none of the errors that mean something.
func TestOutcomes(t *testing.T) {
	c := &client{t: t}
	for err, want := range map[error]outcome{
		nil: done, bearer.ErrChanged: changed, context.Canceled: unknown, errors.New("connection reset"): unknown,
	} {
		if got := c.outcome(err); got != want {
			t.Errorf("%v: got %s, want %s", err, got, want)
		}
	}
	if got := describe(input{op: "swap", old: absent, new: "v"}, result{outcome: changed}); !strings.Contains(got, "changed") {
		t.Errorf("got %q, want the outcome in it", got)
	}
}
