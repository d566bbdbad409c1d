package bearer_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"example.com/bearer"
)

// G12: whether renewals help is counted per host. An API that rejects every
// token does not cost renewals for ever because another one, which has its own
// Transport over the same Cache, accepts them; nor does it keep the other one
// from a renewal that helps.
func TestG12FutilityIsPerHost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source, api := &mint{lifetime: time.Hour}, new(moody)
		c := &bearer.Cache{Source: source}
		good := &http.Client{Transport: &bearer.Transport{Source: c, Base: api}}
		bad := &http.Client{Transport: &bearer.Transport{Source: c, Base: roundTrip(func(req *http.Request) (*http.Response, error) {
			return answer(req, http.StatusUnauthorized, ""), nil
		})}}
		for range 6000 {
			if got := get(bad, "https://bad.test/"); got != http.StatusUnauthorized {
				t.Fatalf("the API that rejects: got %d, want 401", got)
			}
			if got := get(good, "https://good.test/"); got != http.StatusOK {
				t.Fatalf("the other API: got %d, want 200", got)
			}
			time.Sleep(10 * time.Millisecond)
		}
		if n := source.calls.Load(); n > 10 {
			t.Errorf("got %d token requests in a minute, want 10 at the most", n)
		}
		for range 3 { // each helps
			api.revokeAll()
			before := source.calls.Load()
			if got := get(good, "https://good.test/"); got != http.StatusOK || source.calls.Load() != before+1 {
				t.Errorf("after a revocation: got %d and %d token requests, want 200 and 1", got, source.calls.Load()-before)
			}
		}
	})
}

// A Source that uses its own Cache's client is told so at once, through however
// many Caches, and not after 30 s.
func TestSourceThatUsesItsOwnCache(t *testing.T) {
	const want = "the Source waits for its own Cache: its requests must not go through a Transport that this Cache authorizes"
	synctest.Test(t, func(t *testing.T) {
		var c, other *bearer.Cache
		for name, use := range map[string]func(context.Context) error{
			"Token": func(ctx context.Context) error { _, err := c.Token(ctx); return err },
			"Renew": func(ctx context.Context) error { _, err := c.Renew(ctx, nil); return err },
			"Transport": func(ctx context.Context) error {
				req, _ := http.NewRequestWithContext(ctx, http.MethodPost, "https://auth.test/token", nil)
				_, err := (&http.Client{Transport: &bearer.Transport{Source: c}}).Do(req)
				return err
			},
			"another Cache": func(ctx context.Context) error { _, err := other.Token(ctx); return err },
		} {
			var inner error
			c = &bearer.Cache{Source: bearer.SourceFunc(func(ctx context.Context) (*bearer.Token, error) {
				inner = use(ctx)
				return nil, inner
			}), RetryFor: -1}
			other = &bearer.Cache{Source: c, RetryFor: -1}
			start := time.Now()
			_, err := c.Token(t.Context())
			if took := time.Since(start); err == nil || !strings.Contains(err.Error(), want) || took != 0 {
				t.Errorf("%s: got %v after %v, want %q at once", name, err, took, want)
			}
			if te := (*bearer.TokenError)(nil); !errors.As(inner, &te) {
				t.Errorf("%s: the Source got %v, want a *TokenError", name, inner)
			}
		}
	})
}

// A hook may use the Cache although its context is that of the refresh, or of
// the Source's own request.
func TestHookIsNotTakenForTheSource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := new(failing)
		calls := 0
		var c *bearer.Cache
		use := func(ctx context.Context, _ bearer.Event) {
			if _, err := c.Token(ctx); err != nil {
				t.Errorf("the hook got %v, want the token", err)
			}
			calls++
		}
		c = &bearer.Cache{Store: s, Key: "k", Hooks: &bearer.Hooks{TokenWithheld: use, StoreFailed: use}}
		client := &http.Client{Transport: &bearer.Transport{Source: c, Hosts: []string{"api.test"}, Base: roundTrip(func(req *http.Request) (*http.Response, error) {
			return answer(req, http.StatusOK, ""), nil
		})}}
		c.Source = &contextual{func(ctx context.Context, refresh string) (*bearer.Token, error) {
			if refresh != "" {
				s.get.Store(true) // the Store is read once more after a refusal
				return nil, refused(400, "invalid_grant")
			}
			req, _ := http.NewRequestWithContext(ctx, http.MethodGet, "https://auth.test/token", nil)
			resp, err := client.Do(req)
			if err != nil {
				return nil, err
			}
			resp.Body.Close()
			time.Sleep(time.Second) // in which the hooks wait for the token
			return token("t", time.Hour), nil
		}}
		if err := c.Set(t.Context(), &bearer.Token{RefreshToken: "r"}); err != nil {
			t.Fatal(err)
		}
		mustToken(t, c)
		synctest.Wait()
		if calls < 2 {
			t.Errorf("got %d hooks called, want both", calls)
		}
	})
}

// contextual is a Source with refresh tokens that gets the context.
type contextual struct {
	ask func(ctx context.Context, refresh string) (*bearer.Token, error)
}

func (c *contextual) Token(ctx context.Context) (*bearer.Token, error) { return c.ask(ctx, "") }

func (c *contextual) Refresh(ctx context.Context, prev *bearer.Token) (*bearer.Token, error) {
	return c.ask(ctx, prev.RefreshToken)
}

// G18: when the API has rejected the access token there is nothing left to
// lose, so a refresh token is used although an answer to it was lost, or it was
// refused, while the access token was valid.
func TestRejectedTokenIsRenewedAfterALostRefresh(t *testing.T) {
	for _, first := range []error{errors.New("EOF"), refused(500, ""), refused(400, "invalid_grant")} {
		for _, lately := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				var lost bool
				a := askedBy(func(n int, refresh string) (*bearer.Token, error) {
					if refresh == "" {
						return nil, refused(0, "login_required")
					}
					if !lost {
						lost = true
						return nil, first
					}
					return userToken(fmt.Sprint("new-", n), "r2", time.Hour), nil
				})
				api := new(moody)
				c := &bearer.Cache{Source: a}
				client := &http.Client{Transport: &bearer.Transport{Source: c, Base: api}}
				if err := c.Set(t.Context(), userToken("old", "r", time.Hour)); err != nil {
					t.Fatal(err)
				}
				time.Sleep(56 * time.Minute)
				get(client, apiURL) // the refresh in the background is lost
				synctest.Wait()
				if lately {
					time.Sleep(time.Minute)
				}
				api.revokeAll()
				var wg sync.WaitGroup
				for range 100 {
					wg.Go(func() {
						if got := get(client, apiURL); got != http.StatusOK {
							t.Errorf("%v: got %d, want 200", first, got)
						}
					})
				}
				wg.Wait()
				if n := a.calls(); n != 2 {
					t.Errorf("%v: got %d token requests, want 2", first, n)
				}
			})
		}
	}
}

// G18: without a Transport as well, also long after an earlier renewal.
func TestRenewAfterALostRefreshWithoutATransport(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := askedBy(func(n int, refresh string) (*bearer.Token, error) {
			if n == 2 {
				return nil, errors.New("EOF")
			}
			return userToken(fmt.Sprint("new-", n), "r", time.Hour), nil
		})
		c := &bearer.Cache{Source: a}
		if err := c.Set(t.Context(), userToken("old", "r", time.Hour)); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Renew(t.Context(), mustToken(t, c)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(56 * time.Minute)
		rejected := mustToken(t, c) // a refresh in the background is lost
		synctest.Wait()
		if got, err := c.Renew(t.Context(), rejected); err != nil || got.AccessToken != "new-3" {
			t.Errorf("got %v, want new-3", err)
		}
	})
}

// G12: without a Transport nothing says whether a renewed token was accepted,
// so the first repeat passes; Accepted says it, and then every one does.
func TestRenewWithoutATransport(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &bearer.Cache{Source: &mint{lifetime: time.Hour}}
		got := mustToken(t, c)
		var err error
		for n := range 2 {
			if got, err = c.Renew(t.Context(), got); err != nil {
				t.Fatalf("renewal %d: got %v, want a token", n, err)
			}
		}
		_, err = c.Renew(t.Context(), got)
		if te := (*bearer.TokenError)(nil); !errors.As(err, &te) || te.RetryAfter <= 0 || !strings.Contains(err.Error(), "the API rejects new tokens too") {
			t.Errorf("a third renewal at once: got %v, want it refused, with a time to come back", err)
		}
		c.Accepted(&bearer.Token{AccessToken: "another"}) // says nothing of this one
		c.Accepted(nil)
		if _, err = c.Renew(t.Context(), got); err == nil {
			t.Error("after Accepted of another token: got a token, want the renewal refused")
		}
		for n := range 20 {
			c.Accepted(got)
			if got, err = c.Renew(t.Context(), got); err != nil {
				t.Fatalf("renewal %d after Accepted: got %v, want a token", n, err)
			}
		}
		time.Sleep(time.Minute)
		for n := range 2 {
			if got, err = c.Renew(t.Context(), got); err != nil {
				t.Fatalf("after a quiet minute, renewal %d: got %v, want a token", n, err)
			}
		}
	})
}

// Renew of nil forces a renewal; the token stays valid until it has succeeded.
func TestRenewNil(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		down := false
		m := &mint{lifetime: time.Hour}
		c := &bearer.Cache{RetryFor: -1, Source: bearer.SourceFunc(func(ctx context.Context) (*bearer.Token, error) {
			time.Sleep(time.Second)
			if down {
				return nil, errDown
			}
			return m.Token(ctx)
		})}
		if got, err := c.Renew(t.Context(), nil); err != nil || got.AccessToken != "token-1" {
			t.Errorf("an empty Cache: got %v, want its first token", err)
		}
		done := make(chan error)
		go func() {
			got, err := c.Renew(t.Context(), nil)
			if err == nil && got.AccessToken != "token-2" {
				err = errors.New("got " + got.AccessToken + ", want token-2")
			}
			done <- err
		}()
		time.Sleep(500 * time.Millisecond)
		start := time.Now()
		if got := mustToken(t, c); got.AccessToken != "token-1" || time.Since(start) != 0 {
			t.Errorf("meanwhile: got %q after %v, want token-1 at once", got.AccessToken, time.Since(start))
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
		down = true
		if _, err := c.Renew(t.Context(), nil); !errors.Is(err, errDown) {
			t.Errorf("got %v, want the endpoint's failure", err)
		}
		start = time.Now()
		if got := mustToken(t, c); got.AccessToken != "token-2" || time.Since(start) != 0 {
			t.Errorf("after a failure: got %q, want token-2 at once", got.AccessToken)
		}
	})
}

// G12: a thousand Caches whose tokens are revoked together do not renew them in
// the same millisecond.
func TestRenewalsAreSpread(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const caches = 1000
		at := make(map[time.Duration]int)
		var mu sync.Mutex // guards at
		var start time.Time
		revoked := false
		var wg sync.WaitGroup
		for range caches {
			c := &bearer.Cache{Source: bearer.SourceFunc(func(context.Context) (*bearer.Token, error) {
				mu.Lock()
				defer mu.Unlock()
				if !revoked {
					return token("old", time.Hour), nil
				}
				at[time.Since(start).Truncate(time.Millisecond)]++
				return token("new", time.Hour), nil
			})}
			old := mustToken(t, c)
			wg.Go(func() {
				time.Sleep(time.Minute)
				if _, err := c.Renew(t.Context(), old); err != nil {
					t.Error(err)
				}
			})
		}
		start = time.Now().Add(time.Minute)
		mu.Lock()
		revoked = true
		mu.Unlock()
		wg.Wait()
		for ms, n := range at {
			if n > caches/10 || ms > 100*time.Millisecond {
				t.Errorf("got %d renewals after %v, want them spread over some 50ms", n, ms)
			}
		}
	})
}
