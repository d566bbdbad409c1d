package config_test

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"example.com/bearer"
	"example.com/bearer/bearertest"
	"example.com/bearer/config"
)

const exchange = `
  narrow: {token_url: AUTH/token, grant_type: token_exchange, client_id: client, client_secret: secret, chain: wide, audience: https://api.test}
`

// A chain goes on when the token that it begins with is revoked or renewed: a
// refused one is renewed, once.
func TestChainAfterARevocation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, bearertest.Config{})
		set := w.load(t, config.Loader{}, "clients:\n  wide: {token_url: AUTH/token, client_id: client, client_secret: secret}"+exchange)
		w.call(t, set, "narrow")
		w.RevokeAccessTokens()
		w.call(t, set, "narrow")
		cache, err := set.Cache("wide")
		if err != nil {
			t.Fatal(err)
		}
		wide, err := cache.Token(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if got := w.last(t).Form.Get("subject_token"); got != wide.AccessToken {
			t.Errorf("subject_token: got %q, want the renewed token %q", got, wide.AccessToken)
		}
		// Two at the start; then an exchange that is refused, a renewal, and the
		// exchange that works.
		if got := len(w.Requests(bearertest.TokenEndpoint)); got != 5 {
			t.Errorf("token requests: got %d, want 5", got)
		}
	})
}

// A server that refuses every token of a chain does not cost a renewal for each
// request.
func TestChainThatIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, bearertest.Config{})
		w.Transport().(*bearertest.Network).Handle("sts.test", http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
			rw.WriteHeader(http.StatusBadRequest)
			_, _ = rw.Write([]byte(`{"error":"invalid_grant"}`))
		}))
		set := w.load(t, config.Loader{}, "clients:\n  wide: {token_url: AUTH/token, client_id: client, client_secret: secret}"+
			strings.Replace(exchange, "AUTH", "https://sts.test", 1))
		cache, err := set.Cache("narrow")
		if err != nil {
			t.Fatal(err)
		}
		for range 100 {
			if _, err := cache.Token(t.Context()); err == nil || !strings.Contains(err.Error(), "invalid_grant") {
				t.Fatalf("got %v, want the refusal", err)
			}
			time.Sleep(time.Second)
		}
		if got := len(w.Requests(bearertest.TokenEndpoint)); got > 10 {
			t.Errorf("tokens of the other client: got %d in 100 s, want at most 10", got)
		}
	})
}

// The error of a chain whose user has not logged in names the client to log in
// to.
func TestChainNeedsALogin(t *testing.T) {
	w := newWorld(t, bearertest.Config{})
	set := w.load(t, config.Loader{}, `
clients:
  wide: {token_url: AUTH/token, auth_url: AUTH/authorize, grant_type: authorization_code, client_id: client, client_secret: secret, redirect_url: http://127.0.0.1/callback}`+exchange)
	cache, err := set.Cache("narrow")
	if err != nil {
		t.Fatal(err)
	}
	required := func(when string) {
		t.Helper()
		_, err := cache.Source.Token(t.Context())
		if !errors.Is(err, bearer.ErrLoginRequired) || !strings.Contains(err.Error(), "client wide, where the chain leads") {
			t.Errorf("%s: got %v, want ErrLoginRequired with the name of the client", when, err)
		}
	}
	required("before the login")
	wide, err := set.Cache("wide")
	if err != nil {
		t.Fatal(err)
	}
	if err := wide.Set(t.Context(), w.login(t, set, "wide")); err != nil {
		t.Fatal(err)
	}
	if _, err := cache.Source.Token(t.Context()); err != nil {
		t.Errorf("after the login: %v", err)
	}
	w.RevokeAll()
	required("after the user revoked it")
	if _, err := cache.Token(t.Context()); !errors.Is(err, bearer.ErrLoginRequired) || !strings.Contains(err.Error(), "client wide") {
		t.Errorf("the Cache: got %v, want the same", err)
	}
}

// The ID token with which a chain begins survives a restart.
func TestChainFromAnIDTokenAfterARestart(t *testing.T) {
	w := newWorld(t, bearertest.Config{})
	subject := ""
	odd{request: func(_ *testing.T, _ *http.Request, form url.Values) {
		subject = form.Get("subject_token")
		form.Set("grant_type", "client_credentials")
	}}.start(t, w)
	logins := 0
	loader := config.Loader{Sources: map[string]func(string, config.Client) (bearer.Source, error){
		"login": func(string, config.Client) (bearer.Source, error) {
			return bearer.SourceFunc(func(context.Context) (*bearer.Token, error) {
				logins++
				return (&bearer.Token{AccessToken: "t"}).WithExtra(map[string]any{"id_token": "the-id-token"}), nil
			}), nil
		},
	}}
	for range 2 {
		set := w.load(t, loader, `
clients:
  login: {source: login, store: {dir: state}}
  chat: {token_url: https://odd.test/token, grant_type: token_exchange, client_id: client, client_secret: secret, chain: login, subject_token_type: id_token}
`)
		w.call(t, set, "chat")
		if subject != "the-id-token" {
			t.Errorf("subject_token: got %q, want the ID token", subject)
		}
		subject = ""
	}
	if logins != 1 {
		t.Errorf("logins: got %d, want 1", logins)
	}
}
