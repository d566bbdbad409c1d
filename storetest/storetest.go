// Package storetest is the contract of [bearer.Store] and [bearer.Locker] as
// tests that can be run, as testing/slogtest is slog.Handler's.
//
//	func TestMyStore(t *testing.T) {
//		storetest.Run(t, func(t *testing.T) bearer.Store { return openMyStore(t.TempDir()) })
//	}
package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"example.com/bearer"
)

// Run tests a Store, and a Locker if it is one. open returns an empty Store; it
// is called for each test. To test what several processes share, call Run with
// an open that returns a value of the kind that another process would have, and
// use [RunShared].
func Run(t *testing.T, open func(t *testing.T) bearer.Store) {
	t.Run("Store", func(t *testing.T) {
		t.Run("absent", func(t *testing.T) { absent(t, open(t)) })
		t.Run("put and get", func(t *testing.T) { putGet(t, open(t)) })
		t.Run("overwrite", func(t *testing.T) { overwrite(t, open(t)) })
		t.Run("delete", func(t *testing.T) { remove(t, open(t)) })
		t.Run("keys", func(t *testing.T) { keys(t, open(t)) })
		t.Run("own copies", func(t *testing.T) { ownCopies(t, open(t)) })
		t.Run("concurrent", func(t *testing.T) { concurrent(t, open(t)) })
	})
	t.Run("Locker", func(t *testing.T) {
		s := open(t)
		if _, ok := s.(bearer.Locker); !ok {
			t.Logf("%T is not a Locker", s)
			return
		}
		RunShared(t, func(t *testing.T) (a, b bearer.Store) {
			s := open(t)
			return s, s
		})
	})
}

// RunShared tests that two values which stand for two processes share one
// store: what one puts the other gets, and their locks exclude each other. Both
// must be Lockers.
func RunShared(t *testing.T, open func(t *testing.T) (a, b bearer.Store)) {
	t.Run("share", func(t *testing.T) {
		a, b := open(t)
		put(t, a, "shared", "from a")
		want(t, b, "shared", "from a")
		put(t, b, "shared", "from b")
		want(t, a, "shared", "from b")
	})
	t.Run("lock excludes", func(t *testing.T) {
		a, b := open(t)
		lockExcludes(t, a.(bearer.Locker), b.(bearer.Locker))
	})
	t.Run("lock waits until ctx ends", func(t *testing.T) {
		a, b := open(t)
		lockHeedsContext(t, a.(bearer.Locker), b.(bearer.Locker))
	})
	t.Run("locks of other keys", func(t *testing.T) {
		a, b := open(t)
		unlockA := lock(t, a.(bearer.Locker), "one")
		unlockB := lock(t, b.(bearer.Locker), "two")
		unlock(t, unlockB)
		unlock(t, unlockA)
	})
	t.Run("lock again", func(t *testing.T) {
		a, _ := open(t)
		for range 3 {
			unlock(t, lock(t, a.(bearer.Locker), "again"))
		}
	})
	t.Run("store while locked", func(t *testing.T) {
		a, b := open(t)
		u := lock(t, a.(bearer.Locker), "k")
		put(t, a, "k", "v")
		want(t, b, "k", "v")
		unlock(t, u)
	})
}

func absent(t *testing.T, s bearer.Store) {
	if data, err := s.Get(t.Context(), "absent"); !errors.Is(err, bearer.ErrNotFound) {
		t.Errorf("Get of an absent key: got %q, %v; want ErrNotFound", data, err)
	}
	if err := s.Delete(t.Context(), "absent"); err != nil {
		t.Errorf("Delete of an absent key: got %v; want no error", err)
	}
}

func putGet(t *testing.T, s bearer.Store) {
	binary := make([]byte, 256)
	for i := range binary {
		binary[i] = byte(i)
	}
	for i, v := range []string{"v", string(binary), strings.Repeat("0123456789abcdef", 4096)} {
		key := fmt.Sprint("key", i)
		put(t, s, key, v)
		want(t, s, key, v)
	}
}

func overwrite(t *testing.T, s bearer.Store) {
	put(t, s, "k", "a long first value")
	put(t, s, "k", "short")
	want(t, s, "k", "short")
}

func remove(t *testing.T, s bearer.Store) {
	put(t, s, "k", "v")
	put(t, s, "other", "w")
	if err := s.Delete(t.Context(), "k"); err != nil {
		t.Fatalf("Delete: %v", err)
	}
	if data, err := s.Get(t.Context(), "k"); !errors.Is(err, bearer.ErrNotFound) {
		t.Errorf("Get after Delete: got %q, %v; want ErrNotFound", data, err)
	}
	want(t, s, "other", "w")
}

// keys that a careless Store would confuse, or take for paths.
func keys(t *testing.T, s bearer.Store) {
	all := []string{
		"a", "A", "a/b", "a%2fb", "a%2Fb", "../a", "..", ".", "/etc/passwd", `c:\con`, "con", "a b", "a:b", "a\x00b",
		"ключ", "k.lock", "k", " k", "k ", strings.Repeat("long", 100), strings.Repeat("long", 100) + "er",
	}
	for _, k := range all {
		put(t, s, k, "value of "+k)
	}
	for _, k := range all {
		want(t, s, k, "value of "+k)
	}
}

func ownCopies(t *testing.T, s bearer.Store) {
	data := []byte("value")
	if err := s.Put(t.Context(), "k", data); err != nil {
		t.Fatalf("Put: %v", err)
	}
	data[0] = 'X'
	got, err := s.Get(t.Context(), "k")
	if err != nil {
		t.Fatalf("Get: %v", err)
	}
	if len(got) > 0 {
		got[0] = 'Y'
	}
	want(t, s, "k", "value")
}

// concurrent readers see whole values only.
func concurrent(t *testing.T, s bearer.Store) {
	values := [][]byte{bytes.Repeat([]byte("a"), 10_000), bytes.Repeat([]byte("b"), 20_000)}
	put(t, s, "k", string(values[0]))
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			for range 25 {
				if err := s.Put(t.Context(), "k", values[i%2]); err != nil {
					t.Errorf("Put: %v", err)
				}
			}
		})
		wg.Go(func() {
			for range 50 {
				got, err := s.Get(t.Context(), "k")
				if err != nil || !bytes.Equal(got, values[0]) && !bytes.Equal(got, values[1]) {
					t.Errorf("Get while others put: got %d bytes, %v; want one of the values, whole", len(got), err)
				}
			}
		})
	}
	wg.Wait()
}

func lockExcludes(t *testing.T, lockers ...bearer.Locker) {
	var holders, most atomic.Int32
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for range 10 {
				u := lock(t, lockers[i%len(lockers)], "k")
				if n := holders.Add(1); n > most.Load() {
					most.Store(n)
				}
				for range 100 { // let the others try
					_ = fmt.Sprint(i)
				}
				holders.Add(-1)
				unlock(t, u)
			}
		})
	}
	wg.Wait()
	if most.Load() != 1 {
		t.Errorf("held at once: got %d, want 1", most.Load())
	}
}

func lockHeedsContext(t *testing.T, a, b bearer.Locker) {
	u := lock(t, a, "k")
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if second, err := b.Lock(ctx, "k"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Lock of a locked key: got error %v; want context.DeadlineExceeded", err)
		if err == nil {
			unlock(t, second)
		}
	}
	unlock(t, u)
	unlock(t, lock(t, b, "k")) // what gave up left nothing locked
}

func put(t *testing.T, s bearer.Store, key, value string) {
	t.Helper()
	if err := s.Put(t.Context(), key, []byte(value)); err != nil {
		t.Fatalf("Put %.40q: %v", key, err)
	}
}

func want(t *testing.T, s bearer.Store, key, value string) {
	t.Helper()
	got, err := s.Get(t.Context(), key)
	if err != nil || string(got) != value {
		t.Errorf("Get %.40q: got %.40q, %v; want %.40q", key, got, err, value)
	}
}

func lock(t *testing.T, l bearer.Locker, key string) func() error {
	t.Helper()
	u, err := l.Lock(t.Context(), key)
	if err != nil {
		t.Errorf("Lock: %v", err)
		return func() error { return nil }
	}
	return u
}

func unlock(t *testing.T, u func() error) {
	t.Helper()
	if err := u(); err != nil {
		t.Errorf("unlock: %v", err)
	}
}
