package credential

import (
	"reflect"
	"testing"

	"golang.org/x/oauth2"

	"example.com/bearer/bearertest"
	"example.com/bearer/grant"
	"example.com/bearer/providers/matrica"
	"example.com/bearer/providers/matter"
	"example.com/bearer/providers/metafy"
)

// What a token depends on changes its key, and nothing else does.
func TestKeyCoversWhatTheTokenDependsOn(t *testing.T) {
	c := Credential{Name: "c", TokenURL: "t", ClientID: "i", Scopes: []string{"a", "b"}}
	for what, change := range map[string]func(*Credential){
		"Name":     func(c *Credential) { c.Name = "d" },
		"Login":    func(c *Credential) { c.Login = true },
		"Issuer":   func(c *Credential) { c.Issuer = "x" },
		"AuthURL":  func(c *Credential) { c.AuthURL = "x" },
		"TokenURL": func(c *Credential) { c.TokenURL = "x" },
		"ClientID": func(c *Credential) { c.ClientID = "x" },
		"Scopes":   func(c *Credential) { c.Scopes = []string{"a b"} },
		"Audience": func(c *Credential) { c.Audience = "x" },
	} {
		other := c
		change(&other)
		if other.Key("/folder") == c.Key("/folder") {
			t.Errorf("another %s: got the same key, want another one", what)
		}
	}
	if c.Key("/folder") == c.Key("/other") {
		t.Errorf("another folder: got the same key, want another one")
	}
	same := c
	same.ClientAuth, same.SecretFile, same.RevokeURL = "post", "f", "r"
	if same.Key("/folder") != c.Key("/folder") {
		t.Errorf("another way to authenticate: got another key, want the same")
	}
}

func TestCheckName(t *testing.T) {
	for name, good := range map[string]bool{
		"a": true, "acme-2_x": true, "matrica": true,
		"": false, "-a": false, "A": false, "a/b": false, "..": false, "a.b": false, "a b": false, "a\n": false,
		"abcdefghijklmnopqrstuvwxyz0123456": false,
	} {
		if err := CheckName(name); (err == nil) != good {
			t.Errorf("%q: got %v, want it good: %v", name, err, good)
		}
	}
}

// The presets are data, and the providers' packages are the authority: both
// must send the same.
func TestPresetsSendWhatTheProvidersPackagesSend(t *testing.T) {
	srv := bearertest.Start(t, bearertest.Config{Network: new(bearertest.Network)})
	at := grant.Server{
		AuthURL: srv.Endpoint(bearertest.AuthorizeEndpoint), TokenURL: srv.Endpoint(bearertest.TokenEndpoint),
		RevokeURL: srv.Endpoint(bearertest.RevokeEndpoint), Transport: srv.Transport(),
	}
	const id, redirect = "client", "http://127.0.0.1/callback"
	secret := Secret{Name: "c", Typed: "secret"}
	preset := func(name string, hasSecret bool) Credential {
		c, ok := New(name)
		if !ok {
			t.Fatalf("%s: got no preset, want one", name)
		}
		c.ClientID = id
		c.DecideAuth(hasSecret)
		return c
	}
	// sent returns what a call sends, whatever the answer.
	sent := func(call func() error) (all []bearertest.Request) {
		before := len(srv.Requests(""))
		_ = call()
		for _, r := range srv.Requests("")[before:] {
			all = append(all, bearertest.Request{Endpoint: r.Endpoint, Form: r.Form, Header: map[string][]string{"Authorization": {r.Authorization()}}})
		}
		return all
	}
	compare := func(what string, got, want func() error) {
		t.Helper()
		if g, w := sent(got), sent(want); len(w) == 0 || !reflect.DeepEqual(g, w) {
			t.Errorf("%s: got %v, want %v", what, g, w)
		}
	}

	for name, one := range map[string]struct {
		preset Credential
		user   grant.AuthorizationCode
	}{
		"matrica public":  {preset("matrica", false), matrica.App{ClientID: id, RedirectURL: redirect, Server: at}.User()},
		"matrica private": {preset("matrica", true), matrica.App{ClientID: id, ClientSecret: "secret", RedirectURL: redirect, Server: at}.User()},
		"metafy":          {preset("metafy", true), metafy.App{ClientID: id, ClientSecret: "secret", RedirectURL: redirect, Server: at}.User()},
	} {
		flow := one.preset.Code(secret, redirect)
		flow.Server = at
		ctx, verifier, prev := t.Context(), oauth2.GenerateVerifier(), &oauth2.Token{RefreshToken: "refresh"}
		got, err := flow.AuthCodeURL(ctx, "state", verifier)
		if want, wantErr := one.user.AuthCodeURL(ctx, "state", verifier); got != want || err != nil || wantErr != nil {
			t.Errorf("%s: the page: got %q (%v), want %q (%v)", name, got, err, want, wantErr)
		}
		compare(name+": exchange",
			func() error { _, err := flow.Exchange(ctx, "code", verifier); return err },
			func() error { _, err := one.user.Exchange(ctx, "code", verifier); return err })
		compare(name+": refresh",
			func() error { _, err := flow.Refresh(ctx, prev); return err },
			func() error { _, err := one.user.Refresh(ctx, prev); return err })
		compare(name+": revoke",
			func() error { return flow.Revoke(ctx, "token", "refresh_token") },
			func() error { return one.user.Revoke(ctx, "token", "refresh_token") })
	}
	for name, source := range map[string]grant.ClientCredentials{
		"metafy-app": metafy.App{ClientID: id, ClientSecret: "secret", Server: at}.Owner(),
		"matter":     matter.App{ClientID: id, ClientSecret: "secret", Server: at}.Source(),
	} {
		ours := preset(name, true).Source(secret).(grant.ClientCredentials)
		ours.Server = at
		compare(name,
			func() error { _, err := ours.Token(t.Context()); return err },
			func() error { _, err := source.Token(t.Context()); return err })
	}
}
