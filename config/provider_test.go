package config_test

import (
	"context"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"testing"

	"golang.org/x/oauth2"

	"example.com/bearer"
	"example.com/bearer/bearertest"
	"example.com/bearer/config"
	"example.com/bearer/grant"
	"example.com/bearer/providers/matrica"
	"example.com/bearer/providers/matter"
	"example.com/bearer/providers/metafy"
)

// everywhere sends what goes to a real provider to the world's server, and
// notes the URL, the parameters and the credentials.
type everywhere struct {
	world
	sent []string
}

func (e *everywhere) RoundTrip(r *http.Request) (*http.Response, error) {
	inner := r.Clone(r.Context())
	path := map[string]bearertest.Endpoint{
		matrica.TokenURL: bearertest.TokenEndpoint, metafy.TokenURL: bearertest.TokenEndpoint, matter.TokenURL: bearertest.TokenEndpoint,
		matrica.RevokeURL: bearertest.RevokeEndpoint, metafy.RevokeURL: bearertest.RevokeEndpoint,
	}[r.URL.String()]
	inner.URL, _ = url.Parse(e.Endpoint(path))
	inner.Host = ""
	resp, err := e.Transport().RoundTrip(inner)
	all := e.Requests("")
	last := all[len(all)-1]
	e.sent = append(e.sent, r.Method+" "+r.URL.String()+" "+last.Form.Encode()+" "+last.Authorization())
	return resp, err
}

// A declared provider sends exactly what its package sends: token requests,
// refreshes, revocations and the page that the user is sent to.
func TestBuiltInProvidersSendWhatTheirPackagesSend(t *testing.T) {
	e := &everywhere{world: newWorld(t, bearertest.Config{})}
	const redirect = "http://127.0.0.1/callback"
	load := func(settings string) *config.Set {
		t.Helper()
		loader := config.Loader{Base: e}
		set, err := loader.Parse([]byte("clients: {a: {client_id: client, " + settings + "}}"))
		if err != nil {
			t.Fatal(err)
		}
		return set
	}
	sent := func(call func()) []string {
		e.sent = nil
		call()
		return e.sent
	}
	compare := func(what string, got, want any) {
		t.Helper()
		if requests, ok := want.([]string); ok && len(requests) == 0 {
			t.Errorf("%s: got no request from the package, want one", what)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s:\ngot  %v\nwant %v", what, got, want)
		}
	}
	ctx, verifier, prev := t.Context(), oauth2.GenerateVerifier(), &oauth2.Token{RefreshToken: "refresh"}
	server := matrica.App{}.Server
	server.Transport = e
	for settings, user := range map[string]interface {
		AuthCodeURL(ctx context.Context, state, verifier string) (string, error)
		Exchange(ctx context.Context, code, verifier string) (*oauth2.Token, error)
		Refresh(ctx context.Context, prev *oauth2.Token) (*oauth2.Token, error)
		Revoke(ctx context.Context, token, hint string) error
	}{
		"provider: matrica":                        matrica.App{ClientID: "client", RedirectURL: redirect, Server: server}.User(),
		"provider: matrica, client_secret: secret": matrica.App{ClientID: "client", ClientSecret: "secret", RedirectURL: redirect, Server: server}.User(),
		"provider: metafy, client_secret: secret":  metafy.App{ClientID: "client", ClientSecret: "secret", RedirectURL: redirect, Server: server}.User(),
	} {
		set := load(settings + ", redirect_url: " + redirect)
		flow, err := set.Login(ctx, "a")
		if err != nil {
			t.Fatal(err)
		}
		page, err := flow.AuthCodeURL(ctx, "state", verifier)
		if err != nil {
			t.Fatal(err)
		}
		wantPage, _ := user.AuthCodeURL(ctx, "state", verifier)
		compare(settings+": the page", page, wantPage)
		compare(settings+": exchange",
			sent(func() { _, _ = flow.Exchange(ctx, "code", verifier) }), sent(func() { _, _ = user.Exchange(ctx, "code", verifier) }))
		compare(settings+": refresh",
			sent(func() { _, _ = flow.Refresh(ctx, prev) }), sent(func() { _, _ = user.Refresh(ctx, prev) }))
		compare(settings+": revoke",
			sent(func() { _ = set.Revoke(ctx, "a", "token", "refresh_token") }), sent(func() { _ = user.Revoke(ctx, "token", "refresh_token") }))
	}
	for settings, source := range map[string]bearer.Source{
		"provider: matter, client_secret: secret":                                 matter.App{ClientID: "client", ClientSecret: "secret", Server: server}.Source(),
		"provider: metafy, grant_type: client_credentials, client_secret: secret": metafy.App{ClientID: "client", ClientSecret: "secret", Server: server}.Owner(),
	} {
		cache, err := load(settings).Cache("a")
		if err != nil {
			t.Fatal(err)
		}
		got := sent(func() { _, _ = cache.Token(ctx) })
		if len(got) != 1 {
			t.Errorf("%s: got %d requests, want 1", settings, len(got))
		}
		compare(settings, got, sent(func() { _, _ = source.Token(ctx) }))
	}
}

// A declared provider is its package's grant, field by field: a server, a scope
// or a parameter that the package gets must be declared too.
func TestBuiltInProvidersAreTheirPackages(t *testing.T) {
	const redirect = "http://127.0.0.1/callback"
	for settings, want := range map[string]grant.AuthorizationCode{
		"provider: matrica":                        matrica.App{ClientID: "client", RedirectURL: redirect}.User(),
		"provider: matrica, client_secret: secret": matrica.App{ClientID: "client", ClientSecret: "secret", RedirectURL: redirect}.User(),
		"provider: metafy, client_secret: secret":  metafy.App{ClientID: "client", ClientSecret: "secret", RedirectURL: redirect}.User(),
	} {
		set, err := config.Parse([]byte("clients: {a: {client_id: client, " + settings + ", redirect_url: " + redirect + "}}"))
		if err != nil {
			t.Fatal(err)
		}
		got, err := set.Login(t.Context(), "a")
		if err != nil {
			t.Fatal(err)
		}
		if got, want := withoutEmpty(got), withoutEmpty(want); !reflect.DeepEqual(got, want) {
			t.Errorf("%s:\ngot  %+v\nwant %+v", settings, got, want)
		}
	}
}

// withoutEmpty returns a with nil for each list or map that is empty, and
// without the id, which Auth has.
func withoutEmpty(a grant.AuthorizationCode) grant.AuthorizationCode {
	a.ClientID = ""
	fields := reflect.ValueOf(&a).Elem()
	for i := range fields.NumField() {
		if f := fields.Field(i); (f.Kind() == reflect.Map || f.Kind() == reflect.Slice) && f.Len() == 0 {
			f.SetZero()
		}
	}
	return a
}

// The token of a declared provider goes to its API's hosts alone.
func TestBuiltInProvidersHosts(t *testing.T) {
	set, err := config.Parse([]byte(`clients: {a: {provider: matter, client_id: x, client_secret: y}}`))
	if err != nil {
		t.Fatal(err)
	}
	c, err := set.Declaration("a")
	if err != nil || strings.Join(c.Hosts, " ") != strings.Join(matter.Hosts, " ") {
		t.Errorf("hosts: got %v (%v), want %v", c.Hosts, err, matter.Hosts)
	}
}
