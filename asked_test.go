package bearer_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/oauth2"

	"example.com/bearer"
)

// asked is a Source with refresh tokens that notes what it is asked and when,
// and answers as a test says.
type asked struct {
	mu      sync.Mutex
	start   time.Time
	sent    []string        // refresh tokens; "" from scratch
	at      []time.Duration // since start
	answers func(n int, refresh string) (*bearer.Token, error)
}

func askedBy(answers func(n int, refresh string) (*bearer.Token, error)) *asked {
	return &asked{start: time.Now(), answers: answers}
}

func (a *asked) ask(refresh string) (*bearer.Token, error) {
	a.mu.Lock()
	a.sent = append(a.sent, refresh)
	a.at = append(a.at, time.Since(a.start))
	n := len(a.sent)
	a.mu.Unlock()
	return a.answers(n, refresh)
}

func (a *asked) Token(context.Context) (*bearer.Token, error) { return a.ask("") }

func (a *asked) Refresh(_ context.Context, prev *bearer.Token) (*bearer.Token, error) {
	return a.ask(prev.RefreshToken)
}

func (a *asked) calls() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.sent)
}

// userToken is the token of a user's login.
func userToken(access, refresh string, lifetime time.Duration) *bearer.Token {
	t := token(access, lifetime)
	t.RefreshToken = refresh
	return t
}

// answered is a RetrieveError with the header of the server's answer.
func answered(status int, code, key, value string) *oauth2.RetrieveError {
	e := refused(status, code)
	e.Response.Header.Set(key, value)
	return e
}

// tokenFor calls Token every step for d, and fails unless each call returns a
// token.
func tokenFor(t *testing.T, c *bearer.Cache, d, step time.Duration) {
	t.Helper()
	for start := time.Now(); time.Since(start) < d; time.Sleep(step) {
		if _, err := c.Token(t.Context()); err != nil {
			t.Fatalf("after %v: got %v, want a token", time.Since(start), err)
		}
	}
}

// G20: the request has all of RefreshTimeout, however late the lock came: cut
// short it would lose a token that the server has rotated.
func TestRefreshTimeoutStartsWithTheLock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := new(bearer.MemoryStore)
		unlock, err := s.Lock(t.Context(), "k")
		if err != nil {
			t.Fatal(err)
		}
		time.AfterFunc(29950*time.Millisecond, func() { _ = unlock() })
		r := &rotor{lifetime: time.Hour, takes: 20 * time.Second}
		c := &bearer.Cache{Store: s, Key: "k", Source: &patient{r}}
		r.login()
		if err := s.Put(t.Context(), "k", []byte(`{"v":1,"refresh_token":"refresh-0"}`)); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		got, err := c.Token(t.Context())
		if err != nil || got.AccessToken != "access-1" {
			t.Errorf("got %v after %v, want access-1", err, time.Since(start))
		}
		if n, reused := r.calls(); n != 1 || reused {
			t.Errorf("got %d refreshes, reuse %v, want one", n, reused)
		}
	})
}

// patient is a rotor whose answer is lost if the caller does not wait for it.
type patient struct{ *rotor }

func (p *patient) Refresh(ctx context.Context, prev *bearer.Token) (*bearer.Token, error) {
	t, err := p.rotor.Refresh(ctx, prev)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return t, err
}

// G18: only a 4xx kills a refresh token. A server error that has invalid_grant
// in its body is an accident, and the token is sent again.
func TestServerErrorWithInvalidGrant(t *testing.T) {
	for _, status := range []int{500, 502, 503, 504} {
		synctest.Test(t, func(t *testing.T) {
			a := askedBy(func(n int, refresh string) (*bearer.Token, error) {
				if refresh == "" {
					return nil, refused(0, "login_required")
				}
				if n == 1 {
					return nil, refused(status, "invalid_grant")
				}
				return userToken("new", "r2", time.Hour), nil
			})
			c := &bearer.Cache{Source: a}
			if err := c.Set(t.Context(), &bearer.Token{RefreshToken: "r"}); err != nil {
				t.Fatal(err)
			}
			if got, err := c.Token(t.Context()); err != nil || got.AccessToken != "new" {
				t.Errorf("%d: got %v, want the new token", status, err)
			}
			if got := strings.Join(a.sent, " "); got != "r r" {
				t.Errorf("%d: got the refresh tokens %q sent, want the same twice", status, got)
			}
		})
	}
}

// G18: some servers refuse to refresh a token that is still valid. While the
// access token is valid the refusal is not final: the refresh token is sent once
// more at its expiry, and all callers wait for that.
func TestRefusalWhileTheTokenIsValid(t *testing.T) {
	for _, second := range []error{nil, refused(400, "invalid_grant")} {
		synctest.Test(t, func(t *testing.T) {
			a := askedBy(func(n int, refresh string) (*bearer.Token, error) {
				switch {
				case refresh == "":
					return nil, refused(0, "login_required")
				case n == 1:
					return nil, refused(400, "invalid_grant")
				}
				time.Sleep(time.Second)
				return userToken("new", "r2", time.Hour), second
			})
			c := &bearer.Cache{Source: a}
			if err := c.Set(t.Context(), userToken("old", "r", time.Hour)); err != nil {
				t.Fatal(err)
			}
			tokenFor(t, c, time.Hour-time.Second, time.Second)
			synctest.Wait()
			if got := a.calls(); got != 1 {
				t.Errorf("while the access token was valid: got %d requests, want 1", got)
			}
			time.Sleep(time.Second)
			var wg sync.WaitGroup
			for range 100 {
				wg.Go(func() {
					switch _, err := c.Token(t.Context()); {
					case second == nil && err != nil:
						t.Errorf("at its expiry: got %v, want the new token", err)
					case second != nil && !errors.Is(err, bearer.ErrLoginRequired):
						t.Errorf("at its expiry: got %v, want ErrLoginRequired", err)
					}
				})
			}
			wg.Wait()
			if got, want := strings.TrimSpace(strings.Join(a.sent, " ")), "r r"; got != want {
				t.Errorf("got the refresh tokens %q sent, want %q", got, want)
			}
			if second != nil {
				_, _ = c.Token(t.Context())
				if got := a.calls(); got != 3 {
					t.Errorf("got %d requests, want two refreshes and one from scratch: the second refusal is final", got)
				}
			}
		})
	}
}

// G18: a caller whose token was rejected does not wait out the pause after a
// refusal that came while the access token was valid.
func TestInvalidateAfterARefusal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := askedBy(func(n int, refresh string) (*bearer.Token, error) {
			if n == 1 {
				return nil, refused(400, "invalid_grant")
			}
			return userToken("new", "r2", time.Hour), nil
		})
		c := &bearer.Cache{Source: a}
		if err := c.Set(t.Context(), userToken("old", "r", time.Minute)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(50 * time.Second)
		old := mustToken(t, c)
		synctest.Wait()
		c.Invalidate(old)
		if got, err := c.Token(t.Context()); err != nil || got.AccessToken != "new" || a.sent[1] != "r" {
			t.Errorf("got %v after the refresh tokens %q, want a new token by the old one", err, a.sent)
		}
	})
}

// G17, G18: a breaker that lets nothing through proves nothing about the refresh
// token: a first refusal is not taken for a second one because the endpoint is
// down for others.
func TestOpenBreakerIsNoSecondRefusal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		healthy := false
		a := askedBy(func(n int, refresh string) (*bearer.Token, error) {
			switch {
			case refresh == "":
				return nil, refused(0, "login_required")
			case !healthy:
				return nil, refused(400, "invalid_grant")
			}
			return userToken("new", "r2", time.Hour), nil
		})
		breaker := new(bearer.CircuitBreaker)
		c := &bearer.Cache{Source: a, Breaker: breaker}
		if err := c.Set(t.Context(), userToken("old", "r", time.Minute)); err != nil {
			t.Fatal(err)
		}
		tokenFor(t, c, 50*time.Second, time.Second)
		synctest.Wait()
		if got := a.calls(); got != 1 {
			t.Fatalf("while the access token was valid: got %d requests, want 1", got)
		}
		failFor(breaker, 10*time.Second) // other Caches' refreshes
		if _, err := c.Token(t.Context()); !errors.Is(err, bearer.ErrBreakerOpen) {
			t.Fatalf("got %v, want ErrBreakerOpen", err)
		}
		healthy = true
		time.Sleep(30 * time.Second)
		if got, err := c.Token(t.Context()); err != nil || got.AccessToken != "new" {
			t.Errorf("when the breaker let it through: got %v, want the new token", err)
		}
	})
}

// G16: an error of unknown kind from a Refresher may mean that the token was
// spent, so it is not sent again while the access token is valid. What proves
// that the server did not process the request does not stop it.
func TestUnknownErrorMayHaveSpentTheRefreshToken(t *testing.T) {
	for _, row := range []struct {
		err   error
		again bool
	}{
		{errors.New("EOF"), false},
		{context.DeadlineExceeded, false},
		{refused(500, "server_error"), false},
		{refused(502, ""), false},
		{refused(503, ""), false},
		{refused(200, ""), false},
		{answered(503, "", "Retry-After", "1"), true},
		{refused(503, "temporarily_unavailable"), true},
		{refused(429, ""), true},
		{refused(400, "something_else"), true},
		{errRefusedConnection, true},
	} {
		synctest.Test(t, func(t *testing.T) {
			a := askedBy(func(int, string) (*bearer.Token, error) { return nil, row.err })
			c := &bearer.Cache{Source: a}
			if err := c.Set(t.Context(), userToken("a", "r", time.Hour)); err != nil {
				t.Fatal(err)
			}
			tokenFor(t, c, time.Hour-time.Second, time.Second)
			synctest.Wait()
			if got := a.calls(); (got > 1) != row.again || got == 0 {
				t.Errorf("%v: got %d requests while the access token was valid, want more than one: %v", row.err, got, row.again)
			}
		})
	}
}

// G16: a failure in between, for instance of the Store, does not make the Cache
// forget that the refresh token may have been spent.
func TestSpentRefreshTokenIsRememberedBesideOtherFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := new(failingLocker)
		a := askedBy(func(int, string) (*bearer.Token, error) { return nil, errors.New("EOF") })
		c := &bearer.Cache{Source: a, Store: s, Key: "k"}
		if err := c.Set(t.Context(), userToken("a", "r", time.Hour)); err != nil {
			t.Fatal(err)
		}
		tokenFor(t, c, 56*time.Minute, time.Second)
		s.lock.Store(true)
		if _, err := c.Renew(t.Context(), nil); err == nil {
			t.Fatal("Renew: got a token, want the Store's error")
		}
		s.lock.Store(false)
		tokenFor(t, c, time.Hour-time.Since(a.start)-time.Second, time.Second)
		synctest.Wait()
		if got := a.calls(); got != 1 {
			t.Errorf("got the refresh token sent %d times while the access token was valid, want once", got)
		}
	})
}

// G18: a refusal of client credentials, for instance during a server's restart,
// is not final: pauses grow to 5 minutes, for Renew too.
func TestRefusedClientIsAskedAgain(t *testing.T) {
	for _, code := range []string{"invalid_client", "unauthorized_client", "invalid_request", "login_required", "account_locked"} {
		for _, renew := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				down := true
				c := &bearer.Cache{Source: bearer.SourceFunc(func(context.Context) (*bearer.Token, error) {
					if down {
						return nil, refused(401, code)
					}
					return token("t", time.Hour), nil
				})}
				get := func() error {
					if !renew {
						_, err := c.Token(t.Context())
						return err
					}
					_, err := c.Renew(t.Context(), nil)
					return err
				}
				for range 24 * 60 {
					if err := get(); err == nil {
						t.Fatal("got a token from a server that refuses")
					}
					time.Sleep(time.Minute)
				}
				down = false
				up := time.Now()
				for get() != nil {
					if time.Sleep(time.Second); time.Since(up) > 5*time.Minute+time.Second {
						t.Fatalf("%s, renew %v: no token 5 minutes after the server is well again", code, renew)
					}
				}
			})
		}
	}
}

// G17: an answer with a 4xx and any code is that of a healthy endpoint:
// one bad user on a shared breaker does not harm the others.
func TestBadUserOnASharedBreaker(t *testing.T) {
	for _, bad := range []error{refused(400, "user_is_locked"), refused(403, ""), refused(401, "invalid_grant"), refused(422, "nope")} {
		synctest.Test(t, func(t *testing.T) {
			breaker := new(bearer.CircuitBreaker)
			locked := &bearer.Cache{Breaker: breaker, Source: bearer.SourceFunc(func(context.Context) (*bearer.Token, error) { return nil, bad })}
			for range 3600 {
				if _, err := locked.Token(t.Context()); err == nil {
					t.Fatal("got a token for the bad user")
				}
				start := time.Now()
				newcomer := &bearer.Cache{Breaker: breaker, Source: &mint{lifetime: time.Hour}}
				if _, err := newcomer.Token(t.Context()); err != nil || time.Since(start) != 0 {
					t.Fatalf("%v: a newcomer got %v after %v, want a token at once", bad, err, time.Since(start))
				}
				time.Sleep(time.Second)
			}
		})
	}
}

// G20: neither a long pause nor an open breaker hides what another process
// stores: the Store is looked at with pauses that grow to 30 s.
func TestPauseDoesNotHideTheStore(t *testing.T) {
	for name, err := range map[string]error{
		"Retry-After":      answered(503, "", "Retry-After", "600"),
		"open breaker":     errDown,
		"invalid_client":   refused(401, "invalid_client"),
		"no refresh token": refused(0, "login_required"),
	} {
		for _, shared := range []bool{true, false} {
			synctest.Test(t, func(t *testing.T) {
				s := new(failingLocker)
				var store bearer.Store = &s.failing
				if shared {
					store = s
				}
				a := askedBy(func(int, string) (*bearer.Token, error) { return nil, err })
				c := &bearer.Cache{Source: a, Store: store, Key: "k", Breaker: new(bearer.CircuitBreaker)}
				for start := time.Now(); time.Since(start) < 5*time.Minute; time.Sleep(time.Second) {
					if _, err := c.Token(t.Context()); err == nil {
						t.Fatal("got a token before there was one")
					}
				}
				if name == "Retry-After" && a.calls() != 1 {
					t.Errorf("got %d requests within Retry-After, want 1", a.calls())
				}
				calls := a.calls()
				if err := (&bearer.Cache{Store: s, Key: "k"}).Set(t.Context(), token("theirs", time.Hour)); err != nil {
					t.Fatal(err)
				}
				stored := time.Now()
				for {
					got, err := c.Token(t.Context())
					if err == nil && got.AccessToken == "theirs" {
						break
					}
					if time.Since(stored) > 30*time.Second {
						t.Fatalf("%s, shared %v: got %v half a minute after another process has stored a token", name, shared, err)
					}
					time.Sleep(100 * time.Millisecond)
				}
				if got := a.calls() - calls; got > 2 {
					t.Errorf("%s, shared %v: got %d more requests, want the Source left alone", name, shared, got)
				}
			})
		}
	}
}

// G18: a server refuses a refresh with a code that no RFC knows, or with 400 or
// 401 and an empty body. Repeated at expiry that means that a login is needed,
// though it is not final; a page for people comes from a gateway and means
// nothing.
func TestVagueRefusal(t *testing.T) {
	for _, row := range []struct {
		err   error
		login bool
	}{
		{refused(400, ""), true},
		{refused(401, ""), true},
		{refused(400, "token_revoked"), true},
		{refused(200, "bad_refresh_token"), true}, // GitHub
		{refused(200, "invalid_grant"), true},
		{refused(400, "invalid_scope"), false},
		{refused(400, "temporarily_unavailable"), false},
		{refused(400, "server_error"), false},
		{refused(404, "Not Found"), false}, // a path that is missing during a deployment
		{answered(400, "", "Content-Type", "text/html; charset=utf-8"), false},
		{refused(403, ""), false},
		{refused(500, ""), false},
	} {
		synctest.Test(t, func(t *testing.T) {
			well := false
			a := askedBy(func(int, string) (*bearer.Token, error) {
				if well {
					return userToken("new", "r2", time.Hour), nil
				}
				return nil, row.err
			})
			c := &bearer.Cache{Source: a, RetryFor: -1}
			if err := c.Set(t.Context(), userToken("a", "r", time.Minute)); err != nil {
				t.Fatal(err)
			}
			tokenFor(t, c, time.Minute, time.Second)
			var err error
			for start := time.Now(); time.Since(start) < 10*time.Minute; time.Sleep(10 * time.Second) {
				if _, err = c.Token(t.Context()); err == nil {
					t.Fatal("got a token from a server that refuses")
				}
			}
			if got := errors.Is(err, bearer.ErrLoginRequired); got != row.login {
				t.Errorf("%d %q: got %v, ErrLoginRequired %v, want %v", row.err.(*oauth2.RetrieveError).Response.StatusCode,
					row.err.(*oauth2.RetrieveError).Response.Header, err, got, row.login)
			}
			well = true
			time.Sleep(5 * time.Minute)
			if _, err := c.Token(t.Context()); err != nil {
				t.Errorf("when the server is well again: got %v, want a token: the refusal was not final", err)
			}
		})
	}
}

// G18: one such refusal is not enough at any time: the login may be good and
// the server at fault.
func TestFirstRefusalWithoutACode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := askedBy(func(int, string) (*bearer.Token, error) { return nil, refused(400, "") })
		c := &bearer.Cache{Source: a}
		if err := c.Set(t.Context(), &bearer.Token{RefreshToken: "r"}); err != nil {
			t.Fatal(err)
		}
		for n := 1; n <= 3; n++ {
			if _, err := c.Token(t.Context()); errors.Is(err, bearer.ErrLoginRequired) != (n > 1) {
				t.Errorf("refusal %d: got %v, want ErrLoginRequired: %v", n, err, n > 1)
			}
			time.Sleep(10 * time.Second)
		}
	})
}

// G17, G23: repeats end when the token is replaced or deleted: its refresh token
// is not sent any more.
func TestRepeatsEndWithTheToken(t *testing.T) {
	for name, replace := range map[string]func(c *bearer.Cache) error{
		"Set":    func(c *bearer.Cache) error { return c.Set(context.Background(), token("new", time.Hour)) },
		"Delete": func(c *bearer.Cache) error { return c.Delete(context.Background()) },
	} {
		for _, retryAfter := range []string{"", "2"} {
			synctest.Test(t, func(t *testing.T) {
				a := askedBy(func(_ int, refresh string) (*bearer.Token, error) {
					if refresh == "" {
						return nil, refused(0, "login_required")
					}
					return nil, answered(503, "temporarily_unavailable", "Retry-After", retryAfter)
				})
				c := &bearer.Cache{Source: a}
				if err := c.Set(t.Context(), &bearer.Token{RefreshToken: "r"}); err != nil {
					t.Fatal(err)
				}
				done := make(chan error)
				go func() { _, err := c.Token(t.Context()); done <- err }()
				time.Sleep(time.Second)
				before := a.calls()
				if err := replace(c); err != nil {
					t.Fatal(err)
				}
				if err := <-done; (err == nil) != (name == "Set") {
					t.Errorf("%s: the caller got %v", name, err)
				}
				if n := a.calls(); n != before {
					t.Errorf("%s: got the refresh tokens %q sent, want the last %d not", name, a.sent, n-before)
				}
			})
		}
	}
}

// G16: while callers wait, the pause that a server asks for is kept: a repeat
// comes after it, and none if that is longer than callers wait.
func TestRetryAfterWhileCallersWait(t *testing.T) {
	for _, row := range []struct {
		status int
		after  string
		want   []time.Duration // of the requests; the third is answered with a token
		err    bool
	}{
		{429, "600", []time.Duration{0}, true},
		{503, "600", []time.Duration{0}, true},
		{429, "2", []time.Duration{0, 2 * time.Second, 4 * time.Second}, false},
		{503, "2", []time.Duration{0, 2 * time.Second, 4 * time.Second}, false},
		{503, "3", []time.Duration{0, 3 * time.Second}, true},
	} {
		for _, breaker := range []bearer.Breaker{nil, bearer.NoBreaker} {
			synctest.Test(t, func(t *testing.T) {
				a := askedBy(func(n int, _ string) (*bearer.Token, error) {
					if n < 3 {
						return nil, answered(row.status, "", "Retry-After", row.after)
					}
					return token("t", time.Hour), nil
				})
				c := &bearer.Cache{Source: a, Breaker: breaker}
				_, err := c.Token(t.Context())
				if (err != nil) != row.err || len(a.at) != len(row.want) {
					t.Fatalf("%d, Retry-After %s, breaker %T: got %v after requests at %v, want them at %v", row.status, row.after, breaker, err, a.at, row.want)
				}
				for i, at := range a.at {
					if at < row.want[i] || at > row.want[i]+time.Second {
						t.Errorf("%d, Retry-After %s, breaker %T: got requests at %v, want them at %v", row.status, row.after, breaker, a.at, row.want)
						break
					}
				}
			})
		}
	}
}
