package sqlstore_test

import (
	"context"
	"errors"
	"net/url"
	"sync"
	"testing"
	"time"

	"example.com/bearer"
	"example.com/bearer/internal/tcpcut"
	"example.com/bearer/stores/sqlstore"
)

// linked returns a database of PostgreSQL, and a Store that reaches it by a link
// that can be cut.
func linked(t *testing.T) (*database, *sqlstore.Store, *tcpcut.Link) {
	d := postgresDatabase(t)
	u, err := url.Parse(d.dsn)
	if err != nil {
		t.Fatal(err)
	}
	link, err := tcpcut.To(u.Host)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := link.Close(); err != nil {
			t.Error(err)
		}
	})
	u.Host = link.Addr()
	s := (&database{dialect: d.dialect, dsn: u.String(), table: d.table}).new(t)
	return d, s, link
}

// needPostgres skips what needs a server.
func needPostgres(t *testing.T) {
	if postgresURL() == "" {
		t.Skip("BEARER_POSTGRES is not set") // TestPostgresIsThere says more
	}
}

// The faults of a link.
var cuts = map[string]tcpcut.Fault{"refuse": tcpcut.Refuse, "swallow": tcpcut.Swallow, "hold": tcpcut.Hold}

// Wherever a server is cut off, each call ends with its context or before. What
// it says is true, none says ErrNotFound or ErrChanged for a failure, and when the
// server is back, everything works.
func TestCutOff(t *testing.T) {
	needPostgres(t)
	for name, fault := range cuts {
		t.Run(name, func(t *testing.T) {
			d, s, link := linked(t)
			s.LeaseDuration = time.Second
			direct := d.new(t)
			v, w := []byte("the value"), []byte("another")
			for op, call := range map[string]func(ctx context.Context) error{
				"Get": func(ctx context.Context) error {
					got, err := s.Get(ctx, "k")
					if err == nil && string(got) != string(v) {
						t.Errorf("Get: got %q, want %q", got, v)
					}
					return err
				},
				"Put":          func(ctx context.Context) error { return s.Put(ctx, "k", w) },
				"Delete":       func(ctx context.Context) error { return s.Delete(ctx, "k") },
				"Swap":         func(ctx context.Context) error { return s.Swap(ctx, "k", v, w) },
				"Swap for nil": func(ctx context.Context) error { return s.Swap(ctx, "k", v, nil) },
				"Lock": func(ctx context.Context) error {
					unlock, err := s.Lock(ctx, "k")
					if err == nil {
						_ = unlock() // or the lease ends
					}
					return err
				},
			} {
				// Before the first piece, after the request, and so on. With more
				// pieces than a call has, it is not cut.
				for pieces := range 5 {
					if err := direct.Put(t.Context(), "k", v); err != nil {
						t.Fatal(err)
					}
					if err := s.DB.Ping(); err != nil { // a connection is there, as usual
						t.Fatal(err)
					}
					link.CutAfter(pieces, fault)
					ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
					begin := time.Now()
					err := call(ctx)
					if took := time.Since(begin); op != "Lock" && took > 2*time.Second { // unlock has 5 s of its own
						t.Errorf("%s cut off after %d pieces: took %v, want about 200ms at most", op, pieces, took)
					}
					cancel()
					if errors.Is(err, bearer.ErrNotFound) || errors.Is(err, bearer.ErrChanged) || errors.Is(err, errors.ErrUnsupported) {
						t.Errorf("%s cut off after %d pieces: got error %v, want one that says no such thing", op, pieces, err)
					}
					link.Mend()
					got, getErr := direct.Get(t.Context(), "k")
					if absent := errors.Is(getErr, bearer.ErrNotFound); getErr != nil && !absent {
						t.Fatal(getErr)
					} else if now := string(got); err == nil {
						switch {
						case op == "Delete" || op == "Swap for nil":
							if !absent {
								t.Errorf("%s without error: got value %q, want none", op, got)
							}
						case op == "Put" || op == "Swap":
							if now != string(w) {
								t.Errorf("%s without error: got value %q, want %q", op, got, w)
							}
						}
					}
					until(t, "the server is reached again", func() bool { return s.DB.PingContext(t.Context()) == nil })
					if err := s.Put(t.Context(), "other", v); err != nil {
						t.Errorf("Put when the server is back: got error %v, want none", err)
					}
				}
			}
			s2, err := direct.Get(t.Context(), "other")
			if err != nil || string(s2) != string(v) {
				t.Errorf("Get: got %q and error %v, want %q", s2, err, v)
			}
		})
	}
}

// A change that a caller has given up does not come about after the next one of
// that Store, although the server gets it late.
func TestLateChange(t *testing.T) {
	needPostgres(t)
	d, s, link := linked(t)
	if err := s.Put(t.Context(), "k", []byte("first")); err != nil {
		t.Fatal(err)
	}
	link.Cut(tcpcut.Hold)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := s.Put(ctx, "k", []byte("late")); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("Put: got error %v, want %v", err, context.DeadlineExceeded)
	}
	var next sync.WaitGroup
	next.Go(func() {
		if err := s.Put(t.Context(), "k", []byte("next")); err != nil {
			t.Errorf("Put: got error %v, want none", err)
		}
	})
	link.Mend()
	next.Wait()
	if got, err := d.new(t).Get(t.Context(), "k"); string(got) != "next" || err != nil {
		t.Errorf("Get: got %q and error %v, want %q", got, err, "next")
	}
}

// The lock of a holder that is cut off for less than its lease stays its own. One
// that is cut off when it unlocks says so, and its lock ends with the lease.
func TestHolderCutOff(t *testing.T) {
	needPostgres(t)
	for name, fault := range cuts {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // waits most of the time
			d, s, link := linked(t)
			other := d.new(t)
			s.LeaseDuration, other.LeaseDuration = 1500*time.Millisecond, 1500*time.Millisecond
			unlock := lock(t, s)
			link.Cut(fault)
			time.Sleep(750 * time.Millisecond) // a renewal fails, or hangs
			link.Mend()
			wantHeld(t, other)
			until(t, "a renewal", func() bool {
				var left int64
				_, table := d.names()
				if err := other.DB.QueryRow("SELECT expires - CAST(extract(epoch FROM clock_timestamp()) * 1000 AS bigint) FROM " + table).Scan(&left); err != nil {
					t.Fatal(err)
				}
				return left > 1000
			})
			link.Cut(fault)
			if err := unlock(); err == nil {
				t.Error("unlock: got no error, want one, since the server is cut off")
			}
			unlocked(t, lock(t, other))
			link.Mend()
			unlocked(t, lock(t, s))
		})
	}
}

// A server that ends all its sessions, as it does when it restarts, costs
// a call at most, and no lock.
func TestServerRestarts(t *testing.T) {
	needPostgres(t)
	d := postgresDatabase(t, "application_name", "restarted")
	s, direct := d.new(t), postgresDatabase(t).open(t)
	if err := s.Put(t.Context(), "k", []byte("v")); err != nil {
		t.Fatal(err)
	}
	unlock := lock(t, s)
	restart := func() {
		if _, err := direct.Exec("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'restarted'"); err != nil {
			t.Fatal(err)
		}
	}
	restart()
	until(t, "Get works again", func() bool {
		got, err := s.Get(t.Context(), "k")
		if errors.Is(err, bearer.ErrNotFound) || err == nil && string(got) != "v" {
			t.Fatalf("Get: got %q and error %v, want %q, or another error", got, err, "v")
		}
		return err == nil
	})
	wantHeld(t, d.new(t))
	unlocked(t, unlock)
}
