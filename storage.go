package bearer

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"example.com/bearer/internal/instant"
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
	self   string // names this process, and this Cache in it, in notes
	bound  binding
	extras []string
	failed func(ctx context.Context, op string, err error) // reports a failure of the Store

	// writing is held, by an element in it, from before a token is put into
	// the Store until it is the current one, or until a Put that hangs has
	// returned: the Store and the Cache do not come to differ, and an older Put
	// cannot land over a newer one. It is taken after the Store's lock.
	writing chan struct{}

	swapless atomic.Bool // the Store is a Swapper, but wraps one that is not
	warned   atomic.Bool // of a lease that is too long for the reuse grace

	mu    sync.Mutex // guards what follows
	seen  sighting
	noted notes      // as they were last read or written
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

// A sighting is what token the Store held when it was last read or written.
type sighting struct {
	known bool // it was read or written
	held  bool // it held a record
	sum   [sha256.Size]byte
}

// sightingOf returns the sighting of data, which are a record as encode writes
// it. Its notes do not count.
func sightingOf(data []byte) sighting {
	if r, err := parse(data); err == nil {
		if r.vacant() {
			return absent
		}
		r.notes = notes{}
		if bare, err := json.Marshal(r); err == nil {
			data = bare
		}
	}
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

// errPending says that a change is still under way.
var errPending = errors.New("the Store has not answered yet")

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
	notes *notes // what stands beside it; nil: nothing was read, or the Store is no Swapper
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
	var n notes
	switch {
	case errors.Is(err, ErrNotFound):
		err = nil
	case err == nil:
		now = sightingOf(data)
		t, n, err = decode(data, s.bound)
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
	s.seen, s.noted = now, n
	if news {
		s.changes++
		s.tried = nil // it was overwritten, and explains nothing that comes after
	} else if i := slices.Index(s.tried, now); i >= 0 {
		s.tried = s.tried[i+1:] // likewise
	}
	found := find{token: t, news: news, first: !before.known, gone: news && before.held && !now.held}
	if s.swaps() {
		found.notes = &n
	}
	note(found)
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
	locked instant.Time // when the lock was had

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
	case err == errors.ErrUnsupported: // a wrapper around a Store that is no Locker
		return x, nil
	case err != nil:
		x.shared = true
		if context.Cause(ctx) != errArrived {
			s.failed(ctx, "lock", err)
		}
		return x, err
	}
	x.shared, x.locked = true, instant.Now()
	x.unlock = func() {
		if err := calling(release); err != nil {
			s.failed(ctx, "unlock", err)
		}
	}
	return x, nil
}

// errArrived ends the wait for a lock whose holder has stored the token that was
// wanted, and has not unlocked yet.
var errArrived = errors.New("the token has arrived")

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
func (x *session) put(ctx context.Context, t *Token, n notes, version int, late func(error)) error {
	if x.storage == nil {
		return nil
	}
	data, err := encode(t, x.bound, x.extras, n)
	if err != nil {
		x.failed(ctx, "put", err)
		return err
	}
	return x.write(ctx, "put", late, func(ctx context.Context) error {
		then := sightingOf(data)
		if version == anyVersion {
			return x.attempt(then, n, func() error { return x.store.Put(ctx, x.key, data) })
		}
		old, err := x.unchanged(ctx, version)
		switch {
		case err != nil:
			return err
		case bytes.Equal(old, data):
			x.holds(then, n) // an earlier Put has worked, although it failed
			return nil
		}
		return x.attempt(then, n, func() error { return x.replace(ctx, old, data) })
	})
}

// replace stores data in place of old, which is nil if the Store held nothing.
// With a Swapper no other process can get in between.
func (s *storage) replace(ctx context.Context, old, data []byte) error {
	if swapper, ok := s.store.(Swapper); ok {
		err := swapper.Swap(ctx, s.key, old, data)
		switch {
		case err == errors.ErrUnsupported: // a wrapper around a Store that is no Swapper
		case errors.Is(err, ErrChanged):
			return errChanged
		default:
			return err
		}
	}
	return s.store.Put(ctx, s.key, data)
}

// delete removes the record. It returns as put does.
func (x *session) delete(ctx context.Context) error {
	if x.storage == nil {
		return nil
	}
	return x.write(ctx, "delete", func(error) {}, func(ctx context.Context) error {
		return x.attempt(absent, notes{}, func() error { return x.store.Delete(ctx, x.key) })
	})
}

// attempt notes what the Store will hold if do, which changes it, works, and
// may hold even if it fails, unless it fails with errChanged.
func (x *session) attempt(then sighting, n notes, do func() error) error {
	x.mu.Lock()
	again := slices.Contains(x.tried, then)
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
		switch {
		case err == nil:
			x.seen, x.noted, x.tried = then, n, nil
		case err == errChanged && !again:
			x.tried = slices.DeleteFunc(x.tried, func(s sighting) bool { return s == then })
		}
	}()
	err = do()
	return err
}

// holds notes what the Store was seen to hold already.
func (x *session) holds(now sighting, n notes) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.number++
	x.latest, x.seen, x.noted, x.tried = x.number, now, n, nil
}

// unchanged returns what the Store holds, nil if that is nothing; errChanged if
// another process has changed it since that version, and an error if it holds
// the login of another credential.
func (x *session) unchanged(ctx context.Context, version int) (data []byte, err error) {
	data, err = x.get(ctx)
	now := absent
	switch {
	case err == nil:
		now = sightingOf(data)
		_, _, err = decode(data, x.bound)
		if foreign, ok := errors.AsType[*foreignError](err); ok && foreign.login {
			return nil, err
		}
		if data == nil {
			data = []byte{} // a value, and an empty one
		}
	case !errors.Is(err, ErrNotFound):
		return nil, err
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if !x.seen.known {
		x.seen = now // never read before: what is there is what the token replaces
	}
	if x.changes != version || x.news(now) {
		return nil, errChanged
	}
	return data, nil
}

// write has do change the Store, and waits for it for x.wait, or until ctx ends.
func (x *session) write(ctx context.Context, op string, late func(error), do func(context.Context) error) error {
	done, outcome, err := x.attend(ctx, op, x.wait, do)
	if err != nil {
		x.pending, x.late = done, func() { late(*outcome) }
		return err
	}
	return *outcome
}

// attend runs do in a new goroutine, which ends when the Store returns, and
// waits for it for wait, or until ctx ends: then err says so, and the outcome is
// there when done is closed.
func (s *storage) attend(ctx context.Context, op string, wait time.Duration, do func(context.Context) error) (done chan struct{}, outcome *error, err error) {
	done = make(chan struct{})
	result := errGoexit // written before done is closed, and read after
	go func() {
		defer close(done)
		defer func() {
			if p := recover(); p != nil {
				result = panicked(p)
			}
			if result != nil && result != errChanged {
				s.failed(ctx, op, result)
			}
		}()
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), saveTimeout)
		defer cancel()
		result = do(ctx)
	}()
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-done:
	case <-timer.C:
		err = errPending
	case <-ctx.Done():
		err = contextErr(ctx)
	}
	return done, &result, err
}

// swaps reports whether the Store is a Swapper. A wrapper may be one round a
// Store that is none; that shows at the first Swap.
func (s *storage) swaps() bool {
	if s == nil {
		return false
	}
	_, ok := s.store.(Swapper)
	return ok && !s.swapless.Load()
}

// lease is how long a lock of the Store lasts without its holder; 0 if it does
// not end by itself.
func (s *storage) lease() time.Duration {
	if s == nil {
		return 0
	}
	if l, ok := s.store.(interface{ Lease() time.Duration }); ok {
		return max(0, l.Lease())
	}
	return 0
}

// annotate changes the notes in the record of the token that was seen last, in
// one step. It returns errChanged if the Store holds another token, and what
// change returns. Without a Swapper it does nothing.
//
// It needs neither the lock nor the right to write: if it takes long, and others
// or this process write meanwhile, it finds the record changed.
func (s *storage) annotate(ctx context.Context, wait time.Duration, change func(*notes) error) error {
	if !s.swaps() {
		return nil
	}
	s.mu.Lock()
	seen := s.seen
	s.mu.Unlock()
	_, outcome, err := s.attend(ctx, "swap", wait, func(ctx context.Context) error {
		for range mostReplaced {
			if err := s.annotateOnce(ctx, seen, change); !errors.Is(err, ErrChanged) {
				return err
			}
		}
		return errChanged
	})
	if err != nil {
		return err
	}
	return *outcome
}

// annotateOnce is one attempt of annotate. It returns ErrChanged if another
// process writes at the same time.
func (s *storage) annotateOnce(ctx context.Context, seen sighting, change func(*notes) error) error {
	data, err := s.get(ctx)
	r := &record{Version: recordVersion, binding: s.bound}
	now := absent
	switch {
	case errors.Is(err, ErrNotFound):
		data = nil
	case err != nil:
		return err
	default:
		now = sightingOf(data)
		if r, err = parse(data); err != nil {
			return err
		}
	}
	s.mu.Lock()
	changed := s.seen != seen || !seen.known || s.news(now)
	s.mu.Unlock()
	if changed {
		return errChanged
	}
	n := r.notes
	if err := change(&n); err != nil {
		return err
	}
	if reflect.DeepEqual(n, r.notes) || r.vacant() && n.Failure == nil {
		return nil
	}
	r.notes = n
	next, err := json.Marshal(r)
	if err != nil {
		return err
	}
	switch err := s.store.(Swapper).Swap(ctx, s.key, data, next); err {
	case nil:
	case errors.ErrUnsupported:
		s.swapless.Store(true)
		return nil
	default:
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.seen == now {
		s.noted = n
	}
	return nil
}

// lacks reports whether the Store held something else than t when it was last
// read or written.
func (s *storage) lacks(t *Token) bool {
	data, err := encode(t, s.bound, s.extras, notes{})
	if err != nil {
		return true
	}
	now := sightingOf(data)
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.seen != now
}

// notes returns the notes as they were last read or written.
func (s *storage) notes() notes {
	if s == nil {
		return notes{}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.noted
}
