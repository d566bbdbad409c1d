package bearer_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/oauth2"

	"example.com/bearer"
)

// G9, G13: a refresh that does not return is a failure like any other: it is
// remembered and told, and as its refresh token may have been spent, that is
// left alone while the access token is valid.
func TestHungRefreshIsRemembered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var sent, told atomic.Int64
		c := &bearer.Cache{
			Source: refresher(func(context.Context, *bearer.Token) (*bearer.Token, error) {
				sent.Add(1)
				time.Sleep(10 * time.Minute) // ignores its context
				return nil, errors.New("too late")
			}),
			Hooks: &bearer.Hooks{RefreshFailed: func(_ context.Context, e bearer.Event) { told.Add(1) }},
		}
		login := token("access", time.Hour)
		login.RefreshToken = "refresh"
		if err := c.Set(t.Context(), login); err != nil {
			t.Fatal(err)
		}
		time.Sleep(56 * time.Minute) // in the window
		for range 180 {
			if _, err := c.Token(t.Context()); err != nil {
				t.Fatalf("got %v, want the valid token", err)
			}
			time.Sleep(time.Second)
		}
		synctest.Wait()
		if sent.Load() != 1 || told.Load() != 1 || c.Status().LastError == nil {
			t.Errorf("got the refresh token sent %d times, %d failures told and %v as the last error, want 1, 1 and an error",
				sent.Load(), told.Load(), c.Status().LastError)
		}
		time.Sleep(time.Hour) // for those that hang
	})
}

// G18: the refusal of a refresh token counts as well when it comes after the
// refresh was given up: the token is not sent again.
func TestLateRefusalIsRemembered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sent := 0
		c := &bearer.Cache{Source: refresher(func(context.Context, *bearer.Token) (*bearer.Token, error) {
			sent++
			time.Sleep(time.Minute) // ignores its context
			return nil, refused(http.StatusBadRequest, "invalid_grant")
		})}
		if err := c.Set(t.Context(), &bearer.Token{RefreshToken: "dead"}); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Token(t.Context()); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want a refresh that was given up", err)
		}
		time.Sleep(time.Minute)
		const want = `bearer: no token: oauth2: "invalid_grant"; the user has to log in again`
		if _, err := c.Token(t.Context()); !errors.Is(err, bearer.ErrLoginRequired) || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
		if sent != 1 {
			t.Errorf("got the refresh token sent %d times, want once", sent)
		}
	})
}

// slowGet is a Store without a lock whose Gets take their time.
type slowGet struct {
	failing
	pauses chan time.Duration
}

func (s *slowGet) Get(ctx context.Context, key string) ([]byte, error) {
	select {
	case d := <-s.pauses:
		time.Sleep(d)
	default:
	}
	return s.failing.Get(ctx, key)
}

// G7, G13: a refresh that was given up while its Store hung does not ask the
// Source beside the refresh that came after it.
func TestGivenUpRefreshAsksNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &rotor{lifetime: time.Hour, takes: 20 * time.Second}
		s := &slowGet{pauses: make(chan time.Duration, 1)}
		c := &bearer.Cache{Source: r, Store: s, Key: "k", RefreshBefore: -1}
		if err := c.Set(t.Context(), r.login()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		s.pauses <- 45 * time.Second
		_, err := c.Token(t.Context())
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want a deadline", err)
		}
		time.Sleep(5 * time.Second)
		_, err = c.Token(t.Context())
		time.Sleep(time.Minute)
		if n, reused := r.calls(); err != nil || reused || n != 1 {
			t.Errorf("got %v, %d refreshes, reuse %v, want one refresh", err, n, reused)
		}
		if _, err = c.Token(t.Context()); err != nil {
			t.Errorf("afterwards: got %v, want a token", err)
		}
	})
}

type foreignBreaker struct{ done func(error) }

func (b foreignBreaker) Allow() (func(error), error) { return b.done, nil }

// G13: what a Breaker does when it is told of a refresh that succeeded costs
// no rotated refresh token.
func TestBreakerThatBreaksOffWhenTold(t *testing.T) {
	for name, done := range map[string]func(error){
		"panic":  func(error) { panic("boom") },
		"goexit": func(error) { runtime.Goexit() },
		"hang":   func(error) { time.Sleep(time.Hour) },
		"nil":    nil,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := &rotor{lifetime: 30 * time.Minute}
				c := &bearer.Cache{Source: r, Breaker: foreignBreaker{done}, RefreshBefore: -1}
				if err := c.Set(t.Context(), r.login()); err != nil {
					t.Fatal(err)
				}
				for range 3 {
					time.Sleep(30 * time.Minute)
					if _, err := c.Token(t.Context()); err != nil {
						t.Fatalf("got %v, want a token", err)
					}
				}
				if n, reused := r.calls(); n != 3 || reused {
					t.Errorf("got %d refreshes, reuse %v, want 3, none", n, reused)
				}
				time.Sleep(2 * time.Hour)
			})
		})
	}
}

// whimsical is a Store that never reads the same bytes twice.
type whimsical struct {
	failing
	gets atomic.Int64
}

func (s *whimsical) Get(ctx context.Context, key string) ([]byte, error) {
	data, err := s.failing.Get(ctx, key)
	return append(data, strings.Repeat(" ", int(s.gets.Add(1)%100000))...), err
}

// G13, G19: a Store whose records never read the same keeps no refresh from its
// token, nor a goroutine busy.
func TestStoreThatNeverReadsTheSame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &rotor{lifetime: time.Hour}
		s := new(whimsical)
		c := &bearer.Cache{Source: r, Store: s, Key: "k", RefreshBefore: -1}
		if err := c.Set(t.Context(), r.login()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		got, err := c.Token(ctx)
		if err != nil || got.AccessToken != "access-1" {
			t.Errorf("got %v and %v, want access-1", got, err)
		}
		if s.gets.Load() > 50 {
			t.Errorf("got %d reads, want a few", s.gets.Load())
		}
	})
}

// Huge durations mean what they say.
func TestHugeDurationsMeanWhatTheySay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var calls atomic.Int64
		const huge = time.Duration(math.MaxInt64)
		c := &bearer.Cache{
			Source:   bearer.SourceFunc(func(context.Context) (*bearer.Token, error) { calls.Add(1); return nil, errors.New("down") }),
			RetryFor: huge, RefreshTimeout: huge, RefreshBefore: huge, DefaultLifetime: huge,
			Breaker: &bearer.CircuitBreaker{OpenFor: huge},
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		_, err := c.Token(ctx)
		if n := calls.Load(); !errors.Is(err, context.DeadlineExceeded) || n > 120 {
			t.Errorf("got %v and %d requests in a minute, want the deadline and one request a second or so", err, n)
		}
		ctx, cancel = context.WithTimeout(t.Context(), time.Minute)
		cancel()
		_ = c.Delete(ctx)
		c.Invalidate(nil)
		if err := c.Set(t.Context(), &bearer.Token{AccessToken: "a"}); err != nil {
			t.Errorf("Set: got %v", err)
		}
		if _, err := c.Token(t.Context()); err != nil {
			t.Errorf("got %v, want a token", err)
		}
		c.Status()
		time.Sleep(200 * 365 * 24 * time.Hour) // for the refresh without a limit
	})
}

type valueSource struct{}

func (valueSource) Token(context.Context) (*bearer.Token, error) { return nil, errors.New("x") }
func (valueSource) Credential() (string, string)                 { return "https://as", "id" }

// A nil pointer in a field is named, with a Store as well as without.
func TestNilPointersAreNamed(t *testing.T) {
	for name, row := range map[string]struct {
		c    *bearer.Cache
		want string
	}{
		"Source":          {&bearer.Cache{Source: (*valueSource)(nil)}, "Cache.Source is a nil"},
		"Source, a Store": {&bearer.Cache{Source: (*valueSource)(nil), Store: new(bearer.MemoryStore), Key: "k"}, "Cache.Source is a nil"},
		"Store":           {&bearer.Cache{Source: new(mint), Store: (*bearer.MemoryStore)(nil), Key: "k"}, "Cache.Store is a nil"},
		"CircuitBreaker":  {&bearer.Cache{Source: new(mint), Breaker: (*bearer.CircuitBreaker)(nil)}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if p := recover(); p != nil {
					t.Errorf("panic: %v", p)
				}
			}()
			_, err := row.c.Token(t.Context())
			if row.want == "" && err != nil || row.want != "" && (err == nil || !strings.Contains(err.Error(), row.want)) {
				t.Errorf("Token: got %v, want %q", err, row.want)
			}
			broken := strings.Contains(row.want, "Store")
			if err := row.c.Set(t.Context(), &bearer.Token{AccessToken: "a"}); (err != nil) != broken {
				t.Errorf("Set: got %v, want an error: %v", err, broken)
			}
			if err := row.c.Delete(t.Context()); (err != nil) != broken {
				t.Errorf("Delete: got %v, want an error: %v", err, broken)
			}
			if err := row.c.Flush(t.Context()); err != nil {
				t.Errorf("Flush: got %v, want nil: nothing is unsaved", err)
			}
			_ = row.c.Status()
		})
	}
}

type panicky struct{ failing }

func (*panicky) Get(context.Context, string) ([]byte, error) { panic("boom") }

// G13: a Store that panics does not panic in the caller of Set, Delete or
// Flush, and Set's token is in use.
func TestStoreThatPanicsUnderSet(t *testing.T) {
	defer func() {
		if p := recover(); p != nil {
			t.Errorf("panic: %v", p)
		}
	}()
	c := &bearer.Cache{Store: &panicky{}, Key: "k"}
	if err := c.Set(t.Context(), token("a", time.Hour)); err != nil {
		t.Errorf("Set: got %v, want nil: Put works", err)
	}
	if got, err := c.Token(t.Context()); err != nil || got.AccessToken != "a" {
		t.Errorf("got %v, %v, want a", got, err)
	}
	if err := c.Delete(t.Context()); err != nil {
		t.Errorf("Delete: got %v, want nil: it works", err)
	}
}

// G23: a caller that comes after Delete begins anew, also while a refresh is under
// way.
func TestTokenAfterDelete(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &mint{lifetime: time.Hour, takes: 5 * time.Second}
		c := &bearer.Cache{Source: m}
		go c.Token(t.Context())
		time.Sleep(time.Second)
		if err := c.Delete(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got, err := c.Token(t.Context()); err != nil || got.AccessToken != "token-2" {
			t.Errorf("got %v, %v, want token-2", got, err)
		}
	})
}

// G15: the body of the token endpoint's answer is withheld where it stands, and
// not where its letters happen to occur.
func TestShortBodyIsWithheld(t *testing.T) {
	re := &oauth2.RetrieveError{Response: &http.Response{Status: "400 Bad Request", StatusCode: 400}, Body: []byte("e")}
	c := &bearer.Cache{RetryFor: -1, Source: bearer.SourceFunc(func(context.Context) (*bearer.Token, error) {
		return nil, fmt.Errorf("fetch: %w", re)
	})}
	_, err := c.Token(t.Context())
	const want = "fetch: oauth2: cannot fetch token: 400 Bad Request\nResponse: (body withheld)"
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %q", err, want)
	}
}

// Errors that are empty, or nil pointers, harm neither the Cache nor a caller
// that prints what it got.
func TestOddErrors(t *testing.T) {
	for _, odd := range []error{&bearer.TokenError{}, (*bearer.TokenError)(nil), (*oauth2.RetrieveError)(nil), &oauth2.RetrieveError{}} {
		synctest.Test(t, func(t *testing.T) {
			c := &bearer.Cache{Source: bearer.SourceFunc(func(context.Context) (*bearer.Token, error) { return nil, odd })}
			for range 2 {
				if _, err := c.Token(t.Context()); err == nil || err.Error() == "" {
					t.Errorf("%T: got %v, want an error", odd, err)
				}
			}
			if err := c.Status().LastError; err == nil || err.Error() == "" {
				t.Errorf("%T: got %v as the last error, want one", odd, err)
			}
		})
	}
}
