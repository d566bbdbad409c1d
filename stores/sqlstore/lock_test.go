package sqlstore_test

import (
	"bytes"
	"context"
	"database/sql/driver"
	"errors"
	"runtime/pprof"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"example.com/bearer"
	"example.com/bearer/stores/sqlstore"
)

// The beginnings of the statements about locks.
const (
	take    = "INSERT INTO"
	left    = "SELECT CASE"
	renew   = "UPDATE"
	release = "DELETE FROM"
)

// isLock reports whether query is that statement about locks.
func isLock(query, statement string) bool {
	return strings.HasPrefix(query, statement) && strings.Contains(query, "_lease")
}

func lock(t *testing.T, s *sqlstore.Store) (unlock func() error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	unlock, err := s.Lock(ctx, "k")
	if err != nil {
		t.Fatalf("Lock: got error %v, want none", err)
	}
	return unlock
}

func unlocked(t *testing.T, unlock func() error) {
	t.Helper()
	if err := unlock(); err != nil {
		t.Errorf("unlock: got error %v, want none", err)
	}
}

// wantHeld reports an error if s gets the lock of "k".
func wantHeld(t *testing.T, s *sqlstore.Store) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if unlock, err := s.Lock(ctx, "k"); err == nil {
		_ = unlock()
		t.Error("Lock of a lock that is held: got it, want that it waits")
	} else if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Lock of a lock that is held: got error %v, want %v", err, context.DeadlineExceeded)
	}
}

// A holder whose renewals do not get through loses the lock when its lease ends,
// and not before. Another one gets it. The first one's unlock is an error, and
// does not release the lock of the second; and Swap protects the value.
func TestLockLost(t *testing.T) {
	databases(t, func(t *testing.T, d *database) {
		var cut atomic.Bool
		first := d.store(d.openWith(t, &faults{before: func(context.Context, string) error {
			if cut.Load() {
				return errors.New("cut off")
			}
			return nil
		}}))
		second := d.new(t)
		first.LeaseDuration, second.LeaseDuration = 500*time.Millisecond, 500*time.Millisecond
		if err := first.Put(t.Context(), "k", []byte("spent by the first")); err != nil {
			t.Fatal(err)
		}
		unlock := lock(t, first)
		cut.Store(true)
		begin := time.Now()
		unlockSecond := lock(t, second)
		if waited := time.Since(begin); waited < 250*time.Millisecond { // the lease began a while before
			t.Errorf("Lock: got the lock after %v, want that it waits for the end of the lease", waited)
		}
		if err := second.Swap(t.Context(), "k", []byte("spent by the first"), []byte("by the second")); err != nil {
			t.Errorf("Swap by the second: got error %v, want none", err)
		}
		cut.Store(false)
		if err := first.Swap(t.Context(), "k", []byte("spent by the first"), []byte("late")); !errors.Is(err, bearer.ErrChanged) {
			t.Errorf("Swap by the first: got error %v, want ErrChanged", err)
		}
		for range 2 {
			if err := unlock(); err == nil || !strings.Contains(err.Error(), "lost") {
				t.Errorf("unlock by the first: got error %v, want one that says that the lock was lost", err)
			}
		}
		third := d.new(t)
		wantHeld(t, third)
		unlocked(t, unlockSecond)
		unlocked(t, lock(t, third))
	})
}

// A holder keeps its lock for longer than its lease, though some renewals fail.
func TestRenew(t *testing.T) {
	databases(t, func(t *testing.T, d *database) {
		var renewals atomic.Int32
		holder := d.store(d.openWith(t, &faults{before: func(_ context.Context, query string) error {
			if isLock(query, renew) && renewals.Add(1)%3 == 1 {
				return errors.New("a blip")
			}
			return nil
		}}))
		holder.LeaseDuration = 900 * time.Millisecond
		unlock := lock(t, holder)
		var got atomic.Bool
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var waiter sync.WaitGroup
		waiter.Go(func() {
			if unlock, err := d.new(t).Lock(ctx, "k"); err == nil {
				got.Store(true)
				_ = unlock()
			}
		})
		until(t, "6 renewals", func() bool { return renewals.Load() >= 6 })
		if got.Load() {
			t.Error("Lock: got a lock that is renewed")
		}
		unlocked(t, unlock)
		waiter.Wait()
		if !got.Load() {
			t.Error("Lock after unlock: got an error, want the lock")
		}
	})
}

// A Store asks once per key for all who wait in its process, and not at all while
// it is idle; then it has no goroutine.
func TestTraffic(t *testing.T) {
	databases(t, func(t *testing.T, d *database) {
		var asked atomic.Int32
		s := d.store(d.openWith(t, &faults{before: func(context.Context, string) error {
			asked.Add(1)
			return nil
		}}))
		unlock := lock(t, s)
		const n = 50
		var waiters sync.WaitGroup
		ctx, cancel := context.WithCancel(t.Context())
		for range n {
			waiters.Go(func() {
				if _, err := s.Lock(ctx, "k"); !errors.Is(err, context.Canceled) {
					t.Errorf("Lock: got error %v, want %v", err, context.Canceled)
				}
			})
		}
		until(t, "all wait", func() bool { return s.Users("k") == n+1 })
		if got := asked.Load(); got != 1 {
			t.Errorf("statements while %d wait: got %d, want 1, that of the holder", n, got)
		}
		cancel()
		waiters.Wait()
		unlocked(t, unlock)
		if got := asked.Load(); got != 2 {
			t.Errorf("statements after unlock: got %d, want 2", got)
		}
		if got := s.Users("k"); got != 0 {
			t.Errorf("users of an idle Store: got %d, want none", got)
		}
		until(t, "no goroutine is left", func() bool {
			var stacks bytes.Buffer
			_ = pprof.Lookup("goroutine").WriteTo(&stacks, 1)
			return !strings.Contains(stacks.String(), "sqlstore.(*")
		})
	})
}

// While another process has the lock, a waiter only reads, with pauses that grow.
func TestWaiterReads(t *testing.T) {
	databases(t, func(t *testing.T, d *database) {
		unlock := lock(t, d.new(t))
		var takes, looks atomic.Int32
		s := d.store(d.openWith(t, &faults{before: func(_ context.Context, query string) error {
			switch {
			case isLock(query, take):
				takes.Add(1)
			case isLock(query, left):
				looks.Add(1)
			}
			return nil
		}}))
		begin := time.Now()
		var waiter sync.WaitGroup
		waiter.Go(func() { unlocked(t, lock(t, s)) })
		until(t, "6 looks", func() bool { return looks.Load() >= 6 })
		// Half of 10, 15, 22, 33 and 50 ms, or more.
		if took := time.Since(begin); took < 65*time.Millisecond {
			t.Errorf("6 looks: took %v, want 65ms or more", took)
		}
		if got := takes.Load(); got != 1 {
			t.Errorf("attempts to take a lock that is held: got %d, want 1", got)
		}
		unlocked(t, unlock)
		waiter.Wait()
	})
}

// A lock that was taken although Lock failed is released, whatever the failure.
func TestTakenThoughFailed(t *testing.T) {
	databases(t, func(t *testing.T, d *database) {
		for name, fault := range map[string]func(cancel func()) error{
			"context ends":      func(cancel func()) error { cancel(); return context.Canceled },
			"connection breaks": func(func()) error { return errors.New("unexpected EOF") },
		} {
			t.Run(name, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				var once sync.Once
				s := d.store(d.openWith(t, &faults{after: func(_ context.Context, query string) (err error) {
					if isLock(query, take) {
						once.Do(func() { err = fault(cancel) })
					}
					return err
				}}))
				if _, err := s.Lock(ctx, "k"); err == nil || errors.Is(err, context.Canceled) != (ctx.Err() != nil) {
					t.Errorf("Lock: got error %v, want one, and the context's if that has ended", err)
				}
				unlocked(t, lock(t, d.new(t))) // its lease lasts an hour
				until(t, "the turn is given back", func() bool { return s.Users("k") == 0 })
				unlocked(t, lock(t, s))
			})
		}
	})
}

// A waiter ends with its context, at each statement that it may be in.
func TestContextEndsAtEachStatement(t *testing.T) {
	databases(t, func(t *testing.T, d *database) {
		holder := d.new(t)
		unlock := lock(t, holder)
		for _, statement := range []string{take, left} {
			ctx, cancel := context.WithCancel(t.Context())
			stop := make(chan struct{}) // the database hangs until then
			s := d.store(d.openWith(t, &faults{before: func(c context.Context, query string) error {
				if !isLock(query, statement) {
					return nil
				}
				cancel()
				select {
				case <-c.Done():
					return c.Err()
				case <-stop:
					return errors.New("hung")
				}
			}}))
			if _, err := s.Lock(ctx, "k"); !errors.Is(err, context.Canceled) {
				t.Errorf("Lock whose context ends in %q: got error %v, want %v", statement, err, context.Canceled)
			}
			close(stop)
			until(t, "nobody waits", func() bool { return s.Users("k") == 0 })
		}
		wantHeld(t, d.new(t))
		unlocked(t, unlock)
	})
}

// A driver that says ErrBadConn of what has been executed makes database/sql
// execute it again. That is neither a Swap that has changed nothing, nor another
// holder of the lock.
func TestExecutedTwice(t *testing.T) {
	databases(t, func(t *testing.T, d *database) {
		var bad atomic.Bool
		s := d.store(d.openWith(t, &faults{after: func(_ context.Context, query string) error {
			if bad.Swap(false) {
				return driver.ErrBadConn
			}
			return nil
		}}))
		check := func(name string, err error, wantErr bool, want string) {
			t.Helper()
			if (err != nil) != wantErr || errors.Is(err, bearer.ErrChanged) {
				t.Errorf("%s: got error %v, want one: %v, and not ErrChanged", name, err, wantErr)
			}
			if got, err := s.Get(t.Context(), "k"); string(got) != want || err != nil && !errors.Is(err, bearer.ErrNotFound) {
				t.Errorf("Get after %s: got %q and error %v, want %q", name, got, err, want)
			}
		}
		a, b := []byte("a"), []byte("b")
		bad.Store(true)
		check("Put", s.Put(t.Context(), "k", a), false, "a")
		bad.Store(true)
		check("Swap", s.Swap(t.Context(), "k", a, b), true, "b")
		bad.Store(true)
		check("Swap for nil", s.Swap(t.Context(), "k", b, nil), true, "")
		bad.Store(true)
		check("Swap of nil", s.Swap(t.Context(), "k", nil, a), true, "a")
		bad.Store(true)
		check("Delete", s.Delete(t.Context(), "k"), false, "")

		bad.Store(true)
		unlock := lock(t, s)
		wantHeld(t, d.new(t))
		bad.Store(true)
		if err := unlock(); err == nil {
			t.Error("unlock that was executed twice: got no error, want one: whether the lock was lost is not known")
		}
		unlocked(t, lock(t, d.new(t)))
	})
}

// A statement that has not been executed on a broken connection is executed on
// the next.
func TestBadConnection(t *testing.T) {
	databases(t, func(t *testing.T, d *database) {
		var bad atomic.Int32
		s := d.store(d.openWith(t, &faults{before: func(context.Context, string) error {
			if bad.Add(-1) >= 0 {
				return driver.ErrBadConn
			}
			return nil
		}}))
		bad.Store(2)
		if err := s.Swap(t.Context(), "k", nil, []byte("v")); err != nil {
			t.Errorf("Swap: got error %v, want none", err)
		}
		bad.Store(2)
		if got, err := s.Get(t.Context(), "k"); string(got) != "v" || err != nil {
			t.Errorf("Get: got %q and error %v, want %q", got, err, "v")
		}
		bad.Store(100)
		if err := s.Swap(t.Context(), "k", []byte("v"), nil); err == nil || errors.Is(err, bearer.ErrChanged) {
			t.Errorf("Swap without a connection that works: got error %v, want one that is not ErrChanged", err)
		}
	})
}

// A lease counts until its end by the database's clock, but one that ends later
// than any does is from before the clock was set back. No client's clock is
// stored.
func TestClock(t *testing.T) {
	databases(t, func(t *testing.T, d *database) {
		s := d.new(t)
		_, table := d.names()
		now := "CAST(extract(epoch FROM clock_timestamp()) * 1000 AS bigint)"
		if d.dialect == sqlstore.SQLite {
			now = "CAST((julianday('now') - 2440587.5) * 86400000 AS integer)"
		}
		set := func(expires string) {
			if _, err := s.DB.Exec("DELETE FROM " + table); err != nil {
				t.Fatal(err)
			}
			key := `'\x6b'`
			if d.dialect == sqlstore.SQLite {
				key = "x'6b'"
			}
			if _, err := s.DB.Exec("INSERT INTO " + table + " (key, owner, expires, lasts) VALUES (" + key + ", 'another', " + now + expires + ", 60000)"); err != nil {
				t.Fatal(err)
			}
		}
		for _, expires := range []string{" + 1000", " + 59000", " + 119000"} {
			set(expires)
			wantHeld(t, s)
		}
		for _, expires := range []string{" - 1", " - 3600000", " + 121000", " + 86400000"} {
			set(expires)
			unlocked(t, lock(t, s))
		}
		unlock := lock(t, s)
		var remains, lasts int64
		if err := s.DB.QueryRow("SELECT expires - "+now+", lasts FROM "+table).Scan(&remains, &lasts); err != nil {
			t.Fatal(err)
		}
		hour := time.Hour.Milliseconds()
		if lasts != hour || remains > hour || remains < hour-30_000 {
			t.Errorf("the lease in the table: got %d of %d ms, want about %d", remains, lasts, hour)
		}
		unlocked(t, unlock)
		var rows int
		if err := s.DB.QueryRow("SELECT count(*) FROM " + table).Scan(&rows); err != nil || rows != 0 {
			t.Errorf("leases after unlock: got %d and error %v, want none", rows, err)
		}
	})
}

// While a lock is held, and while it is waited for, no connection is.
func TestNoConnectionHeld(t *testing.T) {
	databases(t, func(t *testing.T, d *database) {
		holder, waiter := d.new(t), d.new(t)
		holder.DB.SetMaxOpenConns(1)
		waiter.DB.SetMaxOpenConns(1)
		unlock := lock(t, holder)
		var waiting sync.WaitGroup
		ctx, cancel := context.WithCancel(t.Context())
		waiting.Go(func() { _, _ = waiter.Lock(ctx, "k") })
		until(t, "it waits", func() bool { return waiter.Users("k") == 1 })
		for _, s := range []*sqlstore.Store{holder, waiter} {
			for range 20 {
				if err := s.Put(t.Context(), "k", []byte("v")); err != nil {
					t.Errorf("Put: got error %v, want none", err)
				}
			}
			until(t, "no connection is in use", func() bool { return s.DB.Stats().InUse == 0 })
		}
		cancel()
		waiting.Wait()
		unlocked(t, unlock)
	})
}
