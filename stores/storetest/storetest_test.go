package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"example.com/bearer"
)

// What keeps the contract passes: a Locker and Swapper, a Store that is neither, a
// wrapper that says so, and a Store that has its own errors and waits for nothing.
func TestRun(t *testing.T) {
	for name, open := range map[string]func() bearer.Store{
		"Locker": func() bearer.Store { return new(bearer.MemoryStore) },
		"Store":  func() bearer.Store { return bare{new(bearer.MemoryStore)} },
		"wrapper": func() bearer.Store {
			return &faulty{lock: noLock(errors.ErrUnsupported), swap: noSwap(errors.ErrUnsupported)}
		},
		"wraps errors": func() bearer.Store { return &faulty{get: wrapNotFound, swap: wrapChanged} },
	} {
		t.Run(name, func(t *testing.T) { Run(t, func(*testing.T) bearer.Store { return open() }) })
	}
}

// bare hides the Lock and the Swap of a Store.
type bare struct{ bearer.Store }

// faulty is a MemoryStore some of whose methods are replaced.
type faulty struct {
	bearer.MemoryStore
	get  func(s *bearer.MemoryStore, ctx context.Context, key string) ([]byte, error)
	put  func(s *bearer.MemoryStore, ctx context.Context, key string, data []byte) error
	del  func(s *bearer.MemoryStore, ctx context.Context, key string) error
	lock func(s *bearer.MemoryStore, ctx context.Context, key string) (func() error, error)
	swap func(s *bearer.MemoryStore, ctx context.Context, key string, old, new []byte) error
	name func(key string) string // what the MemoryStore knows a key as
}

func (s *faulty) key(key string) string {
	if s.name != nil {
		return s.name(key)
	}
	return key
}

func (s *faulty) Get(ctx context.Context, key string) ([]byte, error) {
	if s.get != nil {
		return s.get(&s.MemoryStore, ctx, key)
	}
	return s.MemoryStore.Get(ctx, s.key(key))
}

func (s *faulty) Put(ctx context.Context, key string, data []byte) error {
	if s.put != nil {
		return s.put(&s.MemoryStore, ctx, key, data)
	}
	return s.MemoryStore.Put(ctx, s.key(key), data)
}

func (s *faulty) Delete(ctx context.Context, key string) error {
	if s.del != nil {
		return s.del(&s.MemoryStore, ctx, key)
	}
	return s.MemoryStore.Delete(ctx, s.key(key))
}

func (s *faulty) Lock(ctx context.Context, key string) (func() error, error) {
	if s.lock != nil {
		return s.lock(&s.MemoryStore, ctx, key)
	}
	return s.MemoryStore.Lock(ctx, key)
}

func (s *faulty) Swap(ctx context.Context, key string, old, new []byte) error {
	if s.swap != nil {
		return s.swap(&s.MemoryStore, ctx, key, old, new)
	}
	return s.MemoryStore.Swap(ctx, s.key(key), old, new)
}

func wrapNotFound(s *bearer.MemoryStore, ctx context.Context, key string) ([]byte, error) {
	data, err := s.Get(ctx, key)
	if err != nil {
		err = fmt.Errorf("row of %q: %w", key, err)
	}
	return data, err
}

func noLock(err error) func(*bearer.MemoryStore, context.Context, string) (func() error, error) {
	return func(*bearer.MemoryStore, context.Context, string) (func() error, error) { return nil, err }
}

func wrapChanged(s *bearer.MemoryStore, ctx context.Context, key string, old, new []byte) error {
	err := s.Swap(ctx, key, old, new)
	if err != nil {
		err = fmt.Errorf("row of %q: %w", key, err)
	}
	return err
}

func noSwap(err error) func(*bearer.MemoryStore, context.Context, string, []byte, []byte) error {
	return func(*bearer.MemoryStore, context.Context, string, []byte, []byte) error { return err }
}

// twoSteps compares and writes, and others run in between.
func twoSteps(s *bearer.MemoryStore, ctx context.Context, key string, old, new []byte) error {
	data, err := s.Get(ctx, key)
	if (err == nil) != (old != nil) || !bytes.Equal(data, old) {
		return bearer.ErrChanged
	}
	time.Sleep(time.Millisecond)
	if new == nil {
		return s.Delete(ctx, key)
	}
	return s.Put(ctx, key, new)
}

// halves puts a value in two steps, between which others run.
func halves(s *bearer.MemoryStore, ctx context.Context, key string, data []byte) error {
	half := len(data) / 2
	if err := s.Put(ctx, key, data[:half]); err != nil {
		return err
	}
	time.Sleep(time.Millisecond)
	if err := ctx.Err(); err != nil {
		return err
	}
	return s.Put(ctx, key, data)
}

// kept is a Store that keeps and returns the callers' own bytes.
type kept struct{ values sync.Map }

func (s *kept) Get(_ context.Context, key string) ([]byte, error) {
	if data, ok := s.values.Load(key); ok {
		return data.([]byte), nil
	}
	return nil, bearer.ErrNotFound
}

func (s *kept) Put(_ context.Context, key string, data []byte) error {
	s.values.Store(key, data)
	return nil
}

func (s *kept) Delete(_ context.Context, key string) error {
	s.values.Delete(key)
	return nil
}

func (s *kept) Swap(_ context.Context, key string, old, new []byte) error {
	data, ok := s.values.Load(key)
	switch {
	case ok != (old != nil) || ok && !bytes.Equal(data.([]byte), old):
		return bearer.ErrChanged
	case new == nil:
		s.values.Delete(key)
	default:
		s.values.Store(key, new)
	}
	return nil
}

// notReturned copies what is put, but returns its own bytes.
type notReturned struct{ kept }

func (s *notReturned) Put(ctx context.Context, key string, data []byte) error {
	return s.kept.Put(ctx, key, bytes.Clone(data))
}

// document reads all its values to write one.
type document struct {
	values atomic.Pointer[map[string][]byte]
}

func (s *document) change(change func(map[string][]byte)) error {
	values := make(map[string][]byte)
	if old := s.values.Load(); old != nil {
		maps.Copy(values, *old)
	}
	time.Sleep(time.Millisecond)
	change(values)
	s.values.Store(&values)
	return nil
}

func (s *document) Get(_ context.Context, key string) ([]byte, error) {
	if values := s.values.Load(); values != nil {
		if data, ok := (*values)[key]; ok {
			return bytes.Clone(data), nil
		}
	}
	return nil, bearer.ErrNotFound
}

func (s *document) Put(_ context.Context, key string, data []byte) error {
	return s.change(func(values map[string][]byte) { values[key] = bytes.Clone(data) })
}

func (s *document) Delete(_ context.Context, key string) error {
	return s.change(func(values map[string][]byte) { delete(values, key) })
}

// unlockers is a lock whose unlock is not bound to the Lock that returned it.
type unlockers struct {
	bearer.MemoryStore
	slot chan struct{}
}

func (s *unlockers) Lock(ctx context.Context, _ string) (func() error, error) {
	select {
	case s.slot <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	return func() error {
		select {
		case <-s.slot:
		default:
		}
		return nil
	}, nil
}

// broken has a Store for each fault, and the test of Run that must find it.
var broken = map[string]struct {
	finder string
	open   func() bearer.Store
}{
	"absent is empty": {"Store/absent", func() bearer.Store {
		return &faulty{get: func(s *bearer.MemoryStore, ctx context.Context, key string) ([]byte, error) {
			data, _ := s.Get(ctx, key)
			return data, nil
		}}
	}},
	"absent cannot be deleted": {"Store/absent", func() bearer.Store {
		return &faulty{del: func(s *bearer.MemoryStore, ctx context.Context, key string) error {
			if _, err := s.Get(ctx, key); err != nil {
				return err
			}
			return s.Delete(ctx, key)
		}}
	}},
	"empty is absent": {"Store/values", func() bearer.Store {
		return &faulty{get: func(s *bearer.MemoryStore, ctx context.Context, key string) ([]byte, error) {
			data, err := s.Get(ctx, key)
			if len(data) == 0 {
				return nil, bearer.ErrNotFound
			}
			return data, err
		}}
	}},
	"64 KiB at most": {"Store/values", func() bearer.Store {
		return &faulty{put: func(s *bearer.MemoryStore, ctx context.Context, key string, data []byte) error {
			return s.Put(ctx, key, data[:min(len(data), 64<<10)])
		}}
	}},
	"values are text": {"Store/values", func() bearer.Store {
		return &faulty{put: func(s *bearer.MemoryStore, ctx context.Context, key string, data []byte) error {
			return s.Put(ctx, key, bytes.ToValidUTF8(data, []byte("?")))
		}}
	}},
	"the first value stays": {"Store/overwrite", func() bearer.Store {
		return &faulty{put: func(s *bearer.MemoryStore, ctx context.Context, key string, data []byte) error {
			if _, err := s.Get(ctx, key); err == nil {
				return nil
			}
			return s.Put(ctx, key, data)
		}}
	}},
	"nothing is deleted": {"Store/delete", func() bearer.Store {
		return &faulty{del: func(*bearer.MemoryStore, context.Context, string) error { return nil }}
	}},
	"keys ignore case": {"Store/keys", func() bearer.Store { return &faulty{name: strings.ToLower} }},
	"keys are trimmed": {"Store/keys", func() bearer.Store { return &faulty{name: strings.TrimSpace} }},
	"keys are C strings": {"Store/keys", func() bearer.Store {
		return &faulty{name: func(k string) string { k, _, _ = strings.Cut(k, "\x00"); return k }}
	}},
	"keys are cut": {"Store/keys", func() bearer.Store { return &faulty{name: func(k string) string { return k[:min(len(k), 1023)] }} }},
	"keys are made UTF-8": {"Store/keys", func() bearer.Store {
		return &faulty{name: func(k string) string { return strings.ToValidUTF8(k, "\ufffd") }}
	}},
	"Put keeps the bytes":   {"Store/copies", func() bearer.Store { return new(kept) }},
	"Get returns its bytes": {"Store/copies", func() bearer.Store { return new(notReturned) }},
	"canceled is not found": {"Store/context ended", func() bearer.Store {
		return &faulty{get: func(s *bearer.MemoryStore, ctx context.Context, key string) ([]byte, error) {
			if ctx.Err() != nil {
				return nil, bearer.ErrNotFound
			}
			return s.Get(ctx, key)
		}}
	}},
	"canceled and untrue": {"Store/context ended", func() bearer.Store {
		return &faulty{put: func(s *bearer.MemoryStore, ctx context.Context, key string, data []byte) error {
			if ctx.Err() != nil {
				return nil
			}
			return s.Put(ctx, key, data)
		}}
	}},
	"half a value when canceled": {"Store/context ends", func() bearer.Store { return &faulty{put: halves} }},
	"half a value at times":      {"Store/whole values", func() bearer.Store { return &faulty{put: halves} }},
	"one file of all values":     {"Store/concurrent keys", func() bearer.Store { return new(document) }},
	"locks nothing": {"Locker/100 at once", func() bearer.Store {
		return &faulty{lock: func(*bearer.MemoryStore, context.Context, string) (func() error, error) {
			return func() error { return nil }, nil
		}}
	}},
	"waits for ever when canceled": {"Locker/context ended", func() bearer.Store { return &faulty{lock: deaf} }},
	"waits for ever":               {"Locker/wait ends with context", func() bearer.Store { return &faulty{lock: deaf} }},
	"gave up and has it": {"Locker/wait ends with context", func() bearer.Store {
		return &faulty{lock: func(s *bearer.MemoryStore, ctx context.Context, key string) (func() error, error) {
			unlock, err := s.Lock(ctx, key)
			if err != nil {
				go s.Lock(context.Background(), key)
			}
			return unlock, err
		}}
	}},
	"free when the context ends": {"Locker/held beyond context", func() bearer.Store {
		return &faulty{lock: func(s *bearer.MemoryStore, ctx context.Context, key string) (func() error, error) {
			unlock, err := s.Lock(ctx, key)
			if err == nil {
				context.AfterFunc(ctx, func() { _ = unlock() })
			}
			return unlock, err
		}}
	}},
	"one lock for all keys": {"Locker/other keys", func() bearer.Store {
		return &faulty{lock: func(s *bearer.MemoryStore, ctx context.Context, _ string) (func() error, error) {
			return s.Lock(ctx, "")
		}}
	}},
	"locked once": {"Locker/again", func() bearer.Store {
		return &faulty{lock: func(s *bearer.MemoryStore, ctx context.Context, key string) (func() error, error) {
			_, err := s.Lock(ctx, key)
			return func() error { return nil }, err
		}}
	}},
	"unlock releases the next one's": {"Locker/unlock twice", func() bearer.Store { return &unlockers{slot: make(chan struct{}, 1)} }},
	"unlock waits for a lock": {"Locker/unlock twice", func() bearer.Store {
		return &faulty{lock: func(s *bearer.MemoryStore, ctx context.Context, key string) (func() error, error) {
			unlock, err := s.Lock(ctx, key)
			held := make(chan struct{}, 1)
			held <- struct{}{}
			return func() error { <-held; return unlock() }, err
		}}
	}},
	"unlock panics": {"Locker/unlock twice", func() bearer.Store {
		return &faulty{lock: func(s *bearer.MemoryStore, ctx context.Context, key string) (func() error, error) {
			unlock, err := s.Lock(ctx, key)
			done := make(chan struct{})
			return func() error { close(done); return unlock() }, err
		}}
	}},
	"the value is locked": {"Locker/store while locked", func() bearer.Store {
		return &faulty{put: func(s *bearer.MemoryStore, ctx context.Context, key string, data []byte) error {
			unlock, err := s.Lock(ctx, key)
			if err != nil {
				return err
			}
			defer unlock()
			return s.Put(ctx, key, data)
		}}
	}},
	"Delete removes the lock": {"Locker/delete while locked", func() bearer.Store {
		var unlock func() error
		return &faulty{
			lock: func(s *bearer.MemoryStore, ctx context.Context, key string) (func() error, error) {
				u, err := s.Lock(ctx, key)
				if err == nil {
					unlock = u
				}
				return u, err
			},
			del: func(s *bearer.MemoryStore, ctx context.Context, key string) error {
				_ = unlock()
				return s.Delete(ctx, key)
			},
		}
	}},
	"like unsupported":    {"Locker", func() bearer.Store { return &faulty{lock: noLock(syscall.ENOTSUP)} }},
	"leases without Swap": {"Locker/lease", func() bearer.Store { return leased{new(bearer.MemoryStore)} }},
	"swaps whatever is there": {"Swapper/replace", swapping(func(s *bearer.MemoryStore, ctx context.Context, key string, _, new []byte) error {
		if new == nil {
			return s.Delete(ctx, key)
		}
		return s.Put(ctx, key, new)
	})},
	"swaps once changed": {"Swapper/replace", swapping(func(s *bearer.MemoryStore, ctx context.Context, key string, old, new []byte) error {
		err := s.Swap(ctx, key, old, new)
		if err != nil && new != nil {
			_ = s.Put(ctx, key, new)
		}
		return err
	})},
	"swaps elsewhere": {"Swapper/replace", func() bearer.Store {
		other := new(bearer.MemoryStore) // as a type has it that embeds a Swapper and has Get and Put of its own
		return &faulty{swap: func(_ *bearer.MemoryStore, ctx context.Context, key string, old, new []byte) error {
			return other.Swap(ctx, key, old, new)
		}}
	}},
	"nil is stored": {"Swapper/replace", swapping(func(s *bearer.MemoryStore, ctx context.Context, key string, old, new []byte) error {
		return s.Swap(ctx, key, old, append([]byte{}, new...))
	})},
	"empty was absent": {"Swapper/empty", swapping(func(s *bearer.MemoryStore, ctx context.Context, key string, old, new []byte) error {
		if data, err := s.Get(ctx, key); err == nil && len(data) == 0 && len(old) == 0 {
			old = data
		}
		return s.Swap(ctx, key, old, new)
	})},
	"empty removes": {"Swapper/empty", swapping(func(s *bearer.MemoryStore, ctx context.Context, key string, old, new []byte) error {
		if len(new) == 0 {
			new = nil
		}
		return s.Swap(ctx, key, old, new)
	})},
	"swaps text": {"Swapper/values", swapping(func(s *bearer.MemoryStore, ctx context.Context, key string, old, new []byte) error {
		if data, err := s.Get(ctx, key); err == nil && old != nil && strings.EqualFold(string(data), string(old)) {
			old = data
		}
		return s.Swap(ctx, key, old, new)
	})},
	"compares the beginning": {"Swapper/values", swapping(func(s *bearer.MemoryStore, ctx context.Context, key string, old, new []byte) error {
		const enough = 1 << 19
		if data, err := s.Get(ctx, key); err == nil && len(old) > enough && len(data) > enough && bytes.Equal(data[:enough], old[:enough]) {
			old = data
		}
		return s.Swap(ctx, key, old, new)
	})},
	"swapped keys are C strings": {"Swapper/keys", swapping(func(s *bearer.MemoryStore, ctx context.Context, key string, old, new []byte) error {
		key, _, _ = strings.Cut(key, "\x00")
		return s.Swap(ctx, key, old, new)
	})},
	"Swap keeps the bytes": {"Swapper/copies", func() bearer.Store { return new(kept) }},
	"Swap modifies the bytes": {"Swapper/copies", swapping(func(s *bearer.MemoryStore, ctx context.Context, key string, old, new []byte) error {
		defer clear(old)
		return s.Swap(ctx, key, old, new)
	})},
	"Swap appends to the bytes": {"Swapper/copies", swapping(func(s *bearer.MemoryStore, ctx context.Context, key string, old, new []byte) error {
		if new != nil {
			new = append(new, "checksum"...)[:len(new)]
		}
		return s.Swap(ctx, key, old, new)
	})},
	"canceled is changed": {"Swapper/context ended", swapping(func(s *bearer.MemoryStore, ctx context.Context, key string, old, new []byte) error {
		if ctx.Err() != nil {
			return bearer.ErrChanged
		}
		return s.Swap(ctx, key, old, new)
	})},
	"canceled is swapped": {"Swapper/context ended", swapping(func(s *bearer.MemoryStore, ctx context.Context, key string, old, new []byte) error {
		if ctx.Err() != nil {
			return nil
		}
		return s.Swap(ctx, key, old, new)
	})},
	"half a swap when canceled": {"Swapper/context ends", swapping(func(s *bearer.MemoryStore, ctx context.Context, key string, old, new []byte) error {
		if err := s.Swap(ctx, key, old, new); err != nil || new == nil {
			return err
		}
		return halves(s, ctx, key, new)
	})},
	"Swap takes the lock": {"Swapper/while locked", swapping(func(s *bearer.MemoryStore, ctx context.Context, key string, old, new []byte) error {
		unlock, err := s.Lock(ctx, key)
		if err != nil {
			return err
		}
		defer unlock()
		return s.Swap(ctx, key, old, new)
	})},
	"Swap releases the lock": {"Swapper/while locked", func() bearer.Store {
		unlock := func() error { return nil }
		return &faulty{
			lock: func(s *bearer.MemoryStore, ctx context.Context, key string) (func() error, error) {
				u, err := s.Lock(ctx, key)
				if err == nil {
					unlock = u
				}
				return u, err
			},
			swap: func(s *bearer.MemoryStore, ctx context.Context, key string, old, new []byte) error {
				_ = unlock()
				return s.Swap(ctx, key, old, new)
			},
		}
	}},
	"swaps in two steps": {"Swapper/100 at once", swapping(twoSteps)},
	"swaps in two steps, one at a time": {"Swapper/put and delete", func() bearer.Store {
		var mu sync.Mutex // that Put and Delete do not take
		return &faulty{swap: func(s *bearer.MemoryStore, ctx context.Context, key string, old, new []byte) error {
			mu.Lock()
			defer mu.Unlock()
			return twoSteps(s, ctx, key, old, new)
		}}
	}},
	"swap like unsupported": {"Swapper", swapping(noSwap(syscall.ENOTSUP))},
	"unsupported at first": {"Swapper", func() bearer.Store {
		var once sync.Once
		return &faulty{swap: func(s *bearer.MemoryStore, ctx context.Context, key string, old, new []byte) (err error) {
			once.Do(func() { err = errors.ErrUnsupported })
			if err != nil {
				return err
			}
			return s.Swap(ctx, key, old, new)
		}}
	}},
	"unsupported, but it unlocks": {"Locker", func() bearer.Store {
		return &faulty{lock: func(*bearer.MemoryStore, context.Context, string) (func() error, error) {
			return func() error { return nil }, errors.ErrUnsupported
		}}
	}},
}

// leased says that its locks end by themselves, and has no Swap.
type leased struct{ lockable }

func (leased) Lease() time.Duration { return time.Second }

// swapping returns what opens a Store whose Swap is replaced.
func swapping(swap func(s *bearer.MemoryStore, ctx context.Context, key string, old, new []byte) error) func() bearer.Store {
	return func() bearer.Store { return &faulty{swap: swap} }
}

// brokenEnv names the fault that this process is to run the contract with.
const brokenEnv = "STORETEST_BROKEN"

// Each test of Run finds the fault that it is there for, when it runs alone. It
// has to fail for that, so it runs in another process.
func TestRunFindsFaults(t *testing.T) {
	if b, ok := broken[os.Getenv(brokenEnv)]; ok {
		patience = 300 * time.Millisecond
		Run(t, func(*testing.T) bearer.Store { return b.open() })
		return
	}
	for name, b := range broken {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // some faults take a second of waiting to find
			finder := "TestRunFindsFaults/" + strings.ReplaceAll(b.finder, " ", "_")
			if out := again(t, name, finder); !strings.Contains(out, "--- FAIL: "+finder+" (") {
				t.Errorf("got no failure of %s, want one:\n%s", finder, out)
			}
		})
	}
}

// again runs the tests of this program that test names, "/" between their
// parts, in a process that has the fault, and returns what it prints.
func again(t *testing.T, fault, test string) string {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), exe, "-test.run=^"+strings.ReplaceAll(test, "/", "$/^")+"$")
	cmd.Env = append(os.Environ(), brokenEnv+"="+fault)
	out, _ := cmd.CombinedOutput() // it is to fail
	return string(out)
}

// Two values that are not one Store are found, too.
func TestRunSharedFindsSeparateStores(t *testing.T) {
	const name = "two stores"
	if os.Getenv(brokenEnv) == name {
		RunShared(t, func(*testing.T) (a, b bearer.Store) { return new(bearer.MemoryStore), new(bearer.MemoryStore) })
		return
	}
	out := again(t, name, "TestRunSharedFindsSeparateStores")
	for _, finder := range []string{
		"Store/share", "Locker/100_at_once", "Locker/unlock_twice", "Locker/delete_while_locked", "Swapper/replace", "Swapper/put_and_delete",
	} {
		if !strings.Contains(out, "--- FAIL: TestRunSharedFindsSeparateStores/"+finder+" (") {
			t.Errorf("got no failure of %s, want one:\n%s", finder, out)
		}
	}
}

// deaf waits for a lock, whatever its context.
func deaf(s *bearer.MemoryStore, _ context.Context, key string) (func() error, error) {
	return s.Lock(context.Background(), key)
}
