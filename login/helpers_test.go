package login

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"golang.org/x/oauth2"

	"example.com/bearer/bearertest"
	"example.com/bearer/grant"
	"example.com/bearer/providers/matrica"
	"example.com/bearer/providers/metafy"
)

var _ = []Flow{grant.AuthorizationCode{}, matrica.App{}.User(), metafy.App{}.User()}

// codeFlow returns a grant at srv.
func codeFlow(srv *bearertest.Server) func(string) Flow {
	return func(redirectURL string) Flow {
		return grant.AuthorizationCode{
			Server: grant.Server{
				AuthURL:   srv.Endpoint(bearertest.AuthorizeEndpoint),
				TokenURL:  srv.Endpoint(bearertest.TokenEndpoint),
				Transport: srv.Transport(),
			},
			Auth:        grant.Post{ID: "client", Secret: "secret"},
			RedirectURL: redirectURL,
		}
	}
}

// fakeFlow is a server that needs no network: its authorization URL is the
// callback.
type fakeFlow struct {
	redirectURL string
	exchange    func(code, verifier string) (*oauth2.Token, error) // nil: a token
}

func (f fakeFlow) AuthCodeURL(_ context.Context, state, verifier string) (string, error) {
	return f.redirectURL + "?code=" + verifier + "&state=" + state, nil
}

func (f fakeFlow) Callback(query url.Values, state string) (string, error) {
	return grant.AuthorizationCode{}.Callback(query, state)
}

func (f fakeFlow) Exchange(_ context.Context, code, verifier string) (*oauth2.Token, error) {
	if f.exchange == nil {
		return &oauth2.Token{AccessToken: "access"}, nil
	}
	return f.exchange(code, verifier)
}

// fetch returns the answer and its body. It may be called from any goroutine.
func fetch(t *testing.T, c *http.Client, pageURL string) (*http.Response, string) {
	t.Helper()
	resp, err := c.Get(pageURL)
	if err != nil {
		t.Errorf("GET: %v", err)
		return &http.Response{}, ""
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Errorf("reading the page: %v", err)
	}
	return resp, string(body)
}

func wantPage(t *testing.T, resp *http.Response, body string, want page) {
	t.Helper()
	if resp.StatusCode != want.Status || !strings.Contains(body, want.Title) || !strings.Contains(body, want.Text) {
		t.Errorf("got page %d %q, want %d with %q and %q", resp.StatusCode, body, want.Status, want.Title, want.Text)
	}
	for name, value := range map[string]string{
		"Cache-Control": "no-store", "Referrer-Policy": "no-referrer",
		"X-Content-Type-Options": "nosniff", "Content-Security-Policy": policy,
	} {
		if got := resp.Header.Get(name); got != value {
			t.Errorf("got %s %q, want %q", name, got, value)
		}
	}
}
