package login

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/oauth2"

	"example.com/bearer/grant"
)

// A slowSite is a web application whose authorization server takes its time.
// Its tests run in a synctest bubble.
type slowSite struct {
	Handler
	exchanges atomic.Int32
}

// callbackURL is where a browser of a slowSite comes back to.
const callbackURL = "https://app.test/callback?code=code"

// newSlowSite returns a site whose exchanges end as exchange does, by default
// with a new token after a second.
func newSlowSite(exchange func(ctx context.Context) (*oauth2.Token, error)) *slowSite {
	s := new(slowSite)
	if exchange == nil {
		exchange = func(ctx context.Context) (*oauth2.Token, error) {
			select {
			case <-time.After(time.Second):
				return &oauth2.Token{AccessToken: fmt.Sprint("access ", s.exchanges.Load())}, nil
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}
	}
	s.Handler = Handler{
		Key:         testKey,
		RedirectURL: "https://app.test/callback",
		Flow: func(redirectURL string) Flow {
			return slowFlow{fakeFlow{redirectURL: redirectURL}, func(ctx context.Context) (*oauth2.Token, error) {
				s.exchanges.Add(1)
				return exchange(ctx)
			}}
		},
		Done: func(w http.ResponseWriter, r *http.Request, token *oauth2.Token) {
			fmt.Fprintf(w, "done: %s to %s", token.AccessToken, ReturnTo(r))
			token.AccessToken = "changed" // a token that is Done's own
		},
		Failed: func(w http.ResponseWriter, r *http.Request, err error) { fmt.Fprint(w, "failed: ", err) },
	}
	return s
}

type slowFlow struct {
	fakeFlow
	ask func(context.Context) (*oauth2.Token, error)
}

func (f slowFlow) Exchange(ctx context.Context, _, _ string) (*oauth2.Token, error) {
	return f.ask(ctx)
}

// visit answers back for a browser, which is shown the page.
func (s *slowSite) visit(back *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	s.ServeHTTP(w, back)
	return w
}

func (s *slowSite) wantExchanges(t *testing.T, want int32) {
	t.Helper()
	if got := s.exchanges.Load(); got != want {
		t.Errorf("got %d exchanges, want %d", got, want)
	}
}

// A browser that loads the callback again while the code is exchanged gets the
// token: the exchange outlives the request that began it.
func TestHandlerReloadDuringTheExchange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSlowSite(nil)
		back := beginAt(t, s.Handler, callbackURL)
		first, leave := context.WithCancel(t.Context())
		time.AfterFunc(time.Second/2, leave)
		began := time.Now()
		page := s.visit(back.WithContext(first)).Body.String()
		if !strings.Contains(page, context.Canceled.Error()) || time.Since(began) != time.Second/2 {
			t.Errorf("the request that ended: got %q after %v, want context.Canceled at once", page, time.Since(began))
		}
		page = s.visit(back).Body.String()
		if want := "done: access 1 to /"; page != want || time.Since(began) != time.Second {
			t.Errorf("the reload: got %q after %v, want %q after 1s", page, time.Since(began), want)
		}
		s.wantExchanges(t, 1)
	})
}

// Callbacks of one login that come at once make one exchange and share its
// token, so that the server sees no code twice and revokes nothing.
func TestHandlerCallbacksAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSlowSite(nil)
		back := beginAt(t, s.Handler, callbackURL)
		pages := make(chan string, 10)
		for range cap(pages) {
			go func() { pages <- s.visit(back.Clone(t.Context())).Body.String() }()
		}
		for range cap(pages) {
			if got, want := <-pages, "done: access 1 to /"; got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		}
		s.wantExchanges(t, 1)
	})
}

// A callback that is loaded again soon after the login shows the same token,
// later that the login is over. Neither sends the code again, not even for a
// browser that did not get the first answer and has the cookie of the start.
func TestHandlerReloadAfterTheLogin(t *testing.T) {
	for _, c := range []struct {
		after    time.Duration
		answered bool // the browser got the first answer
		want     string
	}{
		{time.Second, true, "done: access 1 to /"},
		{time.Second, false, "done: access 1 to /"},
		{2 * time.Minute, true, "failed: " + errNoLogin.Error()},
		{2 * time.Minute, false, "failed: " + errNoLogin.Error()},
		{time.Hour, false, "failed: " + errNoLogin.Error()},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := newSlowSite(nil)
			back := beginAt(t, s.Handler, callbackURL)
			w := s.visit(back)
			if c.answered {
				back = withCookies(back, w.Result().Cookies())
			}
			time.Sleep(c.after)
			if got := s.visit(back).Body.String(); got != c.want {
				t.Errorf("after %v, answered %v: got %q, want %q", c.after, c.answered, got, c.want)
			}
			s.wantExchanges(t, 1)
		})
	}
}

// withCookies returns r as a browser sends it that has taken cookies.
func withCookies(r *http.Request, cookies []*http.Cookie) *http.Request {
	r = r.Clone(r.Context())
	r.Header.Del("Cookie")
	for _, c := range cookies {
		if c.MaxAge >= 0 {
			r.AddCookie(c)
		}
	}
	return r
}

// A failure is shared too: what spent the code once is not tried again.
func TestHandlerReloadAfterAFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSlowSite(func(context.Context) (*oauth2.Token, error) { return nil, grant.ErrCodeExpired })
		back := beginAt(t, s.Handler, callbackURL)
		for range 2 {
			w := s.visit(back)
			if got, want := w.Body.String(), "failed: "+grant.ErrCodeExpired.Error(); got != want {
				t.Errorf("got %q, want %q", got, want)
			}
			back = withCookies(back, w.Result().Cookies())
		}
		s.wantExchanges(t, 1)
	})
}

// An instance that has no memory of a login whose code is spent, since another
// instance exchanged it, does not send the code.
func TestHandlerSpentCookieAtAnotherInstance(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSlowSite(nil)
		back := beginAt(t, s.Handler, callbackURL)
		back = withCookies(back, s.visit(back).Result().Cookies())
		redeemed.mu.Lock()
		delete(redeemed.byState, back.URL.Query().Get("state"))
		redeemed.mu.Unlock()
		if got, want := s.visit(back).Body.String(), "failed: "+errNoLogin.Error(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		s.wantExchanges(t, 1)
	})
}

// An exchange that hangs ends after a minute, and its callbacks with it.
func TestHandlerExchangeHasALimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSlowSite(func(ctx context.Context) (*oauth2.Token, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		})
		back := beginAt(t, s.Handler, callbackURL)
		began := time.Now()
		page := s.visit(back).Body.String()
		if want := "failed: " + context.DeadlineExceeded.Error(); page != want || time.Since(began) != time.Minute {
			t.Errorf("got %q after %v, want %q after 1m", page, time.Since(began), want)
		}
	})
}

// An exchange that ends in no proper way is an error for its callbacks, and no
// callback hangs (G13).
func TestHandlerExchangeThatDoesNotReturn(t *testing.T) {
	for name, c := range map[string]struct {
		exchange func(context.Context) (*oauth2.Token, error)
		want     string
	}{
		"panic":   {func(context.Context) (*oauth2.Token, error) { panic("in the grant") }, "the Flow panicked: in the grant"},
		"Goexit":  {func(context.Context) (*oauth2.Token, error) { runtime.Goexit(); return nil, nil }, "runtime.Goexit"},
		"nothing": {func(context.Context) (*oauth2.Token, error) { return nil, nil }, "neither a token nor an error"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSlowSite(c.exchange)
				if got := s.visit(beginAt(t, s.Handler, callbackURL)).Body.String(); !strings.Contains(got, c.want) {
					t.Errorf("got %q, want %q in it", got, c.want)
				}
			})
		})
	}
}

// The memory of outcomes is bounded: the oldest make room, and each is deleted
// when its login would have expired.
func TestExchangesAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var x exchanges
		calls := 0
		ask := func(state string) {
			t.Helper()
			p := pending{Verifier: "verifier", Expires: time.Now().Add(10 * time.Minute)}
			_, err := x.once(t.Context(), state, p, func(context.Context) (*oauth2.Token, error) {
				calls++
				return &oauth2.Token{AccessToken: state}, nil
			})
			if err != nil {
				t.Errorf("%s: got error %v, want a token", state, err)
			}
		}
		for i := range maxExchanges + 1 {
			ask(fmt.Sprint(i))
			time.Sleep(time.Millisecond) // each is older than the next
		}
		inMemory := func() map[string]exchange {
			x.mu.Lock()
			defer x.mu.Unlock()
			m := make(map[string]exchange)
			for state, e := range x.byState {
				m[state] = *e
			}
			return m
		}
		if got := len(inMemory()); got != maxExchanges {
			t.Errorf("got %d exchanges in memory, want %d", got, maxExchanges)
		}
		ask("1") // the second is still there; the first had to go
		if _, first := inMemory()["0"]; calls != maxExchanges+1 || first {
			t.Errorf("got %d exchanges and the first in memory %v, want %d and false", calls, first, maxExchanges+1)
		}
		time.Sleep(2 * time.Minute)
		for state, e := range inMemory() {
			if e.token != nil {
				t.Fatalf("%s: the token is in memory 2 minutes after the login", state)
			}
		}
		time.Sleep(10 * time.Minute)
		if got := len(inMemory()); got != 0 {
			t.Errorf("got %d exchanges in memory after the logins have expired, want none", got)
		}
	})
}
