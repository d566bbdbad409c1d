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
	"example.com/bearer/stores/storetest"
)

// needPostgres skips what needs a server.
func needPostgres(t *testing.T) {
	if postgresURL() == "" {
		t.Skip("BEARER_POSTGRES is not set") // TestPostgresIsThere says more
	}
}

// at returns the same tables, by way of another address.
func (d *database) at(t *testing.T, addr string) *database {
	u, err := url.Parse(d.dsn)
	if err != nil {
		t.Fatal(err)
	}
	u.Host = addr
	return &database{dialect: d.dialect, dsn: u.String(), table: d.table}
}

// postgresAddr is the address of the server.
func postgresAddr(t *testing.T) string {
	u, err := url.Parse(postgresURL())
	if err != nil {
		t.Fatal(err)
	}
	return u.Host
}

// Whatever cuts off the server, wherever in a call.
func TestServer(t *testing.T) {
	needPostgres(t)
	storetest.RunServer(t, postgresAddr(t), func(t *testing.T) func(t *testing.T, addr string) bearer.Store {
		d := postgresDatabase(t)
		return func(t *testing.T, addr string) bearer.Store {
			s := d.at(t, addr).new(t)
			s.LeaseDuration = time.Second
			return s
		}
	})
}

// A change that a caller has given up does not come about after the next one of
// that Store, although the server gets it late.
func TestLateChange(t *testing.T) {
	needPostgres(t)
	link, err := tcpcut.To(postgresAddr(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = link.Close() })
	d := postgresDatabase(t)
	s := d.at(t, link.Addr()).new(t)
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
