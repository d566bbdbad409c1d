package config_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"example.com/bearer"
	"example.com/bearer/bearertest"
	"example.com/bearer/config"
)

// books is a server that names the tenant in its callback, as QuickBooks does.
const books = `
providers:
  books:
    token_url: AUTH/token
    auth_url: AUTH/authorize
    grant_type: authorization_code
    base_url: https://api.books.test/v3/company/${callback.realmId}
clients:
  a:
    provider: books
    client_id: client
    client_secret: secret
    redirect_url: http://127.0.0.1/callback
    store: {dir: state}
  b: {use: a, base_url: "https://${callback.region}.books.test/", allowed_domains: ["*.books.test"]}
`

// newBooks returns a world whose callbacks have those parameters, and the API.
func newBooks(t *testing.T, params map[string]any) (world, *bearertest.Recorder) {
	w := newWorld(t, bearertest.Config{})
	w.Fault(bearertest.AuthorizeEndpoint, bearertest.Fault{Times: -1, Members: params})
	api := new(bearertest.Recorder)
	for _, host := range []string{"api.books.test", "eu.books.test"} {
		w.Transport().(*bearertest.Network).Handle(host, api)
	}
	return w, api
}

// What the callback of a login says becomes the base URL and the host that gets
// the token: after a restart, after a refresh, and for a client that uses the
// first one.
func TestBaseURLFromTheCallback(t *testing.T) {
	w, api := newBooks(t, map[string]any{"realmId": "9130", "region": "eu"})
	set := w.load(t, config.Loader{}, books)
	cache, err := set.Cache("a")
	if err != nil {
		t.Fatal(err)
	}
	if err := cache.Set(t.Context(), w.login(t, set, "a")); err != nil {
		t.Fatal(err)
	}
	for _, step := range []string{"after the login", "after a restart", "after a refresh", "after another restart"} {
		switch step {
		case "after a refresh":
			if cache, err = set.Cache("a"); err != nil {
				t.Fatal(err)
			}
			if _, err := cache.Renew(t.Context(), nil); err != nil {
				t.Fatal(err)
			}
		case "after a restart", "after another restart":
			set = w.load(t, config.Loader{}, books)
		}
		for name, want := range map[string]string{"a": "https://api.books.test/v3/company/9130", "b": "https://eu.books.test/"} {
			base, err := set.BaseURL(t.Context(), name)
			if err != nil || base.String() != want {
				t.Fatalf("%s: base_url of %s: got %v (%v), want %s", step, name, base, err, want)
			}
			client, err := set.Client(name)
			if err != nil {
				t.Fatal(err)
			}
			resp, err := client.Get(base.String())
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
		}
	}
	if got := api.Authorizations(); len(got) != 8 || strings.HasPrefix(got[0], "Bearer ") != true || got[7] == got[0] {
		t.Errorf("the API got %q, want 8 tokens, the last ones refreshed", got)
	}
}

// A value of a callback stands only where it changes nothing but itself: no
// request is sent otherwise.
func TestCallbackThatLeadsAway(t *testing.T) {
	for _, c := range []struct{ realm, region, want string }{
		{"..", "eu", "realmId that cannot stand in a URL"},
		{"1/../..", "eu", "realmId that cannot stand in a URL"},
		{"1?x=", "eu", "realmId that cannot stand in a URL"},
		{"1%2f", "eu", "realmId that cannot stand in a URL"},
		{"1 2", "eu", "realmId that cannot stand in a URL"},
		{"1", "evil.test/", "region that cannot stand in a URL"},
		{"1", "evil.test#", "region that cannot stand in a URL"},
		{"1", "u@evil.test:1", "region that cannot stand in a URL"},
		{"1", "https://evil.test", "region that cannot stand in a URL"},
	} {
		w, api := newBooks(t, map[string]any{"realmId": c.realm, "region": c.region})
		set := w.load(t, config.Loader{}, books)
		cache, err := set.Cache("a")
		if err != nil {
			t.Fatal(err)
		}
		if err := cache.Set(t.Context(), w.login(t, set, "a")); err != nil {
			t.Fatal(err)
		}
		name := "a"
		if strings.HasPrefix(c.want, "region") {
			name = "b"
		}
		if base, err := set.BaseURL(t.Context(), name); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v: got %v (%v), want %q", c, base, err, c.want)
		}
		if name == "b" {
			client, err := set.Client(name)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := client.Get("https://eu.books.test/"); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v: got %v, want %q", c, err, c.want)
			}
		}
		if n := len(api.Requests()); n != 0 {
			t.Errorf("%v: the API got %d requests, want none", c, n)
		}
	}
}

// A login from before the file needed the callback is one that is required
// again; a callback that lacks the value is an error of the login.
func TestLoginWithoutTheCallback(t *testing.T) {
	w, _ := newBooks(t, map[string]any{"region": "eu"})
	set := w.load(t, config.Loader{}, books)
	cache, err := set.Cache("a")
	if err != nil {
		t.Fatal(err)
	}
	access, refresh := w.Issue("client", "")
	if err := cache.Set(t.Context(), &bearer.Token{AccessToken: access, RefreshToken: refresh}); err != nil {
		t.Fatal(err)
	}
	if _, err := set.BaseURL(t.Context(), "a"); !errors.Is(err, bearer.ErrLoginRequired) || !strings.Contains(err.Error(), "realmId") {
		t.Errorf("got %v, want that a login is required for the realmId", err)
	}
	if n := len(w.Requests(bearertest.TokenEndpoint)); n != 0 {
		t.Errorf("token requests: got %d, want none: a refresh cannot help", n)
	}
	flow, err := set.Login(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	query := map[string][]string{"state": {"s"}, "code": {"c"}, "region": {"eu"}}
	if _, err := flow.ExchangeCallback(t.Context(), query, "s", strings.Repeat("v", 43)); err == nil || !strings.Contains(err.Error(), `no "realmId"`) {
		t.Errorf("got %v, want that the callback has no realmId", err)
	}
}

// An API that takes the token in another header, by the provider's word or the
// client's own; a token there that the program sets is its own.
func TestTokenHeader(t *testing.T) {
	for _, c := range []struct{ header, scheme, settings string }{
		{"X-Shop-Token", "", "token_header: X-Shop-Token"},
		{"", "Zoho-oauthtoken", "token_scheme: Zoho-oauthtoken"},
		{"X-Token", "OAuth", "token_header: x-token, token_scheme: OAuth"},
	} {
		w := newWorld(t, bearertest.Config{APIHeader: c.header, APIScheme: c.scheme})
		odd{answer: func(m map[string]any) map[string]any { m["host"] = "auth.test"; return m }}.start(t, w)
		set := w.load(t, config.Loader{}, `
providers:
  p: {token_url: https://odd.test/token, `+c.settings+`}
clients:
  a: {provider: p, client_id: client, client_secret: secret}
  b: {client_id: client, client_secret: secret, token_url: AUTH/token, `+c.settings+`}
  c: {use: b, `+c.settings+`}
  d: {provider: p, client_id: client, client_secret: secret, hosts: ["${token.host}"], allowed_domains: [auth.test]}
`)
		for _, name := range set.Names() {
			w.call(t, set, name)
		}
		client, err := set.Client("d")
		if err != nil {
			t.Fatal(err)
		}
		cache, err := set.Cache("d")
		if err != nil {
			t.Fatal(err)
		}
		token, err := cache.Token(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		cache.Invalidate(token) // the next request with a token would obtain another one
		before := len(w.Requests(bearertest.TokenEndpoint))
		name := c.header
		if name == "" {
			name = "Authorization"
		}
		req, _ := http.NewRequest("GET", w.Endpoint(bearertest.APIEndpoint), nil)
		req.Header[strings.ToLower(name)] = []string{"mine"}
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s: a token of the program's own: got %s, want its 401", c.settings, resp.Status)
		}
		if got := len(w.Requests(bearertest.TokenEndpoint)) - before; got != 0 {
			t.Errorf("%s: a token of the program's own: got %d token requests, want none", c.settings, got)
		}
	}
}
