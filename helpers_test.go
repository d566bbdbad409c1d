package bearer_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/oauth2"

	"example.com/bearer"
)

// roundTrip makes a function a Base.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// answer is an answer to req, which it consumes as net/http does.
func answer(req *http.Request, status int, body string) *http.Response {
	if req.Body != nil {
		_, _ = io.Copy(io.Discard, req.Body)
		req.Body.Close()
	}
	return &http.Response{
		StatusCode:    status,
		Header:        make(http.Header),
		Body:          io.NopCloser(strings.NewReader(body)),
		ContentLength: int64(len(body)),
		Request:       req,
	}
}

// mint is a Source of the tokens token-1, token-2 and so on.
type mint struct {
	lifetime time.Duration // zero: they do not expire
	takes    time.Duration
	calls    atomic.Int64
}

func (m *mint) Token(context.Context) (*bearer.Token, error) {
	n := m.calls.Add(1)
	time.Sleep(m.takes)
	t := &bearer.Token{AccessToken: fmt.Sprintf("token-%d", n)}
	if m.lifetime > 0 {
		t.Expiry = time.Now().Add(m.lifetime)
	}
	return t, nil
}

// token is one that is good for lifetime.
func token(access string, lifetime time.Duration) *bearer.Token {
	return &bearer.Token{AccessToken: access, Expiry: time.Now().Add(lifetime)}
}

// refused is an answer of the token endpoint that is an error.
func refused(status int, code string) *oauth2.RetrieveError {
	return &oauth2.RetrieveError{Response: &http.Response{StatusCode: status, Header: make(http.Header)}, ErrorCode: code}
}

// rotor is an authorization server with rotating refresh tokens: one that
// comes a second time revokes the whole family.
type rotor struct {
	lifetime time.Duration
	takes    time.Duration

	mu       sync.Mutex
	n        int    // refreshes
	current  string // the refresh token that is good
	reused   bool
	scratch  int                           // calls to Token
	fromZero func() (*bearer.Token, error) // nil: a user has to log in
}

func (r *rotor) Token(context.Context) (*bearer.Token, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.scratch++
	if r.fromZero == nil {
		return nil, refused(0, "login_required")
	}
	return r.fromZero()
}

func (r *rotor) Refresh(_ context.Context, prev *bearer.Token) (*bearer.Token, error) {
	time.Sleep(r.takes)
	r.mu.Lock()
	defer r.mu.Unlock()
	if prev.RefreshToken != r.current {
		r.reused = true
		return nil, refused(http.StatusBadRequest, "invalid_grant")
	}
	r.n++
	r.current = fmt.Sprintf("refresh-%d", r.n)
	t := token(fmt.Sprintf("access-%d", r.n), r.lifetime)
	t.RefreshToken = r.current
	return t, nil
}

// login returns the first token of the family.
func (r *rotor) login() *bearer.Token {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.current = "refresh-0"
	t := token("access-0", r.lifetime)
	t.RefreshToken = r.current
	return t
}

// calls is how often the server was asked to refresh, and whether it found a
// refresh token used twice.
func (r *rotor) calls() (n int, reused bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.n, r.reused
}

// mostJitter is how long a renewal may be put off, so that a fleet spreads.
const mostJitter = 50 * time.Millisecond

var errDisk = errors.New("the disk is full")

// failing is a Store whose operations fail when they are told to.
type failing struct {
	memory       bearer.MemoryStore
	get, put     atomic.Bool
	lock, unlock atomic.Bool // see failingLocker
	puts         atomic.Int64
	pausePut     time.Duration
}

func (s *failing) Get(ctx context.Context, key string) ([]byte, error) {
	if s.get.Load() {
		return nil, errDisk
	}
	return s.memory.Get(ctx, key)
}

func (s *failing) Put(ctx context.Context, key string, data []byte) error {
	s.puts.Add(1)
	time.Sleep(s.pausePut)
	if s.put.Load() {
		return errDisk
	}
	return s.memory.Put(ctx, key, data)
}

func (s *failing) Delete(ctx context.Context, key string) error { return s.memory.Delete(ctx, key) }

// failingLocker is one that several processes share.
type failingLocker struct{ failing }

func (s *failingLocker) Lock(ctx context.Context, key string) (func() error, error) {
	if s.lock.Load() {
		return nil, errDisk
	}
	unlock, err := s.memory.Lock(ctx, key)
	if err != nil || !s.unlock.Load() {
		return unlock, err
	}
	return func() error { _ = unlock(); return errDisk }, nil
}
