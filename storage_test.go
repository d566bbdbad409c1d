package bearer

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// newStorage returns a storage over s, and what it reported to have failed.
func newStorage(s Store) (*storage, func() []string) {
	var mu sync.Mutex // guards failed
	var failed []string
	return &storage{
			store: s, key: "k", writing: make(chan struct{}, 1),
			failed: func(_ context.Context, op string, err error) {
				mu.Lock()
				defer mu.Unlock()
				failed = append(failed, op+": "+err.Error())
			},
		}, func() []string {
			mu.Lock()
			defer mu.Unlock()
			return slices.Clone(failed)
		}
}

// put stores a token with access through a new session of s: over whatever is
// there if replace is set, else over what s saw there last.
func put(t *testing.T, s *storage, access string, replace bool) error {
	t.Helper()
	x, err := s.open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer x.close()
	if err := x.begin(t.Context()); err != nil {
		return err
	}
	version := anyVersion
	if !replace {
		version = s.version()
	}
	return x.put(t.Context(), &Token{AccessToken: access}, notes{}, version, func(error) {})
}

// found returns what a look at the Store found.
func found(t *testing.T, s *storage) (f find, err error) {
	err = s.load(t.Context(), func(found find) { f = found })
	return f, err
}

// load returns the access token in the Store, and what the look found.
func load(t *testing.T, s *storage) (string, find) {
	t.Helper()
	f, err := found(t, s)
	if err != nil {
		t.Fatal(err)
	}
	if f.token == nil {
		return "", f
	}
	return f.token.AccessToken, f
}

// G19, G23: what a look at the Store finds is judged by what this storage saw
// there last, or wrote.
func TestStorageTellsNews(t *testing.T) {
	mine, _ := newStorage(new(MemoryStore))
	theirs, _ := newStorage(mine.store)
	check := func(when, access string, news, first, gone bool) {
		t.Helper()
		got, f := load(t, mine)
		if got != access || f.news != news || f.first != first || f.gone != gone {
			t.Errorf("%s: got %q, news %v, first %v, gone %v; want %q, %v, %v, %v", when, got, f.news, f.first, f.gone, access, news, first, gone)
		}
	}
	check("an empty Store", "", true, true, false)
	check("still empty", "", false, false, false)
	_ = put(t, mine, "mine", true)
	check("what it wrote itself", "mine", false, false, false)
	_ = put(t, theirs, "theirs", true)
	check("what another process wrote", "theirs", true, false, false)
	check("once more", "theirs", false, false, false)
	if err := put(t, theirs, "later", true); err != nil {
		t.Fatal(err)
	}
	if err := put(t, mine, "overtaken", false); err != errChanged {
		t.Errorf("a put over what it did not see: got %v, want errChanged", err)
	}
	check("after that", "later", true, false, false)
	if err := put(t, mine, "successor", false); err != nil {
		t.Errorf("a put over what it saw: got %v, want nil", err)
	}
	_ = theirs.store.Delete(t.Context(), "k")
	check("deleted by another process", "", true, false, true)
	check("still deleted", "", false, false, false)
	if err := put(t, mine, "again", false); err != nil {
		t.Errorf("a put into the emptied Store: got %v, want nil", err)
	}
	x, _ := mine.open(t.Context())
	if err := x.begin(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := x.delete(t.Context()); err != nil {
		t.Fatal(err)
	}
	x.close()
	check("deleted by itself", "", false, false, false)
}

// G23: a write of this storage that failed explains what the Store holds only
// until another write has come about there. A logout after that is one.
func TestFailedWriteDoesNotExplainALaterLogout(t *testing.T) {
	for _, row := range []struct {
		name  string
		login func(mine, theirs *storage, store *scripted)
		want  string
		news  bool
	}{
		{"another process logs in", func(_, theirs *storage, _ *scripted) { _ = put(t, theirs, "theirs", true) }, "theirs", true},
		{"our own login fails, but is stored", func(mine, _ *storage, store *scripted) {
			store.late = errTest
			_ = put(t, mine, "mine", true)
		}, "mine", false},
	} {
		store := new(scripted)
		mine, _ := newStorage(store)
		theirs, _ := newStorage(&store.MemoryStore)
		store.delete = func() error { return errTest }
		x, _ := mine.open(t.Context())
		_ = x.begin(t.Context())
		if err := x.delete(t.Context()); err != errTest {
			t.Fatalf("delete: got %v, want the Store's error", err)
		}
		x.close()
		row.login(mine, theirs, store)
		if got, f := load(t, mine); got != row.want || f.news != row.news {
			t.Errorf("%s: got %q, news %v, want %s, %v", row.name, got, f.news, row.want, row.news)
		}
		_ = store.MemoryStore.Delete(t.Context(), "k")
		if _, f := load(t, mine); !f.gone {
			t.Errorf("%s: after a logout elsewhere, got a Store that is not known to have been emptied", row.name)
		}
	}
}

// G19, G23: a Put that failed but was stored is found out by the next attempt,
// which does not write again: a logout after that is one.
func TestPutThatIsThereAlready(t *testing.T) {
	store := &scripted{late: errTest}
	s, _ := newStorage(store)
	if err := put(t, s, "mine", true); err != errTest {
		t.Fatalf("got %v, want the Store's error", err)
	}
	store.put = func() error { t.Error("it was stored again"); return nil }
	if err := put(t, s, "mine", false); err != nil {
		t.Errorf("got %v, want nil", err)
	}
	_ = store.MemoryStore.Delete(t.Context(), "k")
	if _, f := load(t, s); !f.gone {
		t.Error("after a logout elsewhere, got a Store that is not known to have been emptied")
	}
}

// G19: what a look at the Store finds is noted before anything else can be
// seen or stored there.
func TestLoadNotesInOneStep(t *testing.T) {
	s, _ := newStorage(new(MemoryStore))
	noted := false
	err := s.load(t.Context(), func(find) {
		noted = true
		if s.mu.TryLock() {
			s.mu.Unlock()
			t.Error("another load or put can go on while this one is noted")
		}
	})
	if err != nil || !noted {
		t.Errorf("got %v, noted: %v", err, noted)
	}
}

// G19: a put whose look at the Store is slow does not replace what another look
// has found meanwhile: that may be the current token by now.
func TestSlowPutDoesNotReplaceNews(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := new(scripted)
		mine, _ := newStorage(store)
		theirs, _ := newStorage(struct{ Store }{&store.MemoryStore}) // does not lock
		_ = put(t, mine, "mine", true)
		x, err := mine.open(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := x.begin(t.Context()); err != nil {
			t.Fatal(err)
		}
		version := mine.version()
		_ = put(t, theirs, "theirs", true)
		var gets atomic.Int32
		store.get = func() error {
			if gets.Add(1) == 1 {
				time.Sleep(2 * saveWait)
			}
			return nil
		}
		late := make(chan error, 1)
		if err := x.put(t.Context(), &Token{AccessToken: "successor"}, notes{}, version, func(err error) { late <- err }); err != errPending {
			t.Fatalf("got %v, want errPending", err)
		}
		if got, f := load(t, mine); got != "theirs" || !f.news {
			t.Fatalf("got %q, news %v; want theirs as news", got, f.news)
		}
		x.close()
		if err := <-late; err != errChanged {
			t.Errorf("got the late outcome %v, want errChanged", err)
		}
		if got, _ := load(t, mine); got != "theirs" {
			t.Errorf("got %q in the Store, want theirs", got)
		}
	})
}

// A storage that has not read the Store yet takes what is there for what its
// token replaces.
func TestStoragePutBeforeAnyLook(t *testing.T) {
	theirs, _ := newStorage(new(MemoryStore))
	_ = put(t, theirs, "old", true)
	mine, _ := newStorage(theirs.store)
	if err := put(t, mine, "new", false); err != nil {
		t.Errorf("got %v, want nil", err)
	}
	if got, _ := load(t, theirs); got != "new" {
		t.Errorf("got %q in the Store, want new", got)
	}
}

// A nil storage is no Store: everything works, and nothing is held.
func TestNoStorage(t *testing.T) {
	var s *storage
	s.look(t.Context())
	x, err := s.open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{x.begin(t.Context()), x.put(t.Context(), &Token{AccessToken: "a"}, notes{}, anyVersion, nil), x.delete(t.Context())} {
		if err != nil {
			t.Errorf("got %v, want nil", err)
		}
	}
	x.end()
	x.close()
	if f, err := found(t, s); err != nil || f != (find{}) || s.lockable() {
		t.Errorf("got %+v and %v, want nothing", f, err)
	}
}

// scripted is a Locker whose operations are functions.
type scripted struct {
	MemoryStore
	lock   func(ctx context.Context) (func() error, error)
	get    func() error
	put    func() error
	late   error // of a Put that stores
	delete func() error
}

func (s *scripted) Lock(ctx context.Context, key string) (func() error, error) {
	if s.lock != nil {
		return s.lock(ctx)
	}
	return s.MemoryStore.Lock(ctx, key)
}

func (s *scripted) Get(ctx context.Context, key string) ([]byte, error) {
	if s.get != nil {
		if err := s.get(); err != nil {
			return nil, err
		}
	}
	return s.MemoryStore.Get(ctx, key)
}

func (s *scripted) Put(ctx context.Context, key string, data []byte) error {
	if s.put != nil {
		if err := s.put(); err != nil {
			return err
		}
	}
	if err := s.MemoryStore.Put(ctx, key, data); err != nil {
		return err
	}
	return s.late
}

// Swap hides MemoryStore's, which would go past Put.
func (*scripted) Swap(context.Context, string, []byte, []byte) error { return errors.ErrUnsupported }

func (s *scripted) Delete(ctx context.Context, key string) error {
	if s.delete != nil {
		if err := s.delete(); err != nil {
			return err
		}
	}
	return s.MemoryStore.Delete(ctx, key)
}

// G20: a wrapper round a Store that cannot be locked says errors.ErrUnsupported
// itself, and is used without a lock. An error that only matches it, as ENOTSUP
// of a file system does, is a failure.
func TestStorageThatCannotBeLocked(t *testing.T) {
	for _, row := range []struct {
		err    error
		fails  bool
		shared bool
	}{
		{errors.ErrUnsupported, false, false},
		{&wrapped{"ENOTSUP", errors.ErrUnsupported}, true, true},
		{errTest, true, true},
	} {
		s, failed := newStorage(&scripted{lock: func(context.Context) (func() error, error) { return nil, row.err }})
		x, err := s.open(t.Context())
		if (err != nil) != row.fails || x.shared != row.shared {
			t.Errorf("%v: got %v, shared %v; want a failure: %v, shared: %v", row.err, err, x.shared, row.fails, row.shared)
		}
		x.close()
		if got := len(failed()); (got == 1) != row.fails {
			t.Errorf("%v: got %q reported, want it: %v", row.err, failed(), row.fails)
		}
	}
}

// G13: an unlock that panics is reported, also when a goroutine does it after
// a Put that hung.
func TestUnlockThatPanics(t *testing.T) {
	for _, hangs := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			store := &scripted{lock: func(context.Context) (func() error, error) { return func() error { panic("boom") }, nil }}
			if hangs {
				store.put = func() error { time.Sleep(time.Minute); return nil }
			}
			s, failed := newStorage(store)
			if err := put(t, s, "a", true); (err == errPending) != hangs {
				t.Errorf("got %v, want errPending: %v", err, hangs)
			}
			time.Sleep(time.Hour)
			if got := failed(); len(got) == 0 || !strings.Contains(got[len(got)-1], "unlock: ") || !strings.Contains(got[len(got)-1], "panicked: boom") {
				t.Errorf("got %q reported, want the panic", got)
			}
		})
	}
}

// G19: a write that hangs keeps the lock and the right to write until it
// returns, and its outcome is heard late; the session itself goes on.
func TestHangingWriteKeepsTheLock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hang := make(chan struct{})
		var puts atomic.Int32
		store := new(scripted)
		store.put = func() error {
			if puts.Add(1) > 1 {
				return nil
			}
			<-hang
			return errTest
		}
		s, failed := newStorage(store)
		x, err := s.open(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := x.begin(t.Context()); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		heard := make(chan error, 1)
		if err := x.put(t.Context(), &Token{AccessToken: "a"}, notes{}, anyVersion, func(err error) { heard <- err }); err != errPending || time.Since(start) != saveWait {
			t.Errorf("got %v after %v, want errPending after %v", err, time.Since(start), saveWait)
		}
		if err := x.begin(t.Context()); err != errPending {
			t.Errorf("another write of the session: got %v, want errPending", err)
		}
		x.end()
		x.close()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, err := s.open(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("another session: got %v, want no lock", err)
		}
		if len(heard) != 0 {
			t.Error("the outcome was heard before there was one")
		}
		close(hang)
		if err := <-heard; err != errTest {
			t.Errorf("got the late outcome %v, want the Store's error", err)
		}
		store.put = nil
		if err := put(t, s, "b", true); err != nil {
			t.Errorf("afterwards: got %v, want nil", err)
		}
		if got := failed(); !slices.Contains(got, "put: test") {
			t.Errorf("got %q reported, want the Put's failure", got)
		}
	})
}

// G19: a second write of one session waits for the first, not for the end of
// the session.
func TestSecondWriteOfASession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var puts atomic.Int32
		store := new(scripted)
		store.put = func() error {
			if puts.Add(1) == 1 {
				time.Sleep(3 * time.Second)
			}
			return nil
		}
		s, _ := newStorage(store)
		x, err := s.open(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer x.close()
		heard := false
		if err := x.begin(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := x.put(t.Context(), &Token{AccessToken: "a"}, notes{}, anyVersion, func(error) { heard = true }); err != errPending {
			t.Fatalf("got %v, want errPending", err)
		}
		if err := x.begin(t.Context()); err != nil || !heard {
			t.Fatalf("got %v, the first outcome heard: %v; want the right to write after it", err, heard)
		}
		store.put = nil
		if err := x.put(t.Context(), &Token{AccessToken: "b"}, notes{}, s.version(), func(error) {}); err != nil {
			t.Errorf("got %v, want nil", err)
		}
		if got, _ := load(t, s); got != "b" {
			t.Errorf("got %q in the Store, want b", got)
		}
	})
}

// A Get that was overtaken by a write of this storage says nothing.
func TestOvertakenGet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := new(scripted)
		s, _ := newStorage(store)
		_ = put(t, s, "old", true)
		done := make(chan find)
		var gets atomic.Int32
		store.get = func() error {
			if gets.Add(1) == 1 {
				time.Sleep(time.Second)
			}
			return nil
		}
		go func() {
			f, _ := found(t, s)
			done <- f
		}()
		synctest.Wait()
		_ = put(t, s, "new", true)
		if f := <-done; f != (find{}) {
			t.Errorf("got %+v, want nothing", f)
		}
	})
}

// Without a key nothing is read or written.
func TestStorageWithoutAKey(t *testing.T) {
	s, _ := newStorage(new(MemoryStore))
	s.key = ""
	if _, err := found(t, s); err != errKey {
		t.Errorf("load: got %v, want errKey", err)
	}
	x, err := s.open(t.Context())
	if err != errKey {
		t.Errorf("open: got %v, want errKey", err)
	}
	x.close()
}
