package bearer_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/oauth2"

	"example.com/bearer"
)

// The texts: our prefix once, the cause in its own words, and when to come back
// if that is known.
func TestTokenErrorText(t *testing.T) {
	for _, row := range []struct {
		err  *bearer.TokenError
		want string
	}{
		{&bearer.TokenError{}, "bearer: no token: unknown cause"},
		{&bearer.TokenError{Err: errDown}, "bearer: no token: down"},
		{&bearer.TokenError{Err: errDown, RetryAfter: 1500 * time.Millisecond}, "bearer: no token: down (try again in 1.5s)"},
		{&bearer.TokenError{Err: errDown, RetryAfter: 1234567 * time.Nanosecond}, "bearer: no token: down (try again in 1ms)"},
		{&bearer.TokenError{Err: errDown, RetryAfter: 300 * time.Microsecond}, "bearer: no token: down"},
		{&bearer.TokenError{Err: fmt.Errorf("a Store of ours: %w", bearer.ErrNotFound)}, "bearer: no token: a Store of ours: bearer: not found in the store"},
		{&bearer.TokenError{Err: errors.New("grant: https://auth.test answered 400")}, "bearer: no token: grant: https://auth.test answered 400"},
	} {
		if got := row.err.Error(); got != row.want {
			t.Errorf("got %q, want %q", got, row.want)
		}
	}
}

// A Cache that is the Source of another one does not prefix twice, and its
// time to come back is that of the outer one.
func TestTokenErrorOfAnInnerCache(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inner := &bearer.Cache{Source: bearer.SourceFunc(func(context.Context) (*bearer.Token, error) {
			time.Sleep(2 * time.Second)
			return nil, errDown
		})}
		_, err := (&bearer.Cache{Source: inner}).Token(t.Context())
		if want := "bearer: no token: down (try again in "; err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	})
}

// G15: the body that golang.org/x/oauth2 prints is in no text, whether its error
// comes alone, wrapped, after another one, or after a breaker; errors.As still
// finds the error itself.
func TestBodyOfTheAnswerIsWithheld(t *testing.T) {
	html := refused(502, "")
	html.Response.Status = "502 Bad Gateway"
	html.Body = []byte(`<html>secret=canary</html>`)
	const text = "oauth2: cannot fetch token: 502 Bad Gateway\nResponse: (body withheld)"
	synctest.Test(t, func(t *testing.T) {
		c := &bearer.Cache{Breaker: &bearer.CircuitBreaker{}, Source: bearer.SourceFunc(func(context.Context) (*bearer.Token, error) {
			return nil, fmt.Errorf("wrapped: %w", html)
		})}
		for _, want := range []string{
			"bearer: no token: wrapped: " + text,
			"bearer: no token: circuit breaker is open after: wrapped: " + text,
		} {
			_, err := c.Token(t.Context())
			if err == nil || !strings.HasPrefix(err.Error(), want+" (try again in 1.") && !strings.HasPrefix(err.Error(), want+" (try again in 9") || !errors.Is(err, html) {
				t.Errorf("got %v, want %s", err, want)
			}
		}
	})
	synctest.Test(t, func(t *testing.T) {
		r := &rotor{fromZero: func() (*bearer.Token, error) { return nil, html }}
		c := &bearer.Cache{Source: r}
		if err := c.Set(t.Context(), &bearer.Token{RefreshToken: "dead"}); err != nil {
			t.Fatal(err)
		}
		_, err := c.Token(t.Context())
		if want := "bearer: no token: " + text + ` (from scratch, after: oauth2: "invalid_grant")`; err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	})
}

// The error of a waiter that left is the context's.
func TestTokenErrorOfAContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		c := &bearer.Cache{Source: &mint{takes: time.Second}}
		_, err := c.Token(ctx)
		if want := "bearer: no token: context canceled"; err == nil || err.Error() != want || !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want %s", err, want)
		}
		time.Sleep(time.Second)
	})
}

// A caller's own deadline is a time-out to http.Client too, which asks the
// error inside its url.Error.
func TestTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		never := bearer.SourceFunc(func(ctx context.Context) (*bearer.Token, error) { <-ctx.Done(); return nil, ctx.Err() })
		client := &http.Client{Transport: &bearer.Transport{Source: never}}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		req, _ := http.NewRequestWithContext(ctx, http.MethodGet, "https://api.test", nil)
		_, err := client.Do(req)
		var ue *url.Error
		if !errors.As(err, &ue) || !ue.Timeout() {
			t.Errorf("got %v, want a url.Error that is a time-out", err)
		}
		time.Sleep(time.Minute) // until the refresh has ended
	})
}

// A static token that has expired is not blamed on the clocks first: the Source
// has to return a new one.
func TestExpiredStaticToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		expired := token("t", time.Hour)
		time.Sleep(2 * time.Hour)
		c := &bearer.Cache{Source: bearer.FromOAuth2(oauth2.StaticTokenSource(expired))}
		_, err := c.Token(t.Context())
		const want = "bearer: no token: the Source returned a token that expired 1h0m0s ago: it must return a new one each time; if it does, compare the clocks of this machine and the server"
		if err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	})
}

// The error of a dead login is one sentence that says what to do, and matches
// both errors to branch on.
func TestDeadLogin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &bearer.Cache{Source: new(rotor)}
		if err := c.Set(t.Context(), &bearer.Token{RefreshToken: "dead"}); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			_, err := c.Token(t.Context())
			const want = `bearer: no token: oauth2: "invalid_grant"; the user has to log in again`
			if err == nil || err.Error() != want || !errors.Is(err, bearer.ErrLoginRequired) {
				t.Errorf("got %v, want %s", err, want)
			}
			if re := (*oauth2.RetrieveError)(nil); !errors.As(err, &re) || re.ErrorCode != "invalid_grant" {
				t.Errorf("got %v, want the server's refusal in it", err)
			}
		}
	})
}

// Other people's retry policies ask for Temporary: whether a later attempt may
// succeed without anything else being changed.
func TestTokenErrorTemporary(t *testing.T) {
	for _, row := range []struct {
		err  error
		want bool
	}{
		{errDown, true},
		{errRefusedConnection, true},
		{context.DeadlineExceeded, true},
		{refused(429, ""), true},
		{refused(503, "invalid_grant"), true},
		{bearer.ErrBreakerOpen, true},
		{fmt.Errorf("%w after: %w", bearer.ErrBreakerOpen, refused(400, "invalid_client")), true},
		{refused(401, "invalid_client"), false},
		{refused(400, "user_is_locked"), false},
		{bearer.ErrLoginRequired, false},
		{fmt.Errorf("wrapped: %w", bearer.ErrLoginRequired), false},
	} {
		var err error = &url.Error{Op: "Get", URL: "https://api.test", Err: &bearer.TokenError{Err: row.err}}
		var temporary interface{ Temporary() bool }
		if !errors.As(err, &temporary) || temporary.Temporary() != row.want {
			t.Errorf("%v: got Temporary %v, want %v", row.err, temporary.Temporary(), row.want)
		}
	}
	for _, c := range []*bearer.Cache{
		{},
		{Source: bearer.SourceFunc(nil)},
		{Source: &mint{}, Store: new(bearer.MemoryStore)}, // without a Key
		{Source: bearer.SourceFunc(func(context.Context) (*bearer.Token, error) { return nil, nil })},
	} {
		_, err := c.Token(t.Context())
		if te := (*bearer.TokenError)(nil); !errors.As(err, &te) || te.Temporary() || te.RetryAfter != 0 {
			t.Errorf("got %v, want an error that is not temporary, and no time to come back", err)
		}
	}
}
