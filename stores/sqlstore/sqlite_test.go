package sqlstore_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"example.com/bearer"
	"example.com/bearer/stores/sqlstore"
)

// Names of the environment that make this program another process of a test.
const (
	envDSN  = "SQLSTORE_DSN"
	envTask = "SQLSTORE_TASK"
)

func TestMain(m *testing.M) {
	if task := os.Getenv(envTask); task != "" {
		if err := tasks[task](&database{dialect: sqlstore.SQLite, dsn: os.Getenv(envDSN)}); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// increments is how often each process counts, in each way.
const increments = 25

// tasks are what other processes do.
var tasks = map[string]func(d *database) error{
	"count": func(d *database) error {
		db, err := d.connect(nil)
		if err != nil {
			return err
		}
		defer db.Close()
		s := d.store(db)
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		for range increments {
			if err := errors.Join(countLocked(ctx, s), countSwapped(ctx, s)); err != nil {
				return err
			}
		}
		return nil
	},
	"hold": func(d *database) error { // until it is killed
		db, err := d.connect(nil)
		if err != nil {
			return err
		}
		s := d.store(db)
		s.LeaseDuration = time.Second
		if _, err := s.Lock(context.Background(), "k"); err != nil {
			return err
		}
		fmt.Println("held")
		select {}
	},
}

// countLocked adds one to the number under "locked", with a lock.
func countLocked(ctx context.Context, s *sqlstore.Store) error {
	unlock, err := s.Lock(ctx, "k")
	if err != nil {
		return err
	}
	data, err := s.Get(ctx, "locked")
	if err != nil {
		return err
	}
	n, err := strconv.Atoi(string(data))
	if err != nil {
		return err
	}
	if err := s.Put(ctx, "locked", []byte(strconv.Itoa(n+1))); err != nil {
		return err
	}
	return unlock()
}

// countSwapped adds one to the number under "swapped", without.
func countSwapped(ctx context.Context, s *sqlstore.Store) error {
	for {
		data, err := s.Get(ctx, "swapped")
		if err != nil {
			return err
		}
		n, err := strconv.Atoi(string(data))
		if err != nil {
			return err
		}
		if err := s.Swap(ctx, "swapped", data, []byte(strconv.Itoa(n+1))); !errors.Is(err, bearer.ErrChanged) {
			return err
		}
	}
}

// start starts another process that does a task with d.
func start(t *testing.T, d *database, task string) *exec.Cmd {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), envDSN+"="+d.dsn, envTask+"="+task)
	cmd.Stderr = os.Stderr
	return cmd
}

// Processes that share a file exclude each other by locks, and by swaps.
func TestProcesses(t *testing.T) {
	d := sqliteDatabase(t, sqliteOptions)
	s := d.new(t)
	for _, key := range []string{"locked", "swapped"} {
		if err := s.Put(t.Context(), key, []byte("0")); err != nil {
			t.Fatal(err)
		}
	}
	const n = 4
	var processes sync.WaitGroup
	for range n {
		processes.Go(func() {
			if err := start(t, d, "count").Run(); err != nil {
				t.Errorf("a process: %v", err)
			}
		})
	}
	processes.Wait()
	for _, key := range []string{"locked", "swapped"} {
		if got, err := s.Get(t.Context(), key); string(got) != strconv.Itoa(n*increments) || err != nil {
			t.Errorf("%s: got %q and error %v, want %d", key, got, err, n*increments)
		}
	}
}

// The lock of a process that is killed ends with its lease.
func TestKilled(t *testing.T) {
	d := sqliteDatabase(t, sqliteOptions)
	s := d.new(t)
	s.LeaseDuration = time.Second
	holder := start(t, d, "hold")
	out, err := holder.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := holder.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := out.Read(make([]byte, 5)); err != nil { // "held"
		t.Fatal(err)
	}
	wantHeld(t, s)
	if err := holder.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = holder.Wait() // it was killed
	begin := time.Now()
	unlocked(t, lock(t, s))
	if took := time.Since(begin); took > 10*time.Second {
		t.Errorf("Lock after the holder was killed: took %v, want the lease of 1s at most", took)
	}
}

// A file that another one writes to is waited for, until the context ends.
func TestBusy(t *testing.T) {
	d := sqliteDatabase(t, "?_pragma=journal_mode(WAL)") // without a busy_timeout
	s := d.new(t)
	if err := s.Put(t.Context(), "k", []byte("old")); err != nil {
		t.Fatal(err)
	}
	writer, err := d.open(t).Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer writer.Close()
	if _, err := writer.ExecContext(t.Context(), "BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	for name, err := range map[string]error{
		"Put":    s.Put(ctx, "k", []byte("new")),
		"Swap":   s.Swap(ctx, "k", []byte("old"), []byte("new")),
		"Delete": s.Delete(ctx, "k"),
	} {
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s while the file is busy: got error %v, want %v", name, err, context.DeadlineExceeded)
		}
	}
	if _, err := s.Lock(ctx, "k"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Lock while the file is busy: got error %v, want %v", err, context.DeadlineExceeded)
	}
	if got, err := s.Get(t.Context(), "k"); string(got) != "old" || err != nil {
		t.Errorf("Get while the file is busy: got %q and error %v, want %q", got, err, "old")
	}

	var busy sync.WaitGroup
	var asked atomic.Int32
	waiting := d.store(d.openWith(t, &faults{before: func(context.Context, string) error {
		asked.Add(1)
		return nil
	}}))
	busy.Go(func() {
		if err := waiting.Put(t.Context(), "k", []byte("new")); err != nil {
			t.Errorf("Put: got error %v, want that it waits", err)
		}
	})
	until(t, "it tries again", func() bool { return asked.Load() > 1 })
	if _, err := writer.ExecContext(t.Context(), "COMMIT"); err != nil {
		t.Fatal(err)
	}
	busy.Wait()
	if got, err := s.Get(t.Context(), "k"); string(got) != "new" || err != nil {
		t.Errorf("Get: got %q and error %v, want %q", got, err, "new")
	}
}
