package login

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"golang.org/x/oauth2"

	"example.com/bearer/grant"
)

// clientFlow is a grant of the client "id" at https://honest.test/authorize,
// unless its fields say otherwise.
type clientFlow struct {
	fakeFlow
	authURL, clientID string
}

func (f clientFlow) AuthCodeURL(_ context.Context, state, _ string) (string, error) {
	query := url.Values{"client_id": {f.clientID}, "redirect_uri": {f.redirectURL}, "state": {state}}
	return f.authURL + query.Encode(), nil
}

// A login that began at one Handler does not end at another one with the same
// Key, neither for a code of another server (RFC 9700 section 4.4.2) nor for
// another client. It is still pending at its own.
func TestHandlerRefusesLoginsOfOtherHandlers(t *testing.T) {
	exchanges, tokens := 0, 0
	site := func(authURL, clientID, redirectURL string) Handler {
		return Handler{
			Key:         testKey,
			RedirectURL: redirectURL,
			Flow: func(redirectURL string) Flow {
				return clientFlow{fakeFlow{redirectURL, func(string, string) (*oauth2.Token, error) {
					exchanges++
					return &oauth2.Token{AccessToken: "access"}, nil
				}}, authURL, clientID}
			},
			Done: func(http.ResponseWriter, *http.Request, *oauth2.Token) { tokens++ },
		}
	}
	const mine, callback = "https://honest.test/authorize?", "https://app.test/callback"
	for name, other := range map[string]Handler{
		"another host":   site("https://evil.test/authorize?", "id", callback),
		"another port":   site("https://honest.test:8443/authorize?", "id", callback),
		"another path":   site("https://honest.test/tenant/authorize?", "id", callback),
		"another client": site(mine, "other", callback),
		"another URL":    site(mine, "id", "https://app.test/other/callback"),
	} {
		t.Run(name, func(t *testing.T) {
			exchanges, tokens = 0, 0
			first := site(mine, "id", callback)
			back := beginAt(t, first, callback+"?code=code")
			wrong := back.Clone(t.Context())
			wrong.URL.Path = mustParse(t, other.RedirectURL).Path
			var got error
			other.Failed = func(_ http.ResponseWriter, _ *http.Request, err error) { got = err }
			w := httptest.NewRecorder()
			other.ServeHTTP(w, wrong)
			if !errors.Is(got, grant.ErrStateMismatch) || exchanges != 0 || tokens != 0 {
				t.Errorf("got %v, %d exchanges and %d tokens, want ErrStateMismatch and none", got, exchanges, tokens)
			}
			if c := w.Result().Cookies(); len(c) != 0 {
				t.Errorf("got cookies %v, want the first Handler's login left alone", c)
			}
			first.ServeHTTP(httptest.NewRecorder(), back)
			if exchanges != 1 || tokens != 1 {
				t.Errorf("its own Handler: got %d exchanges and %d tokens, want 1 and 1", exchanges, tokens)
			}
		})
	}
}

// Parameters of the authorization URL that are not bound may change while a
// login is under way, such as scopes in a configuration that is read again.
func TestHandlerBindsOnlyServerClientAndRedirect(t *testing.T) {
	authURL := "https://honest.test/authorize?scope=a&"
	tokens := 0
	h := Handler{
		Key:         testKey,
		RedirectURL: "https://app.test/callback",
		Flow:        func(redirectURL string) Flow { return clientFlow{fakeFlow{redirectURL: redirectURL}, authURL, "id"} },
		Done:        func(http.ResponseWriter, *http.Request, *oauth2.Token) { tokens++ },
	}
	back := beginAt(t, h, "https://app.test/callback?code=code")
	authURL = "https://HONEST.test:443/authorize?scope=b&"
	h.ServeHTTP(httptest.NewRecorder(), back)
	if tokens != 1 {
		t.Errorf("got %d tokens, want 1", tokens)
	}
}

// beginAt begins a login and returns the request of its callback, with the
// login's state and the cookie of the browser.
func beginAt(t *testing.T, h Handler, callback string) *http.Request {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", "https://app.test/login", nil))
	cookies := w.Result().Cookies()
	if len(cookies) != 1 {
		t.Fatalf("got %d %s and cookies %v, want a redirect and one cookie", w.Code, w.Body, cookies)
	}
	separator := "?"
	if strings.Contains(callback, "?") {
		separator = "&"
	}
	state := mustParse(t, w.Header().Get("Location")).Query().Get("state")
	back := httptest.NewRequest("GET", callback+separator+"state="+state, nil)
	back.AddCookie(cookies[0])
	return back
}

// An authorization URL whose parameters were pushed (RFC 9126) does not contain
// the redirect URL; the Handler's own stands in.
func TestBindWithoutRedirectURL(t *testing.T) {
	const pushed = "https://honest.test/authorize?client_id=id&request_uri=urn:a"
	first, err := bind("state", pushed, "https://app.test/callback")
	if err != nil {
		t.Fatal(err)
	}
	again, err := bind("state", pushed+"b", "https://app.test/callback")
	if err != nil || again != first {
		t.Errorf("another request_uri: got %q and error %v, want %q", again, err, first)
	}
	other, err := bind("state", pushed, "https://app.test/other")
	if err != nil || other == first {
		t.Errorf("another redirect URL: got %q and error %v, want another binding", other, err)
	}
}

// An authorization URL that cannot be parsed is not quoted: it contains the
// state.
func TestBindBadURL(t *testing.T) {
	_, err := bind("canary", "https://honest.test:port/?state=canary", "https://app.test/callback")
	if err == nil || !strings.Contains(err.Error(), "Flow.AuthCodeURL") || strings.Contains(err.Error(), "canary") {
		t.Errorf("got %v, want an error that names Flow.AuthCodeURL and does not quote the URL", err)
	}
}
