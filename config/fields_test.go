package config_test

import (
	"errors"
	"maps"
	"net/url"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"example.com/bearer/bearertest"
	"example.com/bearer/config"
	"example.com/bearer/grant"
)

// answersThatDiffer are by the key of token_response that says where the server
// puts a member.
var answersThatDiffer = map[string]struct {
	settings string
	answer   func(m map[string]any) map[string]any
}{
	"refresh_token": {`refresh_token: data.refresh_token`, func(m map[string]any) map[string]any { return nest(m, "data", "refresh_token") }},
	"scope": {`scope: data.scope`, func(m map[string]any) map[string]any {
		m["scope"] = "granted"
		return nest(m, "data", "scope")
	}},
	"token_type": {`token_type: kind`, func(m map[string]any) map[string]any {
		m["kind"], m["token_type"] = "bearer", "a kind of the server's own"
		return m
	}},
}

// What a login is answered is found where the server puts it, by a refresh too.
func TestAnswersThatDiffer(t *testing.T) {
	for name, c := range answersThatDiffer {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, bearertest.Config{})
			odd{answer: c.answer}.start(t, w)
			set := w.load(t, config.Loader{}, `
providers: {odd: {token_url: https://odd.test/token, auth_url: AUTH/authorize, grant_type: authorization_code, token_response: {`+c.settings+`}}}
clients: {a: {provider: odd, client_id: client, client_secret: secret, redirect_url: http://127.0.0.1/callback, scopes: [asked]}}
`)
			cache, err := set.Cache("a")
			if err != nil {
				t.Fatal(err)
			}
			token := w.login(t, set, "a")
			if err := cache.Set(t.Context(), token); err != nil {
				t.Fatal(err)
			}
			if got := token.Extra("scope"); name == "scope" && got != "granted" {
				t.Errorf("scope: got %v, want granted", got)
			}
			if _, err := cache.Renew(t.Context(), nil); err != nil {
				t.Errorf("refresh: %v", err)
			}
			w.call(t, set, "a")
		})
	}
}

// token_request.timeout ends an attempt.
func TestTokenRequestTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, bearertest.Config{Delay: map[bearertest.Endpoint]time.Duration{bearertest.TokenEndpoint: 5 * time.Second}})
		for settings, works := range map[string]bool{"timeout: 2s": false, "timeout: 6s": true} {
			set := w.load(t, config.Loader{}, "clients: {a: {token_url: AUTH/token, client_id: client, client_secret: secret, refresh: {retry_for: false}, token_request: {"+settings+"}}}")
			cache, err := set.Cache("a")
			if err != nil {
				t.Fatal(err)
			}
			began := time.Now()
			_, err = cache.Token(t.Context())
			if took := time.Since(began); (err == nil) != works || !works && took != 2*time.Second {
				t.Errorf("%s: got %v after %v, want a token: %v", settings, err, took, works)
			}
		}
	})
}

// public_clients: a client without a secret sends its id alone, and one with a
// secret sends that as auth_method says.
func TestPublicClients(t *testing.T) {
	w := newWorld(t, bearertest.Config{Clients: []bearertest.Client{{ID: "public"}, {ID: "client", Secret: "secret"}}})
	set := w.load(t, config.Loader{}, `
providers: {p: {token_url: AUTH/token, auth_url: AUTH/authorize, grant_type: authorization_code, auth_method: client_secret_post, public_clients: true}}
defaults: {redirect_url: http://127.0.0.1/callback}
clients:
  public: {provider: p, client_id: public}
  confidential: {provider: p, client_id: client, client_secret: secret}
`)
	for name, secret := range map[string]string{"public": "", "confidential": "secret"} {
		w.login(t, set, name)
		if r := w.last(t); r.Form.Get("client_secret") != secret || r.Authorization() != "" || r.Form.Get("client_id") == "" {
			t.Errorf("%s: got %v with %q, want the secret %q in the body", name, r.Form, r.Authorization(), secret)
		}
	}
}

// issuer_in_callback: a callback without the issuer is refused.
func TestIssuerInCallback(t *testing.T) {
	w := newWorld(t, bearertest.Config{})
	for settings, want := range map[string]error{"true": grant.ErrIssuerMismatch, "false": nil} {
		set := w.load(t, config.Loader{}, `
clients: {a: {issuer: AUTH, token_url: AUTH/token, auth_url: AUTH/authorize, issuer_in_callback: `+settings+`, grant_type: authorization_code, client_id: client, client_secret: secret, redirect_url: http://127.0.0.1/}}
`)
		server, err := set.Login(t.Context(), "a")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := server.Callback(url.Values{"state": {"s"}, "code": {"c"}}, "s"); !errors.Is(err, want) {
			t.Errorf("issuer_in_callback %s: got %v, want %v", settings, err, want)
		}
	}
}

// revoke_url is where tokens are revoked.
func TestRevokeURL(t *testing.T) {
	w := newWorld(t, bearertest.Config{})
	set := w.load(t, config.Loader{}, `
clients:
  a: {token_url: AUTH/token, revoke_url: AUTH/revoke, client_id: client, client_secret: secret}
  b: {token_url: AUTH/token, client_id: client, client_secret: secret}
`)
	if err := set.Revoke(t.Context(), "a", "the-token", ""); err != nil {
		t.Fatal(err)
	}
	if all := w.Requests(bearertest.RevokeEndpoint); len(all) != 1 || all[0].Form.Get("token") != "the-token" {
		t.Errorf("got %v, want one revocation", all)
	}
	if err := set.Revoke(t.Context(), "b", "the-token", ""); err == nil || !strings.Contains(err.Error(), "set revoke_url") {
		t.Errorf("got %v, want an error that names revoke_url", err)
	}
}

// A device's login starts at device_auth_url, and its refreshes differ as those
// of a browser's login do.
func TestDeviceThatDiffers(t *testing.T) {
	w := newWorld(t, bearertest.Config{})
	set := w.load(t, config.Loader{}, `
clients:
  a:
    token_url: AUTH/token
    device_auth_url: AUTH/device_authorization
    grant_type: device_code
    client_id: client
    client_secret: secret
    refresh_auth_method: client_secret_post
    auth_params: {audience_hint: x}
`)
	cache, err := set.Cache("a")
	if err != nil {
		t.Fatal(err)
	}
	if err := cache.Set(t.Context(), w.login(t, set, "a")); err != nil {
		t.Fatal(err)
	}
	if r := w.last(t); r.Form.Has("client_secret") || !basic(r) {
		t.Errorf("login: got %v with %q, want the secret in Basic", r.Form, r.Authorization())
	}
	if _, err := cache.Renew(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if r := w.last(t); r.Form.Get("grant_type") != "refresh_token" || r.Form.Get("client_secret") != "secret" || r.Authorization() != "" {
		t.Errorf("refresh: got %v with %q, want the secret in the body", r.Form, r.Authorization())
	}
	if all := w.Requests(bearertest.DeviceEndpoint); len(all) != 1 || all[0].Form.Get("audience_hint") != "x" {
		t.Errorf("got %v, want one request for a device code, with auth_params", all)
	}
}

// G22: the reuse grace of a server reaches the Cache by the method it looks for,
// of a grant and of one whose endpoints are discovered.
func TestReuseGrace(t *testing.T) {
	w := newWorld(t, bearertest.Config{})
	for _, server := range []string{"token_url: https://as.test/token, auth_url: https://as.test/authorize", "issuer: https://as.test"} {
		set := w.load(t, config.Loader{}, "clients: {a: {client_id: client, client_secret: secret, grant_type: authorization_code, "+server+", reuse_grace: 30s}}")
		cache, err := set.Cache("a")
		if err != nil {
			t.Fatal(err)
		}
		s, ok := cache.Source.(interface{ ReuseGrace() time.Duration })
		if !ok || s.ReuseGrace() != 30*time.Second {
			t.Errorf("%s: got %T, want a source with a reuse grace of 30 s", server, cache.Source)
		}
	}
}

// testedBy are the tests of what is in none of the tables above.
var testedBy = map[string]func(*testing.T){
	"issuer": TestOpeningMakesNoRequest, "token_url": TestTokenHeader, "auth_url": TestLoginsThatDiffer,
	"revoke_url": TestRevokeURL, "device_auth_url": TestDeviceThatDiffers, "grant_type": TestUserGrants,
	"auth_method": TestAuthMethods, "public_clients": TestPublicClients, "scopes": TestPrometheusBlock,
	"issuer_in_callback": TestIssuerInCallback, "base_url": TestBaseURLFromTheCallback, "hosts": TestHosts,
	"allowed_domains": TestBaseURLFromTheTokenAnswer, "token_header": TestTokenHeader, "token_scheme": TestTokenHeader,
	"token_request": TestServersThatDiffer, "token_request.timeout": TestTokenRequestTimeout,
	"token_response": TestAnswersThatDiffer, "reuse_grace": TestReuseGrace,
}

// Each key that says what a server is like has a test here, and a row with a
// real server in docs/servers.md.
func TestEveryKeyOfAServer(t *testing.T) {
	tested := slices.Concat(slices.Collect(maps.Keys(testedBy)), slices.Collect(maps.Keys(serversThatDiffer)), slices.Collect(maps.Keys(loginsThatDiffer)))
	for _, name := range slices.Concat(slices.Collect(maps.Keys(lifetimesThatDiffer)), slices.Collect(maps.Keys(answersThatDiffer))) {
		tested = append(tested, name, "token_response."+name)
	}
	for i, name := range tested {
		tested[i], _, _ = strings.Cut(name, " ")
	}
	docs, err := os.ReadFile("../docs/servers.md")
	if err != nil {
		t.Fatal(err)
	}
	keys := func(prefix string, typ reflect.Type) {
		for _, f := range reflect.VisibleFields(typ) {
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			name = prefix + name
			if !slices.Contains(tested, name) {
				t.Errorf("%s has no test", name)
			}
			if name != "token_request" && name != "token_response" && !strings.Contains(string(docs), "\n| `"+name+"` | ") {
				t.Errorf("%s has no row in docs/servers.md", name)
			}
		}
	}
	keys("", reflect.TypeFor[config.Server]())
	keys("token_request.", reflect.TypeFor[config.TokenRequest]())
	keys("token_response.", reflect.TypeFor[config.TokenResponse]())
}
