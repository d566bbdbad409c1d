package storetest

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"example.com/bearer"
)

// A lockable is a Store that is a Locker.
type lockable interface {
	bearer.Store
	bearer.Locker
}

var lockTests = []sharedTest[lockable]{
	{"lease", lockLease},
	{"100 at once", hundred},
	{"context ended", lockContextEnded},
	{"wait ends with context", waitEndsWithContext},
	{"held beyond context", heldBeyondContext},
	{"other keys", lockOtherKeys},
	{"again", lockAgain},
	{"unlock twice", unlockTwice},
	{"store while locked", storeWhileLocked},
	{"delete while locked", deleteWhileLocked},
}

// runLocks runs the tests of a Locker, if a and b are that.
func runLocks(t *testing.T, open func(t *testing.T) (a, b bearer.Store)) {
	a, b := open(t)
	first, ok := a.(lockable)
	second, bothOK := b.(lockable)
	if ok != bothOK {
		t.Fatalf("got %T and %T, want that both are Lockers or neither is", a, b)
	}
	if !ok {
		t.Logf("%T is not a Locker", a)
		return
	}
	unlock, err := first.Lock(patient(t), "k")
	if errors.Is(err, errors.ErrUnsupported) {
		unsupported(t, first, second)
		return
	}
	if err != nil {
		t.Fatalf("Lock: got error %v, want none", err)
	}
	release(t, unlock)
	runShared(t, lockTests, func(t *testing.T) (a, b lockable) {
		first, second := open(t)
		return first.(lockable), second.(lockable)
	})
}

// unsupported tests the Lock of a Store that wraps one that is not a Locker: it
// always returns errors.ErrUnsupported, not an error that matches it.
func unsupported(t *testing.T, a, b bearer.Locker) {
	for _, l := range []bearer.Locker{a, b} {
		for _, key := range []string{"k", "other"} {
			if unlock, err := l.Lock(patient(t), key); err != errors.ErrUnsupported || unlock != nil {
				t.Errorf("Lock(%q): got error %v, want errors.ErrUnsupported itself (==), and no unlock", key, err)
			}
		}
	}
}

// lockLease: locks that end by themselves need a Swap.
func lockLease(t *testing.T, a, b lockable) {
	lease := leaseOf(a)
	if lease < 0 || leaseOf(b) != lease {
		t.Errorf("Lease: got %v and %v, want one duration, or 0 for locks that do not end by themselves", lease, leaseOf(b))
	}
	if lease != 0 && !isSwapper(t, a) {
		t.Errorf("%T: got a lease of %v and no Swap, want a Swapper", a, lease)
	}
}

// hundred: of a hundred that lock at once, each gets the lock, alone, and sees
// what the one before it has stored.
func hundred(t *testing.T, a, b lockable) {
	const n = 100
	put(t, a, "counter", "0")
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()
	start := make(chan struct{})
	var holders atomic.Int32
	var wg sync.WaitGroup
	for i := range n {
		s := a
		if i%2 == 1 {
			s = b
		}
		wg.Go(func() {
			<-start
			unlock, err := s.Lock(ctx, "k")
			if err != nil {
				t.Errorf("Lock: got error %v, want none", err)
				return
			}
			if got := holders.Add(1); got != 1 {
				t.Errorf("got %d holders of the lock at once, want 1", got)
			}
			increment(t, ctx, s, "counter")
			time.Sleep(100 * time.Microsecond) // for others to come in
			holders.Add(-1)
			release(t, unlock)
		})
	}
	close(start)
	wg.Wait()
	want(t, b, "counter", strconv.Itoa(n))
}

// increment adds one to the number under key, as the holder of a lock.
func increment(t *testing.T, ctx context.Context, s bearer.Store, key string) {
	data, err := s.Get(ctx, key)
	if err != nil {
		t.Errorf("Get while locked: got error %v, want none", err)
		return
	}
	n, err := strconv.Atoi(string(data))
	if err != nil {
		t.Errorf("Get while locked: got %q, want a number", data)
		return
	}
	if err := s.Put(ctx, key, []byte(strconv.Itoa(n+1))); err != nil {
		t.Errorf("Put while locked: got error %v, want none", err)
	}
}

// lockContextEnded: a Lock whose context has ended does not wait.
func lockContextEnded(t *testing.T, a, b lockable) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	unlock := lock(t, a, "k")
	wantNoLock(t, b, ctx, unlock)
	release(t, unlock)
	switch unlock, err := a.Lock(ctx, "k"); { // free: it may be had
	case err == nil:
		release(t, unlock)
	case !errors.Is(err, context.Canceled):
		t.Errorf("Lock of a free lock: got error %v, want none or %v", err, context.Canceled)
	}
	release(t, lock(t, b, "k"))
}

// waitEndsWithContext: a waiter leaves when its context ends, and does not hold
// the lock later.
func waitEndsWithContext(t *testing.T, a, b lockable) {
	unlock := lock(t, a, "k")
	deadline, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	wantNoLock(t, b, deadline, unlock)
	canceled, cancel := context.WithCancel(t.Context())
	defer time.AfterFunc(20*time.Millisecond, cancel).Stop()
	wantNoLock(t, b, canceled, unlock)
	release(t, unlock)
	release(t, lock(t, b, "k"))
}

// heldBeyondContext: the context limits the wait for a lock, not the lock.
func heldBeyondContext(t *testing.T, a, b lockable) {
	ctx, cancel := context.WithCancel(t.Context())
	unlock, err := a.Lock(ctx, "k")
	cancel()
	if err != nil {
		t.Fatalf("Lock: got error %v, want none", err)
	}
	wantHeld(t, b, unlock)
	release(t, unlock)
	release(t, lock(t, b, "k"))
}

func lockOtherKeys(t *testing.T, a, b lockable) {
	keys := []string{"k", "K", "k.lock", "other", "\xff", "k\x00"}
	var unlocks []func() error
	for i, key := range keys {
		s := a
		if i%2 == 1 {
			s = b
		}
		unlocks = append(unlocks, lock(t, s, key))
	}
	for _, unlock := range unlocks {
		release(t, unlock)
	}
}

func lockAgain(t *testing.T, a, b lockable) {
	for range 3 {
		release(t, lock(t, a, "k"))
		release(t, lock(t, b, "k"))
	}
}

// unlockTwice: a second unlock neither panics nor releases a lock that was
// taken since. It may be an error.
func unlockTwice(t *testing.T, a, b lockable) {
	unlock := lock(t, a, "k")
	release(t, unlock)
	again := func() {
		done := make(chan struct{})
		go func() { // ends with unlock
			defer close(done)
			defer func() {
				if p := recover(); p != nil {
					t.Errorf("unlock again: got panic %v, want nothing, or an error", p)
				}
			}()
			_ = unlock()
		}()
		select {
		case <-done:
		case <-time.After(patience):
			t.Fatalf("unlock again: still waiting %v after its start, want nothing, or an error", patience)
		}
	}
	again()
	next := lock(t, b, "k")
	again()
	wantHeld(t, a, next)
	release(t, next)
	release(t, lock(t, a, "k"))
}

// storeWhileLocked: the lock is advisory.
func storeWhileLocked(t *testing.T, a, b lockable) {
	unlock := lock(t, a, "k")
	put(t, a, "k", "from the holder")
	want(t, b, "k", "from the holder")
	put(t, b, "k", "from another")
	want(t, a, "k", "from another")
	release(t, unlock)
	want(t, a, "k", "from another")
}

// deleteWhileLocked: Delete removes the value, not the lock.
func deleteWhileLocked(t *testing.T, a, b lockable) {
	put(t, a, "k", "v")
	unlock := lock(t, a, "k")
	for _, s := range []lockable{a, b} {
		if err := s.Delete(patient(t), "k"); err != nil {
			t.Errorf("Delete: got error %v, want none", err)
		}
	}
	wantHeld(t, b, unlock)
	release(t, unlock)
	release(t, lock(t, b, "k"))
	wantAbsent(t, a, "k")
}

// lock takes a lock that is free.
func lock(t *testing.T, l bearer.Locker, key string) (unlock func() error) {
	t.Helper()
	unlock, err := l.Lock(patient(t), key)
	if err != nil {
		t.Fatalf("Lock(%.40q): got error %v, want none", key, err)
	}
	return unlock
}

func release(t *testing.T, unlock func() error) {
	t.Helper()
	if err := unlock(); err != nil {
		t.Errorf("unlock: got error %v, want none", err)
	}
}

// wantHeld reports an error unless the lock of "k" is held, as it is until
// unlock is called.
func wantHeld(t *testing.T, l bearer.Locker, unlock func() error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	wantNoLock(t, l, ctx, unlock)
}

// wantNoLock reports an error unless locking "k", which is held until unlock is
// called, ends with ctx, which ends soon.
func wantNoLock(t *testing.T, l bearer.Locker, ctx context.Context, unlock func() error) {
	t.Helper()
	type result struct {
		unlock func() error
		err    error
	}
	done := make(chan result, 1)
	go func() {
		unlock, err := l.Lock(ctx, "k")
		done <- result{unlock, err}
	}()
	var got result
	select {
	case got = <-done:
	case <-time.After(patience):
		_ = unlock()
		t.Fatalf("Lock: still waiting %v after its start, want that it ends with its context", patience)
	}
	if got.err == nil {
		_ = got.unlock()
		t.Errorf("Lock of a lock that is held: got the lock, want %v", ctx.Err())
	} else if !errors.Is(got.err, ctx.Err()) || errors.Is(got.err, errors.ErrUnsupported) {
		t.Errorf("Lock of a lock that is held: got error %v, want %v", got.err, ctx.Err())
	}
}
