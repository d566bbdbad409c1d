package redisstore_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"example.com/bearer"
	"example.com/bearer/internal/tcpcut"
	"example.com/bearer/stores/redisstore"
)

// bubble runs the test with time of its own, and a server that has the same. It
// fails if a Store leaves a goroutine.
func bubble(t *testing.T, test func(t *testing.T, m *miniredis.Miniredis, open func() *redisstore.Store)) {
	synctest.Test(t, func(t *testing.T) {
		m := miniredis.NewMiniRedis()
		m.ClockTTL(true)
		defer m.Close()
		var clients []*redis.Client
		test(t, m, func() *redisstore.Store {
			c := redis.NewClient(&redis.Options{
				Addr:   "127.0.0.1:1", // not a name to look up
				Dialer: func(context.Context, string, string) (net.Conn, error) { return m.Dial() },
			})
			clients = append(clients, c)
			return &redisstore.Store{Client: c}
		})
		for _, c := range clients {
			c.Close()
		}
	})
}

func mustLock(t *testing.T, s *redisstore.Store, key string) (unlock func() error) {
	t.Helper()
	unlock, err := s.Lock(t.Context(), key)
	if err != nil {
		t.Fatalf("Lock: got error %v, want none", err)
	}
	return unlock
}

func mustUnlock(t *testing.T, unlock func() error) {
	t.Helper()
	if err := unlock(); err != nil {
		t.Errorf("unlock: got error %v, want none", err)
	}
}

func TestLease(t *testing.T) {
	if got, want := new(redisstore.Store).Lease(), 15*time.Second; got != want {
		t.Errorf("of the zero value: got %v, want %v", got, want)
	}
	if got, want := (&redisstore.Store{LeaseDuration: time.Minute}).Lease(), time.Minute; got != want {
		t.Errorf("got %v, want %v", got, want)
	}
}

// A holder keeps its lock for many leases, and those who wait make no traffic
// but a look per lease. When it unlocks, the waiter has the lock at once. Then
// everything is idle.
func TestHeldForLong(t *testing.T) {
	bubble(t, func(t *testing.T, m *miniredis.Miniredis, open func() *redisstore.Store) {
		a, b := open(), open()
		unlock := mustLock(t, a, "k")
		got := make(chan func() error)
		go func() { got <- mustLock(t, b, "k") }()
		synctest.Wait()
		before := m.CommandCount()
		time.Sleep(time.Hour)
		synctest.Wait()
		// Three renewals per lease, and one look, of a few commands each.
		if n := m.CommandCount() - before; n > 240*4*8 {
			t.Errorf("an hour of waiting: got %d commands, want few", n)
		}
		select {
		case <-got:
			t.Fatal("the waiter got a lock that is held")
		default:
		}
		began := time.Now()
		mustUnlock(t, unlock)
		mustUnlock(t, <-got)
		if took := time.Since(began); took > 0 {
			t.Errorf("the waiter got the lock %v after unlock, want at once", took)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if channels := m.PubSubChannels(""); len(channels) != 0 {
			t.Errorf("nobody waits: got subscriptions to %q, want none", channels)
		}
		before = m.CommandCount()
		time.Sleep(time.Hour)
		if n := m.CommandCount() - before; n != 0 {
			t.Errorf("an idle hour: got %d commands, want none", n)
		}
		// Nothing is left in Redis.
		if keys := m.Keys(); len(keys) != 0 {
			t.Errorf("got keys %q, want none", keys)
		}
	})
}

// When a holder dies, a waiter gets the lock after its lease.
func TestHolderDies(t *testing.T) {
	bubble(t, func(t *testing.T, m *miniredis.Miniredis, open func() *redisstore.Store) {
		a, b := open(), open()
		mustLock(t, a, "k")
		a.Client.Close() // it cannot renew any more
		began := time.Now()
		mustUnlock(t, mustLock(t, b, "k"))
		if took := time.Since(began); took < 14*time.Second || took > 16*time.Second {
			t.Errorf("got the lock after %v, want 15s", took)
		}
		time.Sleep(time.Minute) // for a's goroutine to end
	})
}

// A lock that is reserved for a waiter that has died goes to another one soon.
func TestWaiterDies(t *testing.T) {
	bubble(t, func(t *testing.T, m *miniredis.Miniredis, open func() *redisstore.Store) {
		holder, dies, waits := open(), open(), open()
		unlock := mustLock(t, holder, "k")
		var waiters sync.WaitGroup
		waiters.Go(func() {
			if _, err := dies.Lock(t.Context(), "k"); err == nil {
				t.Error("a waiter whose client is closed: got the lock")
			}
		})
		synctest.Wait()
		got := make(chan func() error, 1)
		waiters.Go(func() { got <- mustLock(t, waits, "k") })
		synctest.Wait()
		dies.Client.Close()
		synctest.Wait()
		began := time.Now()
		mustUnlock(t, unlock)
		mustUnlock(t, <-got)
		if took := time.Since(began); took > time.Second {
			t.Errorf("got the lock after %v, want half a second", took)
		}
		waiters.Wait()
		time.Sleep(time.Minute)
	})
}

// A waiter of another process comes before those of the holder's process that
// have come later, although these could be faster.
func TestFair(t *testing.T) {
	bubble(t, func(t *testing.T, _ *miniredis.Miniredis, open func() *redisstore.Store) {
		a, b, c := open(), open(), open()
		var mu sync.Mutex
		var got []string
		var waiters sync.WaitGroup
		unlock := mustLock(t, a, "k")
		for _, w := range []struct {
			name string
			s    *redisstore.Store
		}{{"b1", b}, {"c1", c}, {"a2", a}, {"a3", a}, {"b2", b}, {"a4", a}} {
			waiters.Go(func() {
				unlock := mustLock(t, w.s, "k")
				mu.Lock()
				got = append(got, w.name)
				mu.Unlock()
				mustUnlock(t, unlock)
			})
			synctest.Wait()
		}
		mustUnlock(t, unlock)
		waiters.Wait()
		// Those that came second in a process and in b's join the line when the
		// lock is given on, at the same time.
		all := strings.Join(got, " ")
		ofA := slices.DeleteFunc(slices.Clone(got), func(name string) bool { return name[0] != 'a' })
		if !strings.HasPrefix(all, "b1 c1 ") || len(got) != 6 || !slices.IsSorted(ofA) {
			t.Errorf("got the lock: %s, want b1 c1, then b2 and a2 a3 a4 in their order", all)
		}
		time.Sleep(time.Minute)
	})
}

// A waiter that leaves is not given the lock.
func TestWaiterLeaves(t *testing.T) {
	bubble(t, func(t *testing.T, _ *miniredis.Miniredis, open func() *redisstore.Store) {
		a, b, c := open(), open(), open()
		unlock := mustLock(t, a, "k")
		ctx, cancel := context.WithCancel(t.Context())
		left := make(chan error)
		go func() {
			_, err := b.Lock(ctx, "k")
			left <- err
		}()
		synctest.Wait()
		got := make(chan func() error)
		go func() { got <- mustLock(t, c, "k") }()
		synctest.Wait()
		cancel()
		if err := <-left; !errors.Is(err, context.Canceled) {
			t.Errorf("got error %v, want %v", err, context.Canceled)
		}
		synctest.Wait()
		began := time.Now()
		mustUnlock(t, unlock)
		mustUnlock(t, <-got)
		if took := time.Since(began); took > 0 {
			t.Errorf("got the lock after %v, want at once", took)
		}
		time.Sleep(time.Minute)
	})
}

// A thousand goroutines of one process that wait for ten locks, and for a hundred
// that another process holds, leave the pool of two connections to others.
func TestThousandWaiters(t *testing.T) {
	onServers(t, func(t *testing.T, server *server) {
		server.options.PoolSize = 2
		a, b := server.store(t), server.store(t)
		var held []func() error
		for i := range 110 {
			held = append(held, mustLock(t, a, fmt.Sprint(i)))
		}
		var waiters, waiting sync.WaitGroup
		for i := range 1100 {
			waiting.Add(1)
			waiters.Go(func() {
				key := fmt.Sprint(i % 10)
				if i >= 1000 {
					key = fmt.Sprint(i - 1000 + 10)
				}
				waiting.Done()
				mustUnlock(t, mustLock(t, b, key))
			})
		}
		waiting.Wait()
		for range 100 {
			if err := b.Put(t.Context(), "other", []byte("v")); err != nil {
				t.Fatalf("Put meanwhile: got error %v, want none", err)
			}
		}
		for _, unlock := range held {
			mustUnlock(t, unlock)
		}
		waiters.Wait()
	})
}

// A holder that could not renew its lock for a lease has lost it: it hears of it
// when it unlocks, does not release its successor's, and cannot replace what
// that has stored.
func TestLockLost(t *testing.T) {
	onServers(t, func(t *testing.T, server *server) {
		for name, fault := range map[string]tcpcut.Fault{"refused": tcpcut.Refuse, "swallowed": tcpcut.Swallow, "held": tcpcut.Hold} {
			t.Run(name, func(t *testing.T) {
				server := server.part(t)
				first, link := cuttable(t, server, time.Second)
				second := server.store(t)
				first.LeaseDuration, second.LeaseDuration = 300*time.Millisecond, 300*time.Millisecond
				set(t, first, "old")
				unlock := mustLock(t, first, "k")
				link.Cut(fault)
				began := time.Now()
				next := mustLock(t, second, "k")
				if took := time.Since(began); took < 150*time.Millisecond {
					t.Errorf("the second got the lock after %v, want that the first has it for its lease", took)
				}
				if err := second.Swap(t.Context(), "k", []byte("old"), []byte("second's")); err != nil {
					t.Errorf("Swap of the second: got error %v, want none", err)
				}
				link.Mend()
				if err := first.Swap(t.Context(), "k", []byte("old"), []byte("first's")); !errors.Is(err, bearer.ErrChanged) {
					t.Errorf("Swap of the first: got error %v, want ErrChanged", err)
				}
				if err := unlock(); err == nil {
					t.Error("unlock of the first: got no error, want one")
				}
				if err := unlock(); err != nil {
					t.Errorf("unlock again: got error %v, want none", err)
				}
				ctx, cancel := context.WithTimeout(t.Context(), 450*time.Millisecond)
				defer cancel()
				if _, err := first.Lock(ctx, "k"); !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("Lock while the second has it: got error %v, want %v", err, context.DeadlineExceeded)
				}
				mustUnlock(t, next)
				wantOne(t, first, "second's")
				mustUnlock(t, mustLock(t, first, "k"))
			})
		}
	})
}

// If a lock is lost, the next goroutine of the same process does not wait until
// the one that had it calls unlock.
func TestLostToOwnProcess(t *testing.T) {
	bubble(t, func(t *testing.T, m *miniredis.Miniredis, open func() *redisstore.Store) {
		s := open()
		unlock := mustLock(t, s, "k")
		m.FlushAll()
		began := time.Now()
		mustUnlock(t, mustLock(t, s, "k"))
		if took := time.Since(began); took > 6*time.Second {
			t.Errorf("got the lock after %v, want after the next renewal", took)
		}
		if err := unlock(); err == nil || errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("unlock of a lock that was lost: got error %v, want one", err)
		}
		time.Sleep(time.Minute)
	})
}

// Waiters go on when the connection that they are told by is cut off.
func TestWaitersCutOff(t *testing.T) {
	onServers(t, func(t *testing.T, server *server) {
		a := server.store(t)
		b, link := cuttable(t, server, time.Second)
		for range 5 {
			unlock := mustLock(t, a, "k")
			got := make(chan func() error)
			go func() { got <- mustLock(t, b, "k") }()
			channel := server.prefix + "{k}:lock"
			subscribed := func() bool {
				n, err := a.Client.PubSubNumSub(t.Context(), channel).Result()
				return err == nil && n[channel] == 1
			}
			eventually(t, "the waiter listens", subscribed)
			link.Cut(tcpcut.Refuse)
			eventually(t, "the server knows", func() bool { return !subscribed() })
			link.Mend()
			eventually(t, "the waiter listens again", subscribed)
			began := time.Now()
			mustUnlock(t, unlock)
			mustUnlock(t, <-got)
			if took := time.Since(began); took > 5*time.Second {
				t.Errorf("got the lock after %v, want at once", took)
			}
		}
	})
}

// A lock that is taken when its context ends is released, however late its answer
// comes.
func TestContextEndsWhileTaking(t *testing.T) {
	bubble(t, func(t *testing.T, m *miniredis.Miniredis, open func() *redisstore.Store) {
		a, b := open(), open()
		mustUnlock(t, mustLock(t, a, "k")) // the server has the scripts
		ctx, cancel := context.WithCancel(t.Context())
		slow := true
		a.Client.AddHook(hook(func(_ context.Context, next func() error) error {
			err := next()
			if slow {
				slow = false
				cancel()
				time.Sleep(time.Second)
			}
			return err
		}))
		began := time.Now()
		if _, err := a.Lock(ctx, "k"); !errors.Is(err, context.Canceled) || time.Since(began) > 0 {
			t.Errorf("Lock: got error %v after %v, want %v at once", err, time.Since(began), context.Canceled)
		}
		mustUnlock(t, mustLock(t, b, "k"))
		if took := time.Since(began); took < time.Second || took > 1100*time.Millisecond {
			t.Errorf("another one got the lock after %v, want as soon as it could be released", took)
		}
		mustUnlock(t, mustLock(t, a, "k")) // it is this process' turn, too
		time.Sleep(time.Minute)
		if keys := m.Keys(); len(keys) != 0 {
			t.Errorf("got keys %q, want none", keys)
		}
	})
}

// A waiter that is told that it is next before it listens gets the lock all the
// same, at once.
func TestToldTooEarly(t *testing.T) {
	bubble(t, func(t *testing.T, _ *miniredis.Miniredis, open func() *redisstore.Store) {
		a, b := open(), open()
		mustUnlock(t, mustLock(t, b, "k")) // the server has the scripts
		unlock := mustLock(t, a, "k")
		calls := 0
		b.Client.AddHook(hook(func(_ context.Context, next func() error) error {
			err := next()
			if calls++; calls == 1 {
				mustUnlock(t, unlock)
			}
			return err
		}))
		began := time.Now()
		mustUnlock(t, mustLock(t, b, "k"))
		if took := time.Since(began); took > 0 {
			t.Errorf("got the lock after %v, want at once", took)
		}
		time.Sleep(time.Minute)
	})
}

// A holder that has lost its lock to another one does not renew that one's.
func TestRenewsOnlyItsOwn(t *testing.T) {
	bubble(t, func(t *testing.T, m *miniredis.Miniredis, open func() *redisstore.Store) {
		a, b, c := open(), open(), open()
		unlock := mustLock(t, a, "k")
		m.FlushAll()
		began := time.Now()
		mustLock(t, b, "k")
		b.Client.Close() // it cannot renew
		mustUnlock(t, mustLock(t, c, "k"))
		if took := time.Since(began); took < 14*time.Second || took > 16*time.Second {
			t.Errorf("the third got the lock after %v, want after the second's lease of 15s", took)
		}
		if err := unlock(); err == nil {
			t.Error("unlock of the first: got no error, want one")
		}
		time.Sleep(time.Minute)
	})
}

// What was not sent when the context ends is not sent afterwards.
func TestNothingSentAfterContext(t *testing.T) {
	bubble(t, func(t *testing.T, _ *miniredis.Miniredis, open func() *redisstore.Store) {
		s, other := open(), open()
		set(t, s, "old")
		ctx, cancel := context.WithCancel(t.Context())
		s.Client.AddHook(hook(func(_ context.Context, next func() error) error {
			err := next()
			cancel() // after the read
			return err
		}))
		if err := s.Put(ctx, "k", []byte("new")); !errors.Is(err, context.Canceled) {
			t.Errorf("Put: got error %v, want %v", err, context.Canceled)
		}
		synctest.Wait()
		wantOne(t, other, "old")
	})
}
