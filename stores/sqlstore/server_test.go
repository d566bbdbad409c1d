package sqlstore_test

import (
	"context"
	"errors"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	"example.com/bearer"
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

// A change that its caller has given up is under way all the same. Other calls for
// that key wait until it has ended, so that it does not come about after theirs.
func TestLateChange(t *testing.T) {
	needPostgres(t)
	d := postgresDatabase(t)
	arrive := make(chan struct{}) // the server gets the first statement then
	var first atomic.Bool
	s := d.store(d.openWith(t, &faults{before: func(context.Context, string) error {
		if first.Swap(false) {
			<-arrive
		}
		return nil
	}}))
	soon := func() context.Context {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		t.Cleanup(cancel)
		return ctx
	}
	first.Store(true)
	if err := s.Put(soon(), "k", []byte("late")); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("Put: got error %v, want %v", err, context.DeadlineExceeded)
	}
	if _, err := s.Get(soon(), "k"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Get before the change has come about: got error %v, want %v", err, context.DeadlineExceeded)
	}
	if err := s.Swap(soon(), "k", nil, []byte("next")); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Swap before the change has come about: got error %v, want %v", err, context.DeadlineExceeded)
	}
	if err := s.Put(t.Context(), "other", []byte("v")); err != nil {
		t.Errorf("Put of another key: got error %v, want none", err)
	}
	close(arrive)
	if err := s.Swap(t.Context(), "k", []byte("late"), []byte("next")); err != nil {
		t.Errorf("Swap afterwards: got error %v, want none", err)
	}
	if got, err := s.Get(t.Context(), "k"); string(got) != "next" || err != nil {
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
