package bearer_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"example.com/bearer"
)

// stored is what the Store has under "k", or nil.
func stored(t *testing.T, s bearer.Store) *bearer.Token {
	t.Helper()
	c := &bearer.Cache{Store: s, Key: "k"}
	got, err := c.Token(context.Background())
	if err != nil {
		return nil
	}
	return got
}

// G20: a second start within a token's lifetime makes no token request.
func TestSecondStartMakesNoCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := new(bearer.MemoryStore)
		first, err := (&bearer.Cache{Source: &mint{lifetime: time.Hour}, Store: s, Key: "k"}).Token(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(30 * time.Minute)
		m := new(mint)
		got, err := (&bearer.Cache{Source: m, Store: s, Key: "k"}).Token(t.Context())
		if err != nil || got.AccessToken != first.AccessToken || !got.Expiry.Equal(first.Expiry) || m.calls.Load() != 0 {
			t.Errorf("got %v and %d calls, want the stored token and 0", err, m.calls.Load())
		}
	})
}

// G19: a rotated refresh token is in the Store before any caller gets the
// access token.
func TestRotatedTokenIsStoredFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &failing{pausePut: time.Second}
		r := &rotor{lifetime: time.Minute}
		c := &bearer.Cache{Source: r, Store: s, Key: "k"}
		if err := c.Set(t.Context(), r.login()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		got, err := c.Token(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if in := stored(t, &s.memory); in == nil || in.AccessToken != got.AccessToken || in.RefreshToken != "refresh-1" {
			t.Error("the token that was served is not the one in the Store")
		}
	})
}

// G19: an answer without a refresh token keeps the old one.
func TestRefreshTokenIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var sent []string
		c := &bearer.Cache{Source: refresher(func(_ context.Context, prev *bearer.Token) (*bearer.Token, error) {
			sent = append(sent, prev.RefreshToken)
			return token(fmt.Sprintf("access-%d", len(sent)), time.Minute), nil
		}), Store: new(bearer.MemoryStore), Key: "k"}
		if err := c.Set(t.Context(), &bearer.Token{RefreshToken: "only"}); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			if _, err := c.Token(t.Context()); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Minute)
		}
		if got := strings.Join(sent, " "); got != "only only only" {
			t.Errorf("got refresh tokens %q, want the same three times", got)
		}
		if in := stored(t, c.Store); in != nil {
			t.Error("the stored token has not expired")
		}
	})
}

// refresher is a Source that only redeems refresh tokens.
type refresher func(context.Context, *bearer.Token) (*bearer.Token, error)

func (refresher) Token(context.Context) (*bearer.Token, error) {
	return nil, refused(0, "login_required")
}

func (f refresher) Refresh(ctx context.Context, prev *bearer.Token) (*bearer.Token, error) {
	return f(ctx, prev)
}

// G19: when saving fails the token is served, the hook is told, and saving is
// tried again, with pauses, until it works; then no more.
func TestSavingIsTriedAgain(t *testing.T) {
	for _, shared := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			s := &failingLocker{}
			d := new(diary)
			m := &mint{lifetime: time.Hour}
			c := &bearer.Cache{Source: m, Store: &s.failing, Key: "k", Hooks: d.hooks()}
			if shared {
				c.Store = s
			}
			s.put.Store(true)
			for range 60 {
				if got, err := c.Token(t.Context()); err != nil || got.AccessToken != "token-1" {
					t.Fatalf("got %v, want the token", err)
				}
				time.Sleep(time.Second)
			}
			if n := s.puts.Load(); n < 5 || n > 10 {
				t.Errorf("got %d attempts in a minute, want some 7", n)
			}
			if n := len(d.take()); n != int(s.puts.Load())+1 {
				t.Errorf("got %d events, want one for each attempt and one for the token", n)
			}
			s.put.Store(false)
			time.Sleep(30 * time.Second)
			_, _ = c.Token(t.Context())
			synctest.Wait()
			if in := stored(t, &s.memory); in == nil || in.AccessToken != "token-1" {
				t.Error("the token is not in the Store after that works again")
			}
			n := s.puts.Load()
			for range 600 {
				_, _ = c.Token(t.Context())
				time.Sleep(time.Second)
			}
			if s.puts.Load() != n || m.calls.Load() != 1 {
				t.Errorf("got %d more attempts and %d calls, want 0 and 1", s.puts.Load()-n, m.calls.Load())
			}
		})
	}
}

// G19: a renewal that fails meanwhile does not put saving off.
func TestSavingIsTriedAgainAfterAFailedRenewal(t *testing.T) {
	for _, lifetime := range []time.Duration{0, 24 * time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			s := new(failing)
			s.put.Store(true)
			calls := 0
			c := &bearer.Cache{Store: s, Key: "k", Source: bearer.SourceFunc(func(context.Context) (*bearer.Token, error) {
				if calls++; calls > 1 {
					return nil, errDown
				}
				if lifetime == 0 {
					return &bearer.Token{AccessToken: "t"}, nil
				}
				return token("t", lifetime), nil
			})}
			got, err := c.Token(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if _, err := c.Renew(t.Context(), got); !errors.Is(err, errDown) {
				t.Fatalf("got %v, want the endpoint's failure", err)
			}
			s.put.Store(false)
			time.Sleep(10 * time.Second)
			_, _ = c.Token(t.Context())
			synctest.Wait()
			if stored(t, &s.memory) == nil {
				t.Errorf("lifetime %v: the token is not in the Store after that works again", lifetime)
			}
		})
	}
}

// G19: while a new token is still to be saved, the older one in the Store is
// not taken for the truth.
func TestUnsavedTokenIsNotReplacedByAnOlderOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &failing{}
		c := &bearer.Cache{Source: &mint{lifetime: time.Hour}, Store: s, Key: "k"}
		old := token("old", time.Hour)
		if err := c.Set(t.Context(), old); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		s.put.Store(true)
		_, _ = c.Renew(t.Context(), old)
		s.put.Store(false)
		for range 3 {
			time.Sleep(time.Second)
			if got, err := c.Token(t.Context()); err != nil || got.AccessToken != "token-1" {
				t.Errorf("got %v, want the new token", err)
			}
			synctest.Wait()
		}
		if in := stored(t, s); in == nil || in.AccessToken != "token-1" {
			t.Error("the new token is not in the Store")
		}
	})
}

// G19: Set says that the token could not be stored, and uses it all the same.
func TestSetWithABrokenStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, op := range []string{"put", "lock"} {
			s := &failingLocker{}
			s.put.Store(op == "put")
			s.lock.Store(op == "lock")
			c := &bearer.Cache{Store: s, Key: "k"}
			err := c.Set(t.Context(), token("set", time.Hour))
			const want = "bearer: Cache.Set: the token is in use, but could not be stored yet: the disk is full"
			if err == nil || err.Error() != want || !errors.Is(err, errDisk) {
				t.Errorf("%s fails: got %v, want %s", op, err, want)
			}
			s.put.Store(false)
			s.lock.Store(false)
			time.Sleep(time.Second)
			if got, err := c.Token(t.Context()); err != nil || got.AccessToken != "set" {
				t.Errorf("%s failed: got %v, want the token", op, err)
			}
			synctest.Wait()
			if in := stored(t, s); in == nil || in.AccessToken != "set" {
				t.Errorf("%s failed: the token was not stored later", op)
			}
		}
	})
}

// G20: several Caches on one Locker, as so many processes, make one request
// per expiry, and never use a rotating refresh token twice.
func TestCachesShareAStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := new(bearer.MemoryStore)
		r := &rotor{lifetime: 2 * time.Second, takes: 50 * time.Millisecond}
		caches := make([]*bearer.Cache, 8)
		for i := range caches {
			caches[i] = &bearer.Cache{Source: r, Store: s, Key: "k"}
		}
		if err := caches[0].Set(t.Context(), r.login()); err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		for i, c := range caches {
			wg.Go(func() {
				time.Sleep(time.Duration(i) * time.Millisecond)
				for range 6000 {
					if got, err := c.Token(t.Context()); err != nil || time.Until(got.Expiry) <= 0 {
						t.Errorf("got %v, want a valid token", err)
						return
					}
					time.Sleep(10 * time.Millisecond)
				}
			})
		}
		wg.Wait()
		// A token is refreshed after some 1.4 s of its 2 s.
		if n, reused := r.calls(); reused || n < 30 || n > 45 {
			t.Errorf("got %d requests in a minute of 2s tokens, reuse: %v; want some 40 and none", n, reused)
		}
	})
}

// G20: a burst of rejections in several processes costs one request.
func TestRenewTakesAnotherProcessesToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := new(bearer.MemoryStore)
		m := &mint{lifetime: time.Hour, takes: time.Second}
		a := &bearer.Cache{Source: m, Store: s, Key: "k"}
		b := &bearer.Cache{Source: m, Store: s, Key: "k"}
		old, _ := a.Token(t.Context())
		_, _ = b.Token(t.Context())
		var wg sync.WaitGroup
		for _, c := range []*bearer.Cache{a, b} {
			wg.Go(func() {
				if got, err := c.Renew(t.Context(), old); err != nil || got.AccessToken != "token-2" {
					t.Errorf("got %v, want token-2", err)
				}
			})
		}
		wg.Wait()
		if n := m.calls.Load(); n != 2 {
			t.Errorf("got %d calls, want 2", n)
		}
	})
}

// G18: after invalid_grant the Store is read once more: it may hold the
// successor of a refresh token that another process has used without a lock.
func TestInvalidGrantReadsTheStoreAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := new(failing)
		r := &rotor{lifetime: time.Minute}
		a := &bearer.Cache{Source: r, Store: s, Key: "k"}
		login := r.login()
		if err := a.Set(t.Context(), login); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		// b reads before a writes, and asks after a did.
		b := &bearer.Cache{Store: s, Key: "k", Source: refresher(func(ctx context.Context, prev *bearer.Token) (*bearer.Token, error) {
			if _, err := a.Token(ctx); err != nil {
				t.Error(err)
			}
			return r.Refresh(ctx, prev)
		})}
		if got, err := b.Token(t.Context()); err != nil || got.AccessToken != "access-1" {
			t.Errorf("got %v, want the other process's access-1", err)
		}
	})
}

// family is a Source that can redeem refresh tokens, and can do without.
type family struct {
	bearer.SourceFunc
	refresh refresher
}

func (f *family) Refresh(ctx context.Context, prev *bearer.Token) (*bearer.Token, error) {
	return f.refresh(ctx, prev)
}

// G18: when the successor in the Store is dead too, as after a reuse that the
// server has noticed, a Source that needs no user goes on from scratch.
func TestSuccessorInTheStoreIsDeadToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := new(failing)
		other := &bearer.Cache{Store: s, Key: "k"}
		var sent []string
		c := &bearer.Cache{Store: s, Key: "k", Source: &family{
			SourceFunc: func(context.Context) (*bearer.Token, error) { return token("scratch", time.Hour), nil },
			refresh: func(ctx context.Context, prev *bearer.Token) (*bearer.Token, error) {
				if sent = append(sent, prev.RefreshToken); len(sent) == 1 {
					_ = other.Set(ctx, &bearer.Token{RefreshToken: "two"})
				}
				return nil, refused(400, "invalid_grant")
			},
		}}
		if err := c.Set(t.Context(), &bearer.Token{RefreshToken: "one"}); err != nil {
			t.Fatal(err)
		}
		if got, err := c.Token(t.Context()); err != nil || got.AccessToken != "scratch" {
			t.Errorf("got %v, want the token from scratch", err)
		}
		if want := []string{"one", "two"}; !slices.Equal(sent, want) {
			t.Errorf("got the refresh tokens %q sent, want %q", sent, want)
		}
	})
}

// G18: permanent errors are remembered: a dead refresh token is sent once, until
// Set; and the error says what it is.
func TestPermanentErrorsAreRemembered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &rotor{lifetime: time.Minute}
		sent := 0
		source := &counted{rotor: r, sent: &sent}
		c := &bearer.Cache{Source: source, Store: new(bearer.MemoryStore), Key: "k"}
		if err := c.Set(t.Context(), &bearer.Token{RefreshToken: "dead"}); err != nil {
			t.Fatal(err)
		}
		for range 1000 {
			_, err := c.Token(t.Context())
			var te *bearer.TokenError
			if !errors.As(err, &te) || te.RetryAfter != 0 || !strings.Contains(err.Error(), "invalid_grant") {
				t.Fatalf("got %v, want invalid_grant, and no time to come back", err)
			}
			time.Sleep(time.Second)
		}
		if sent != 1 || r.scratch != 1 {
			t.Errorf("got %d refreshes and %d calls from scratch, want 1 and 1", sent, r.scratch)
		}
		if err := c.Set(t.Context(), r.login()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		if got, err := c.Token(t.Context()); err != nil || got.AccessToken != "access-1" {
			t.Errorf("after Set: got %v, want access-1", err)
		}
	})
}

// counted counts refreshes, the refused ones too.
type counted struct {
	*rotor
	sent *int
}

func (c *counted) Refresh(ctx context.Context, prev *bearer.Token) (*bearer.Token, error) {
	*c.sent++
	return c.rotor.Refresh(ctx, prev)
}

// G18: a login in another process ends a remembered error too: the Store is
// looked at from time to time.
func TestLoginInAnotherProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := new(bearer.MemoryStore)
		r := &rotor{lifetime: time.Hour}
		c := &bearer.Cache{Source: r, Store: s, Key: "k"}
		if _, err := c.Token(t.Context()); err == nil {
			t.Fatal("got a token, want login_required")
		}
		time.Sleep(time.Minute)
		if err := (&bearer.Cache{Store: s, Key: "k"}).Set(t.Context(), r.login()); err != nil {
			t.Fatal(err)
		}
		if got, err := c.Token(t.Context()); err != nil || got.AccessToken != "access-0" {
			t.Errorf("got %v, want the other process's token", err)
		}
	})
}

// superseded is an error of a secret that may have changed since.
type superseded struct {
	error
	now *bool
}

func (s superseded) Unwrap() error                   { return s.error }
func (s superseded) Superseded(context.Context) bool { return *s.now }

// G18: invalid_client is asked again with growing pauses, which a changed
// secret ends at once.
func TestSupersededSecret(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		changed, calls := false, 0
		c := &bearer.Cache{Source: bearer.SourceFunc(func(context.Context) (*bearer.Token, error) {
			if calls++; changed {
				return token("t", time.Hour), nil
			}
			return nil, superseded{refused(401, "invalid_client"), &changed}
		})}
		for range 100 {
			_, _ = c.Token(t.Context())
			time.Sleep(time.Second)
		}
		if calls < 4 || calls > 8 {
			t.Errorf("got %d calls with the old secret in 100 s, want some 7", calls)
		}
		changed = true
		if _, err := c.Token(t.Context()); err != nil {
			t.Errorf("with the new secret: got %v, want a token", err)
		}
	})
}

// G18: after a refused refresh token a Source that needs no user goes on from
// scratch. If that fails for the moment, it is tried again, without the dead
// refresh token.
func TestFromScratchAfterInvalidGrant(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		down := true
		r := &rotor{lifetime: time.Minute}
		r.fromZero = func() (*bearer.Token, error) {
			if down {
				return nil, errDown
			}
			return token("scratch", time.Minute), nil
		}
		sent := 0
		c := &bearer.Cache{Source: &counted{rotor: r, sent: &sent}}
		if err := c.Set(t.Context(), &bearer.Token{RefreshToken: "dead"}); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			if _, err := c.Token(t.Context()); !errors.Is(err, errDown) {
				t.Fatalf("got %v, want the endpoint's failure", err)
			}
			time.Sleep(2 * time.Second)
		}
		before := r.scratch
		down = false
		time.Sleep(2 * time.Second)
		if got, err := c.Token(t.Context()); err != nil || got.AccessToken != "scratch" {
			t.Errorf("got %v, want the token from scratch", err)
		}
		if sent != 1 || r.scratch != before+1 {
			t.Errorf("got %d refreshes and %d more calls from scratch, want 1 and 1", sent, r.scratch-before)
		}
	})
}

// G18: a Source that cannot refresh is not asked twice for one invalid_grant.
func TestInvalidGrantWithoutRefresher(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		c := &bearer.Cache{Source: bearer.SourceFunc(func(context.Context) (*bearer.Token, error) {
			calls++
			return nil, refused(400, "invalid_grant")
		})}
		if err := c.Set(t.Context(), &bearer.Token{RefreshToken: "of no use"}); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Token(t.Context()); err == nil || calls != 1 {
			t.Errorf("got %v after %d calls, want an error after 1", err, calls)
		}
	})
}

// G20: when the Store that processes share is out of order, a refresh token
// is not risked, the valid token is served, and all is well when it works again.
func TestSharedStoreOutOfOrder(t *testing.T) {
	for _, op := range []string{"lock", "get"} {
		synctest.Test(t, func(t *testing.T) {
			s := &failingLocker{}
			r := &rotor{lifetime: time.Minute}
			c := &bearer.Cache{Source: r, Store: s, Key: "k"}
			if err := c.Set(t.Context(), r.login()); err != nil {
				t.Fatal(err)
			}
			s.lock.Store(op == "lock")
			s.get.Store(op == "get")
			for range 59 {
				if _, err := c.Token(t.Context()); err != nil {
					t.Fatalf("%s fails: got %v, want the valid token", op, err)
				}
				time.Sleep(time.Second)
			}
			time.Sleep(time.Second)
			if _, err := c.Token(t.Context()); !errors.Is(err, errDisk) {
				t.Errorf("%s fails: got %v, want the Store's error", op, err)
			}
			if n, _ := r.calls(); n != 0 {
				t.Errorf("%s fails: got %d refreshes, want 0", op, n)
			}
			s.lock.Store(false)
			s.get.Store(false)
			time.Sleep(30 * time.Second)
			if _, err := c.Token(t.Context()); err != nil {
				t.Errorf("after %s failed: got %v, want a token", op, err)
			}
		})
	}
}

// A caller that gets no token because the Store cannot be read is told so, and
// not to log in again.
func TestColdStartWithABrokenStore(t *testing.T) {
	s := new(failing)
	s.get.Store(true)
	_, err := (&bearer.Cache{Source: new(rotor), Store: s, Key: "k"}).Token(t.Context())
	const want = "bearer: no token: the Store is out of order: the disk is full; it may have the login that is required"
	if err == nil || !strings.HasPrefix(err.Error(), want) || !errors.Is(err, errDisk) || errors.Is(err, bearer.ErrLoginRequired) {
		t.Errorf("got %v, want %s", err, want)
	}
}

// A refresh waits for RefreshTimeout for a lock that another process does not
// release. Then client credentials are used without it; a rotating refresh
// token is not risked, and the error says why.
func TestLockThatIsNotGivenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := new(bearer.MemoryStore)
		unlock, err := s.Lock(t.Context(), "k")
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		if _, err := (&bearer.Cache{Source: &mint{lifetime: time.Hour}, Store: s, Key: "k"}).Token(t.Context()); err != nil || time.Since(start).Truncate(200*time.Millisecond) != 30*time.Second {
			t.Errorf("client credentials: got %v after %v, want a token after 30s and up to 200ms of jitter", err, time.Since(start))
		}
		r := new(recorder)
		rotating := &rotor{lifetime: time.Hour}
		rotating.login()
		if err := s.Put(t.Context(), "k", []byte(`{"v":1,"refresh_token":"refresh-0"}`)); err != nil {
			t.Fatal(err)
		}
		c := &bearer.Cache{Source: rotating, Store: s, Key: "k", Breaker: r}
		start = time.Now()
		if _, err := c.Token(t.Context()); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != 30*time.Second {
			t.Errorf("a refresh token: got %v after %v, want a deadline after 30s", err, time.Since(start))
		}
		if told := r.outcomes(); len(told) != 0 {
			t.Errorf("the breaker was told %v, want nothing", told)
		}
		_ = unlock()
		time.Sleep(30 * time.Second)
		if _, err := c.Token(t.Context()); err != nil {
			t.Errorf("got %v, want a token", err)
		}
	})
}

// The Store is the truth: a token that another process has put there replaces
// an expired one of ours, but an expired one does not replace a valid one.
func TestStoreIsTheTruth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := new(bearer.MemoryStore)
		other := &bearer.Cache{Store: s, Key: "k"}
		m := &mint{lifetime: time.Minute}
		down := false
		c := &bearer.Cache{Store: s, Key: "k", Source: bearer.SourceFunc(func(ctx context.Context) (*bearer.Token, error) {
			if down {
				return nil, errDown
			}
			return m.Token(ctx)
		})}
		_, _ = c.Token(t.Context())
		if err := other.Set(t.Context(), token("theirs", 10*time.Minute)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		if got, err := c.Token(t.Context()); err != nil || got.AccessToken != "theirs" || m.calls.Load() != 1 {
			t.Errorf("got %v and %d calls, want their token and 1", err, m.calls.Load())
		}
		if err := other.Set(t.Context(), token("expired", -time.Second)); err != nil {
			t.Fatal(err)
		}
		down = true
		if _, err := c.Renew(t.Context(), nil); !errors.Is(err, errDown) {
			t.Errorf("got %v, want the endpoint's failure", err)
		}
		if got, err := c.Token(t.Context()); err != nil || got.AccessToken != "theirs" {
			t.Errorf("got %v, want the valid token", err)
		}
	})
}

// A server that answers a refresh with the rejected access token and a new
// refresh token: the renewal fails, but what was rotated is not lost.
func TestRotationOfARejectedToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := new(bearer.MemoryStore)
		c := &bearer.Cache{Store: store, Key: "k", Source: refreshing(func(prev *bearer.Token) (*bearer.Token, error) {
			return &bearer.Token{AccessToken: prev.AccessToken, RefreshToken: prev.RefreshToken + "'", Expiry: time.Now().Add(time.Hour)}, nil
		})}
		first := &bearer.Token{AccessToken: "rejected", RefreshToken: "r", Expiry: time.Now().Add(time.Hour)}
		if err := c.Set(t.Context(), first); err != nil {
			t.Fatal(err)
		}
		if got, err := c.Renew(t.Context(), first); err == nil {
			t.Errorf("got %q, want an error: it is the token that was rejected", got.AccessToken)
		}
		restarted := &bearer.Cache{Store: store, Key: "k"}
		got, err := restarted.Token(t.Context())
		if err != nil || got.RefreshToken != "r'" {
			t.Errorf("stored: got error %v, want the refresh token r'", err)
		}
	})
}

// refreshing is a Refresher without a Token method.
type refreshing func(prev *bearer.Token) (*bearer.Token, error)

func (r refreshing) Refresh(_ context.Context, prev *bearer.Token) (*bearer.Token, error) {
	return r(prev)
}

func (r refreshing) Token(context.Context) (*bearer.Token, error) {
	return nil, errors.New("log in")
}

// G16: when the answer to a refresh was lost, the refresh token may have been
// used. It is not used again while the access token is valid, for that may end
// it; when nothing is left to lose it is, as any refresh that callers wait for.
func TestLostAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		c := &bearer.Cache{Source: refreshing(func(*bearer.Token) (*bearer.Token, error) {
			calls++
			return nil, lostAnswer{}
		})}
		if err := c.Set(t.Context(), &bearer.Token{AccessToken: "a", RefreshToken: "r", Expiry: time.Now().Add(time.Hour)}); err != nil {
			t.Fatal(err)
		}
		for range 3599 {
			if _, err := c.Token(t.Context()); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
		}
		synctest.Wait()
		if calls != 1 {
			t.Errorf("while the access token was valid: got %d calls, want 1", calls)
		}
		time.Sleep(time.Second)
		for range 100 {
			if _, err := c.Token(t.Context()); !errors.Is(err, lostAnswer{}) {
				t.Fatalf("got %v, want the lost answer", err)
			}
		}
		if calls < 5 || calls > 15 {
			t.Errorf("when it had expired: got %d calls, want the repeats of one refresh", calls-1)
		}
	})
}

type lostAnswer struct{}

func (lostAnswer) Error() string    { return "the answer was lost" }
func (lostAnswer) MaybeSpent() bool { return true }

// outOfOrder is a Store that always fails, and no Locker.
type outOfOrder struct{}

func (outOfOrder) Get(context.Context, string) ([]byte, error) {
	return nil, errors.New("out of order")
}
func (outOfOrder) Put(context.Context, string, []byte) error { return errors.New("out of order") }
func (outOfOrder) Delete(context.Context, string) error      { return errors.New("out of order") }
