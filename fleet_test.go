package bearer_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"example.com/bearer"
)

// A fleet is the processes that share one credential, as Caches with a Store
// whose locks have leases, and the server with rotating refresh tokens that they
// ask. Any of them can die or be suspended at any step.
type fleet struct {
	store    bearer.MemoryStore
	lease    time.Duration
	declared time.Duration // the server's reuse grace, as the Sources know it

	mu      sync.Mutex // guards what follows
	holder  *member    // of the lock
	lost    time.Time  // when the lock ends that a holder cannot renew; zero: it can
	log     []string   // the steps, in their order
	down    bool       // the server does not answer
	cut     bool       // the Store does not
	calls   int        // that reached the server
	n       int
	spent   map[string]time.Time // refresh tokens, and when they were used first
	expires map[string]time.Time // the access tokens that came with them
	revoked bool                 // a refresh token was used again, after the grace
	early   int                  // while the access token that came with it was valid
	grace   time.Duration
	life    time.Duration
	rotates bool
}

func newFleet() *fleet {
	return &fleet{lease: 3 * time.Second, spent: make(map[string]time.Time), expires: make(map[string]time.Time), life: 10 * time.Second, rotates: true}
}

// login returns the first token, which is stored.
func (f *fleet) login(t *testing.T) *bearer.Token {
	t.Helper()
	first := &bearer.Token{AccessToken: "a0", RefreshToken: "r0", Expiry: time.Now().Add(f.life)}
	if err := f.join("login").Set(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	f.steps()
	return first
}

// join returns the Cache of a new process.
func (f *fleet) join(name string) *bearer.Cache { return f.member(name).cache }

func (f *fleet) member(name string) *member {
	m := &member{fleet: f, name: name}
	m.cache = &bearer.Cache{Source: m, Store: memberStore{m}, Key: "k"}
	return m
}

// steps returns what was done since the last call.
func (f *fleet) steps() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	log := f.log
	f.log = nil
	return log
}

func (f *fleet) set(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

// requests is how many reached the server, and whether it revoked the login.
func (f *fleet) requests() (int, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.calls, f.revoked
}

var (
	errDead = errors.New("this process is dead, and sees nothing of this")
	errLost = errors.New("the lock was lost")
)

// A member is one process.
type member struct {
	*fleet
	name  string
	cache *bearer.Cache

	at   func(step string) // called before and after each step; it may kill or suspend
	dead bool              // guarded by fleet.mu: what it does has no effect
}

// do is a step of the process.
func (m *member) do(step string, f func() error) error {
	reach := func(when string) bool {
		m.mu.Lock()
		dead := m.dead
		if !dead {
			m.log = append(m.log, m.name+" "+when+" "+step)
		}
		m.mu.Unlock()
		if m.at != nil && !dead {
			m.at(when + " " + step)
		}
		m.mu.Lock()
		defer m.mu.Unlock()
		return !m.dead
	}
	if !reach("before") {
		return errDead
	}
	err := f()
	if !reach("after") {
		return errDead
	}
	return err
}

// kill ends the process: its lock lasts as long as its lease.
func (m *member) kill() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.dead = true
	if m.holder == m {
		m.lost = time.Now().Add(m.lease)
	}
}

// suspend stops the process, which is at a step, for d.
func (m *member) suspend(d time.Duration) {
	m.mu.Lock()
	held := m.holder == m
	if held {
		m.lost = time.Now().Add(m.lease)
	}
	m.mu.Unlock()
	time.Sleep(d)
	m.mu.Lock()
	defer m.mu.Unlock()
	if held && !m.dead && m.holder == m && time.Now().Before(m.lost) {
		m.lost = time.Time{}
	}
}

// ReuseGrace is what a process knows of the server.
func (m *member) ReuseGrace() time.Duration { return m.declared }

func (m *member) Token(context.Context) (*bearer.Token, error) { return nil, bearer.ErrLoginRequired }

// Refresh is the server. The answer takes 100 ms, as the way there does.
func (m *member) Refresh(ctx context.Context, prev *bearer.Token) (t *bearer.Token, err error) {
	err = m.do("send", func() error {
		time.Sleep(100 * time.Millisecond)
		t, err = m.serve(prev.RefreshToken)
		time.Sleep(100 * time.Millisecond)
		return err
	})
	return t, err
}

func (f *fleet) serve(refresh string) (*bearer.Token, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls++
	if f.down {
		return nil, refused(http.StatusServiceUnavailable, "temporarily_unavailable")
	}
	first, again := f.spent[refresh]
	if again && time.Since(first) >= f.grace {
		f.revoked = true
		if time.Now().Before(f.expires[refresh]) {
			f.early++
		}
	}
	if f.revoked {
		return nil, refused(http.StatusBadRequest, "invalid_grant")
	}
	f.n++
	next := refresh
	if f.rotates {
		if !again {
			f.spent[refresh] = time.Now()
		}
		next = fmt.Sprint("r", f.n)
	}
	expiry := time.Now().Add(f.life)
	f.expires[next] = expiry
	return &bearer.Token{AccessToken: fmt.Sprint("a", f.n), RefreshToken: next, Expiry: expiry}, nil
}

// A memberStore is the Store as a process has it.
type memberStore struct{ m *member }

// reach is whether the Store can be reached.
func (s memberStore) reach(f func() error) func() error {
	return func() error {
		s.m.mu.Lock()
		cut := s.m.cut
		s.m.mu.Unlock()
		if cut {
			return errDisk
		}
		return f()
	}
}

func (s memberStore) Get(ctx context.Context, key string) (data []byte, err error) {
	err = s.m.do("get", s.reach(func() error { data, err = s.m.store.Get(ctx, key); return err }))
	return data, err
}

func (s memberStore) Put(ctx context.Context, key string, data []byte) error {
	return s.m.do("put", s.reach(func() error { return s.m.store.Put(ctx, key, data) }))
}

func (s memberStore) Delete(ctx context.Context, key string) error {
	return s.m.do("delete", s.reach(func() error { return s.m.store.Delete(ctx, key) }))
}

func (s memberStore) Swap(ctx context.Context, key string, old, new []byte) error {
	return s.m.do("swap", s.reach(func() error { return s.m.store.Swap(ctx, key, old, new) }))
}

func (s memberStore) Lease() time.Duration { return s.m.lease }

func (s memberStore) Lock(ctx context.Context, key string) (func() error, error) {
	m := s.m
	take := func() bool {
		m.mu.Lock()
		defer m.mu.Unlock()
		if m.dead || m.holder != nil && (m.lost.IsZero() || time.Now().Before(m.lost)) {
			return false
		}
		m.holder, m.lost = m, time.Time{}
		return true
	}
	err := m.do("lock", s.reach(func() error {
		for !take() {
			select {
			case <-time.After(10 * time.Millisecond):
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return nil
	}))
	if err != nil {
		return nil, err
	}
	return func() error {
		return m.do("unlock", func() error {
			m.mu.Lock()
			defer m.mu.Unlock()
			if m.holder != m || !m.lost.IsZero() && !time.Now().Before(m.lost) {
				return errLost
			}
			m.holder = nil
			return nil
		})
	}, nil
}
