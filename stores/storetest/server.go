package storetest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"example.com/bearer"
	"example.com/bearer/internal/tcpcut"
)

// RunServer tests a Store whose values are on a server, at that TCP address,
// when the server is out of reach: at each step of a call, and while a lock is
// held. open makes an empty Store there, and returns what connects to it, as
// several processes would, by way of the address that it is given; RunServer
// calls open for each test. A Store whose locks have a lease should have one of
// about a second for this: the tests wait for it to end, and fail where it is
// shorter than the machine is busy at times.
func RunServer(t *testing.T, server string, open func(t *testing.T) (connect func(t *testing.T, addr string) bearer.Store)) {
	start := func(t *testing.T) *remote {
		link, err := tcpcut.To(server)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = link.Close() })
		return &remote{link: link, server: server, connect: open(t)}
	}
	probe := start(t)
	s := probe.near(t)
	for _, call := range goneCalls {
		if call.able != nil && !call.able(t, s) {
			continue
		}
		for fault, name := range map[tcpcut.Fault]string{
			tcpcut.Refuse: "refused", tcpcut.Swallow: "lost", tcpcut.Hold: "late", tcpcut.Reset: "reset",
		} {
			t.Run("gone/"+call.name+"/"+name, func(t *testing.T) {
				goneWarm(t, start(t), call, fault)
				goneCold(t, start(t), call, fault)
			})
		}
	}
	if !isLocker(t, s) {
		return
	}
	t.Run("waiter", func(t *testing.T) { lockWaiterCut(t, start(t)) })
	if leaseOf(s) == 0 {
		return
	}
	t.Run("lock kept", func(t *testing.T) { lockKept(t, start(t)) })
	t.Run("lock lost", func(t *testing.T) { lockLost(t, start(t), false) })
	t.Run("unlock while gone", func(t *testing.T) { lockLost(t, start(t), true) })
}

// A remote is one Store, and two ways to it.
type remote struct {
	link    *tcpcut.Link
	server  string
	connect func(t *testing.T, addr string) bearer.Store
}

// far returns a value that is cut off with the link, near one that is not.
func (r *remote) far(t *testing.T) bearer.Store  { return r.connect(t, r.link.Addr()) }
func (r *remote) near(t *testing.T) bearer.Store { return r.connect(t, r.server) }

func isLocker(t *testing.T, s bearer.Store) bool {
	l, ok := s.(bearer.Locker)
	if !ok {
		return false
	}
	unlock, err := l.Lock(patient(t), "probe")
	if err == errors.ErrUnsupported {
		return false
	}
	if err != nil {
		t.Fatalf("Lock: got error %v, want none", err)
	}
	release(t, unlock)
	return true
}

func isSwapper(t *testing.T, s bearer.Store) bool {
	w, ok := s.(bearer.Swapper)
	return ok && w.Swap(patient(t), "probe", nil, nil) != errors.ErrUnsupported
}

// leaseOf returns what a Locker says of its locks.
func leaseOf(s bearer.Store) time.Duration {
	if l, ok := s.(interface{ Lease() time.Duration }); ok {
		return l.Lease()
	}
	return 0
}

// The values of a key before and after a call. Neither may be in an error.
const (
	goneOld = "the old secret"
	goneNew = "the new secret"
)

// A goneCall is a call whose server goes away in the middle.
type goneCall struct {
	name string
	able func(t *testing.T, s bearer.Store) bool // nil: every Store is
	// begin prepares the call, while the server is there.
	begin func(t *testing.T, s bearer.Store, key string) (call func(ctx context.Context) error)
	// done checks what a call has done that returned no error.
	done func(t *testing.T, s bearer.Store, key string)
}

var goneCalls = []goneCall{
	{
		name: "get",
		begin: func(t *testing.T, s bearer.Store, key string) func(context.Context) error {
			return func(ctx context.Context) error {
				got, err := s.Get(ctx, key)
				if err == nil && string(got) != goneOld {
					t.Errorf("Get: got %q, want %q", got, goneOld)
				}
				return err
			}
		},
		done: func(t *testing.T, s bearer.Store, key string) { want(t, s, key, goneOld) },
	},
	{
		name: "put",
		begin: func(_ *testing.T, s bearer.Store, key string) func(context.Context) error {
			return func(ctx context.Context) error { return s.Put(ctx, key, []byte(goneNew)) }
		},
		done: func(t *testing.T, s bearer.Store, key string) { want(t, s, key, goneNew) },
	},
	{
		name: "delete",
		begin: func(_ *testing.T, s bearer.Store, key string) func(context.Context) error {
			return func(ctx context.Context) error { return s.Delete(ctx, key) }
		},
		done: func(t *testing.T, s bearer.Store, key string) { wantAbsent(t, s, key) },
	},
	{
		name: "swap",
		able: isSwapper,
		begin: func(_ *testing.T, s bearer.Store, key string) func(context.Context) error {
			return func(ctx context.Context) error {
				return s.(bearer.Swapper).Swap(ctx, key, []byte(goneOld), []byte(goneNew))
			}
		},
		done: func(t *testing.T, s bearer.Store, key string) { want(t, s, key, goneNew) },
	},
	{
		name: "lock",
		able: isLocker,
		begin: func(t *testing.T, s bearer.Store, key string) func(context.Context) error {
			return func(ctx context.Context) error {
				unlock, err := s.(bearer.Locker).Lock(ctx, key)
				if err == nil {
					t.Cleanup(func() { _ = unlock() }) // nothing, if it has been called
					if err := unlock(); err != nil {
						t.Logf("unlock: %v", err) // the lock then ends with its lease
					}
				}
				return err
			}
		},
		done: func(*testing.T, bearer.Store, string) {},
	},
	{
		name: "unlock",
		able: isLocker,
		begin: func(t *testing.T, s bearer.Store, key string) func(context.Context) error {
			unlock := lock(t, s.(bearer.Locker), key)
			return func(context.Context) error { return unlock() }
		},
		done: func(*testing.T, bearer.Store, string) {},
	},
}

// goneSteps is more than the pieces that a call and its connection exchange.
const goneSteps = 24

// goneTimeout is how long the context of such a call lasts. A call on a busy
// machine may take longer, and then fails as it should.
const goneTimeout = 100 * time.Millisecond

// goneWarm: the server goes away before a call, after the first piece that it
// exchanges with the server, and so on, on a connection that has been used.
func goneWarm(t *testing.T, r *remote, call goneCall, fault tcpcut.Fault) {
	far, near := r.far(t), r.near(t)
	var keys []string
	for n := range goneSteps {
		reachable(t, far, near)
		keys = append(keys, fmt.Sprint("warm ", n))
		if !gone(t, r, call, far, near, keys[n], n, fault) {
			break
		}
	}
	reachable(t, far, near)
	goneLocks(t, call, near, keys)
}

// goneLocks: the locks that the calls took or released are free, or end with
// their leases.
func goneLocks(t *testing.T, call goneCall, near bearer.Store, keys []string) {
	t.Helper()
	if call.name != "lock" && call.name != "unlock" {
		return
	}
	for _, key := range keys {
		wantLock(t, near.(bearer.Locker), key, leaseOf(near))
	}
}

// goneCold is goneWarm on a new connection.
func goneCold(t *testing.T, r *remote, call goneCall, fault tcpcut.Fault) {
	near := r.near(t)
	var keys []string
	for n := range goneSteps {
		far := r.far(t)
		keys = append(keys, fmt.Sprint("cold ", n))
		if !gone(t, r, call, far, near, keys[n], n, fault) {
			break
		}
		reachable(t, far, near)
	}
	goneLocks(t, call, near, keys)
}

// gone makes one call, whose server goes away after n pieces, and reports
// whether the call lasted till then.
func gone(t *testing.T, r *remote, call goneCall, far, near bearer.Store, key string, n int, fault tcpcut.Fault) (cut bool) {
	t.Helper()
	put(t, near, key, goneOld)
	do := call.begin(t, far, key)
	r.link.CutAfter(n, fault)
	ctx, cancel := context.WithTimeout(t.Context(), goneTimeout)
	defer cancel()
	err := inTime(t, leaseOf(near), func() error { return do(ctx) })
	cut = r.link.Mend()
	if err == nil {
		call.done(t, near, key)
	} else {
		wantTrouble(t, fmt.Sprintf("%s, cut after %d pieces", call.name, n), err)
		if got, err := near.Get(patient(t), key); !(err == nil && (string(got) == goneOld || string(got) == goneNew) || errors.Is(err, bearer.ErrNotFound) && call.name == "delete") {
			t.Errorf("%s, cut after %d pieces: got the value %q and error %v, want the old or the new one", call.name, n, got, err)
		}
	}
	return cut
}

// inTime returns what call does, which must not take longer than a lease and our
// patience, whatever it waits for.
func inTime(t *testing.T, lease time.Duration, call func() error) error {
	t.Helper()
	done := make(chan error, 1)
	go func() { done <- call() }()
	select {
	case err := <-done:
		return err
	case <-time.After(lease + patience):
		t.Fatalf("the call: still waiting for the server after %v, want an error", lease+patience)
		return nil
	}
}

// wantTrouble reports an error unless err, of a call whose server has gone, is
// one without a meaning of its own.
func wantTrouble(t *testing.T, what string, err error) {
	t.Helper()
	for _, other := range []error{bearer.ErrNotFound, bearer.ErrChanged, errors.ErrUnsupported} {
		if errors.Is(err, other) {
			t.Errorf("%s: got error %v, want one that does not match %v", what, err, other)
		}
	}
	for _, secret := range []string{goneOld, goneNew} {
		if strings.Contains(err.Error(), secret) {
			t.Errorf("%s: got error %v, want one without the value", what, err)
		}
	}
}

// reachable waits until the server is back for far, which takes no more than our
// patience, and few calls.
func reachable(t *testing.T, far, near bearer.Store) {
	t.Helper()
	put(t, near, "there", "v")
	deadline := time.Now().Add(patience)
	for {
		got, err := far.Get(patient(t), "there")
		if err == nil && string(got) == "v" {
			return
		}
		if err == nil || errors.Is(err, bearer.ErrNotFound) || errors.Is(err, errors.ErrUnsupported) || time.Now().After(deadline) {
			t.Fatalf("Get, now that the server is back: got %q and error %v, want the value", got, err)
		}
		time.Sleep(10 * time.Millisecond) // not to try too often
	}
}

// wantLock takes and releases a lock that is free, or is to end with its lease.
func wantLock(t *testing.T, l bearer.Locker, key string, lease time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*lease+patience)
	defer cancel()
	unlock, err := l.Lock(ctx, key)
	if err != nil {
		t.Errorf("Lock: got error %v, want the lock, which nobody renews, after %v at most", err, lease)
		return
	}
	release(t, unlock)
}

// lockWaiterCut: a waiter whose server goes away while it waits gets the lock
// when that is free, or an error; and it can wait again.
func lockWaiterCut(t *testing.T, r *remote) {
	for fault := range map[tcpcut.Fault]bool{tcpcut.Refuse: true, tcpcut.Swallow: true, tcpcut.Reset: true} {
		for n := range 8 {
			far, near := r.far(t), r.near(t)
			reachable(t, far, near)
			unlock := lock(t, near.(bearer.Locker), "k")
			r.link.CutAfter(n, fault)
			var free atomic.Bool
			var others sync.WaitGroup
			others.Go(func() { // while the waiter waits, as far as it does
				time.Sleep(50 * time.Millisecond)
				free.Store(true)
				release(t, unlock)
				time.Sleep(50 * time.Millisecond)
				r.link.Mend()
			})
			ctx, cancel := context.WithTimeout(t.Context(), leaseOf(near)+patience)
			err := inTime(t, leaseOf(near)+patience, func() error {
				unlock, err := far.(bearer.Locker).Lock(ctx, "k")
				if err == nil {
					if !free.Load() {
						t.Errorf("a waiter, cut after %d pieces: got the lock that another one has", n)
					}
					_ = unlock() // cut off, perhaps: then the lock ends with its lease
				}
				return err
			})
			cancel()
			others.Wait()
			if err != nil {
				wantTrouble(t, fmt.Sprintf("a waiter, cut after %d pieces", n), err)
				if errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("a waiter, cut after %d pieces: got error %v, want the lock, which is free", n, err)
				}
			}
			reachable(t, far, near)
			wantLock(t, near.(bearer.Locker), "k", leaseOf(near))
			wantLock(t, far.(bearer.Locker), "k", leaseOf(near))
		}
	}
}

// lockKept: who holds a lock and runs keeps it, for longer than a lease, and
// while the server is gone for a moment.
func lockKept(t *testing.T, r *remote) {
	far, near := r.far(t), r.near(t)
	lease := leaseOf(near)
	unlock := lock(t, far.(bearer.Locker), "k")
	for _, wait := range []time.Duration{5 * lease / 2, 3 * lease / 2} {
		ctx, cancel := context.WithTimeout(t.Context(), wait)
		wantNoLock(t, near.(bearer.Locker), ctx, unlock)
		cancel()
		r.link.Cut(tcpcut.Refuse)
		r.link.Mend()
	}
	release(t, unlock)
	release(t, lock(t, near.(bearer.Locker), "k"))
}

// lockLost: who is cut off for longer than its lease loses the lock, is told by
// unlock, and releases no lock of another one; and Swap does not let it write
// over what the next holder has written.
func lockLost(t *testing.T, r *remote, unlockWhileGone bool) {
	far, near, third := r.far(t), r.near(t), r.near(t)
	lease := leaseOf(near)
	put(t, far, "k", "v")
	unlock := lock(t, far.(bearer.Locker), "k")
	r.link.Cut(tcpcut.Swallow)
	ctx, cancel := context.WithTimeout(t.Context(), 2*lease+patience)
	defer cancel()
	next, err := near.(bearer.Locker).Lock(ctx, "k")
	if err != nil {
		t.Fatalf("Lock, whose holder was cut off: got error %v, want the lock after %v", err, lease)
	}
	swap(t, near.(bearer.Swapper), "k", []byte("v"), []byte("w"))

	lost := func() {
		err := inTime(t, lease, unlock)
		if err == nil {
			t.Error("unlock of a lock that was lost: got no error, want one")
		} else {
			wantTrouble(t, "unlock of a lock that was lost", err)
		}
	}
	if unlockWhileGone {
		lost()
	}
	r.link.Mend()
	reachable(t, far, near)
	wantChanged(t, far.(bearer.Swapper), "k", []byte("v"), []byte("x"))
	want(t, near, "k", "w")

	renewed, cancel := context.WithTimeout(t.Context(), 3*lease/2) // what the first one may yet renew or release
	defer cancel()
	wantNoLock(t, third.(bearer.Locker), renewed, next)
	if !unlockWhileGone {
		lost()
	}
	_ = unlock() // again
	wantHeld(t, third.(bearer.Locker), next)
	release(t, next)
	release(t, lock(t, far.(bearer.Locker), "k"))
	release(t, lock(t, third.(bearer.Locker), "k"))
}
