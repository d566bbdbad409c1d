package bearer

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"example.com/bearer/internal/mistake"
)

const (
	// saveWait is how long a token that is there waits for the Store.
	saveWait = 2 * time.Second

	// saveTimeout limits a Put or Delete. It is longer than saveWait, and not
	// part of the refresh's own limit: to lose the token would lose a rotated
	// refresh token.
	saveTimeout = 10 * time.Second
)

// A storage is a credential's place in a Store: it locks, loads, saves and
// deletes. It remembers what it saw there last, because the age of a record
// cannot be told from the record: what is new is what the Store did not hold
// before. A nil storage stands for no Store: it holds nothing, and everything
// works.
type storage struct {
	store  Store
	key    string
	bound  binding
	extras []string
	failed func(ctx context.Context, op string, err error) // reports a failure of the Store

	// writing is held, by an element in it, from before a token is put into
	// the Store until it is the current one, or until a Put that hangs has
	// returned: the Store and the Cache do not come to differ, and an older Put
	// cannot land over a newer one. It is taken after the Store's lock.
	writing chan struct{}

	mu    sync.Mutex // guards what follows
	seen  sighting
	tried []sighting // by writes that failed since seen was, in their order: each may have come about all the same

	// Reads and writes are numbered in the order in which they begin and end,
	// respectively. latest is the number of the one that seen is from: a Get
	// that it overtook is void.
	number  int
	latest  int
	putting bool // a write is under way; what a Get reads meanwhile is void
	changes int  // by other processes, as far as they were seen
}

// mostTried bounds storage.tried. Beyond it the oldest attempt is forgotten.
const mostTried = 8

// A sighting is what the Store held when it was last read or written.
type sighting struct {
	known bool // it was read or written
	held  bool // it held a record
	sum   [sha256.Size]byte
}

func sightingOf(data []byte) sighting {
	return sighting{known: true, held: true, sum: sha256.Sum256(data)}
}

var absent = sighting{known: true}

// errKey says that a Store is of no use without a name.
var errKey = mistake.New("Cache.Key is empty: a Store needs a name for the credential")

// mistake is what makes the Store unusable, if anything does. A nil storage is
// usable.
func (s *storage) mistake() error {
	switch {
	case s == nil:
		return nil
	case isNil(s.store):
		return mistake.Errorf("Cache.Store is a nil %T: set it, or leave it out", s.store)
	case s.key == "":
		return errKey
	}
	return nil
}

// get is Store.Get. Like lock, it runs in the goroutine of those who call Set,
// Delete and Flush, too: a Store that panics is one that fails.
func (s *storage) get(ctx context.Context) (data []byte, err error) {
	defer recoverTo(&err)
	return s.store.Get(ctx, s.key)
}

// lock is Locker.Lock.
func (s *storage) lock(ctx context.Context, l Locker) (unlock func() error, err error) {
	defer recoverTo(&err)
	return l.Lock(ctx, s.key)
}

// calling is f, but a panic in it is an error.
func calling(f func() error) (err error) {
	defer recoverTo(&err)
	return f()
}

// errPending says that a Put is still under way.
var errPending = fmt.Errorf("the Store has not answered within %v", saveWait)

// lockable reports whether several processes may use the Store.
func (s *storage) lockable() bool {
	if s == nil {
		return false
	}
	_, ok := s.store.(Locker)
	return ok
}

// A find is what a look at the Store brought.
type find struct {
	token *Token // nil if there is none
	news  bool   // the Store did not hold this when it was last seen
	first bool   // it was not seen before
	gone  bool   // it held a record before, and holds none now
}

// load reads the Store, and calls note with what it found. That is one step to
// other loads and to puts: note is called with mu held.
func (s *storage) load(ctx context.Context, note func(find)) error {
	if s == nil {
		return nil
	}
	if err := s.mistake(); err != nil {
		return err
	}
	s.mu.Lock()
	s.number++
	number := s.number
	s.mu.Unlock()
	data, err := s.get(ctx)
	now := absent
	var t *Token
	switch {
	case errors.Is(err, ErrNotFound):
		err = nil
	case err == nil:
		now = sightingOf(data)
		t, err = decode(data, s.bound)
	}
	if err != nil {
		s.failed(ctx, "get", err)
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if number < s.latest || s.putting {
		return nil // what was read may be older than what is known, or than what is being written
	}
	s.latest = number
	before, news := s.seen, s.news(now)
	s.seen = now
	if news {
		s.changes++
		s.tried = nil // it was overwritten, and explains nothing that comes after
	} else if i := slices.Index(s.tried, now); i >= 0 {
		s.tried = s.tried[i+1:] // likewise
	}
	note(find{token: t, news: news, first: !before.known, gone: news && before.held && !now.held})
	return nil
}

// version returns how many changes by other processes were seen.
func (s *storage) version() int {
	if s == nil {
		return 0
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.changes
}

// news reports whether another process must have brought about what the Store
// holds now. The caller holds mu.
func (s *storage) news(now sighting) bool { return now != s.seen && !slices.Contains(s.tried, now) }

// look sees what the Store holds, if that is not known yet: it is what a token
// that is to be stored replaces.
func (s *storage) look(ctx context.Context) {
	if s == nil {
		return
	}
	s.mu.Lock()
	known := s.seen.known
	s.mu.Unlock()
	if !known {
		_ = s.load(ctx, func(find) {}) // what it holds does not matter, nor whether it can be used
	}
}

// A session is a use of the Store by one goroutine, with the Store's lock if it
// has one. A Put that hangs keeps the lock and the right to write until it
// returns, though not its caller.
type session struct {
	*storage
	shared bool          // several processes use the Store
	wait   time.Duration // for a write
	unlock func()

	writer  bool            // this session holds storage.writing
	pending <-chan struct{} // closed when a write that took too long has returned
	late    func()          // what is to be done then
}

// open begins a session. It waits for the Store's lock as long as ctx allows.
// If the lock cannot be had, the session is one without it, and err says why.
func (s *storage) open(ctx context.Context) (x *session, err error) {
	x = &session{storage: s, wait: saveWait, unlock: func() {}}
	if s == nil {
		return x, nil
	}
	if err := s.mistake(); err != nil {
		return x, err
	}
	locker, ok := s.store.(Locker)
	if !ok {
		return x, nil
	}
	release, err := s.lock(ctx, locker)
	switch {
	case err == errors.ErrUnsupported: // a wrapper round a Store that is no Locker
		return x, nil
	case err != nil:
		x.shared = true
		s.failed(ctx, "lock", err)
		return x, err
	}
	x.shared = true
	x.unlock = func() {
		if err := calling(release); err != nil {
			s.failed(ctx, "unlock", err)
		}
	}
	return x, nil
}

// close ends the session: at once, or, if a write hangs, in a goroutine that
// ends when the write returns.
func (x *session) close() {
	if x.pending == nil {
		x.end()
		x.unlock()
		return
	}
	go func() {
		defer x.unlock()
		<-x.pending
		<-x.storage.writing
		x.late()
	}()
}

// begin waits for the right to write. It is errPending if another write does
// not return.
func (x *session) begin(ctx context.Context) error {
	if x.storage == nil {
		return nil
	}
	timer := time.NewTimer(x.wait)
	defer timer.Stop()
	writing := x.storage.writing
	if x.pending != nil {
		writing = nil // this session has it already
	}
	select {
	case writing <- struct{}{}:
		x.writer = true
		return nil
	case <-x.pending:
		x.pending = nil
		x.late()
		return nil
	case <-timer.C:
		x.failed(ctx, "put", errPending)
		return errPending
	case <-ctx.Done():
		return contextErr(ctx)
	}
}

// end gives up the right to write, unless a write hangs.
func (x *session) end() {
	if x.writer && x.pending == nil {
		<-x.storage.writing
		x.writer = false
	}
}

// errChanged says that the Store holds what this process did not put there.
var errChanged = errors.New("another process has changed the stored token meanwhile")

// anyVersion has put replace whatever is there.
const anyVersion = -1

// put stores t, unless another process has changed the Store since version
// returned the one that is to be replaced: then it returns errChanged. It returns
// within x.wait, with errPending if the Store has not answered by then; late hears
// the outcome in this case.
func (x *session) put(ctx context.Context, t *Token, version int, late func(error)) error {
	if x.storage == nil {
		return nil
	}
	data, err := encode(t, x.bound, x.extras)
	if err != nil {
		x.failed(ctx, "put", err)
		return err
	}
	return x.write(ctx, "put", late, func(ctx context.Context) error {
		then := sightingOf(data)
		if version != anyVersion {
			if there, err := x.unchanged(ctx, version, then); there || err != nil {
				return err
			}
		}
		return x.attempt(then, func() error { return x.store.Put(ctx, x.key, data) })
	})
}

// delete removes the record. It returns as put does.
func (x *session) delete(ctx context.Context) error {
	if x.storage == nil {
		return nil
	}
	return x.write(ctx, "delete", func(error) {}, func(ctx context.Context) error {
		return x.attempt(absent, func() error { return x.store.Delete(ctx, x.key) })
	})
}

// attempt notes what the Store will hold if do, which changes it, works, and
// may hold even if it fails.
func (x *session) attempt(then sighting, do func() error) error {
	x.mu.Lock()
	x.tried = append(slices.DeleteFunc(x.tried, func(s sighting) bool { return s == then }), then)
	x.tried = x.tried[max(0, len(x.tried)-mostTried):]
	x.putting = true
	x.mu.Unlock()
	err := errGoexit
	defer func() { // also if the Store breaks off
		x.mu.Lock()
		defer x.mu.Unlock()
		x.number++
		x.latest, x.putting = x.number, false
		if err == nil {
			x.seen, x.tried = then, nil
		}
	}()
	err = do()
	return err
}

// unchanged returns errChanged if another process has changed the Store since
// that version, and an error if it holds the login of another credential. there
// says that it holds what is to be stored already: an earlier Put has worked,
// although it failed.
func (x *session) unchanged(ctx context.Context, version int, then sighting) (there bool, err error) {
	data, err := x.get(ctx)
	now := absent
	switch {
	case err == nil:
		now = sightingOf(data)
		_, err = decode(data, x.bound)
		if foreign, ok := errors.AsType[*foreignError](err); ok && foreign.login {
			return false, err
		}
	case !errors.Is(err, ErrNotFound):
		return false, err
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if !x.seen.known {
		x.seen = now // never read before: what is there is what the token replaces
	}
	if x.changes != version || x.news(now) {
		return false, errChanged
	}
	if now == then {
		x.number++
		x.latest, x.seen, x.tried = x.number, now, nil
	}
	return now == then, nil
}

// write runs do in a new goroutine, which ends when the Store returns, and
// waits for it for x.wait, or until ctx ends.
func (x *session) write(ctx context.Context, op string, late func(error), do func(context.Context) error) error {
	done := make(chan struct{})
	outcome := errGoexit // written before done is closed, and read after
	go func() {
		defer close(done)
		defer func() {
			if p := recover(); p != nil {
				outcome = panicked(p)
			}
			if outcome != nil && outcome != errChanged {
				x.failed(ctx, op, outcome)
			}
		}()
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), saveTimeout)
		defer cancel()
		outcome = do(ctx)
	}()
	timer := time.NewTimer(x.wait)
	defer timer.Stop()
	var err error
	select {
	case <-done:
		return outcome
	case <-timer.C:
		err = errPending
	case <-ctx.Done():
		err = contextErr(ctx)
	}
	x.pending, x.late = done, func() { late(outcome) }
	return err
}
