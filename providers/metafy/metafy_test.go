package metafy_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"golang.org/x/oauth2"

	"example.com/bearer"
	"example.com/bearer/bearertest"
	"example.com/bearer/grant"
	"example.com/bearer/providers/metafy"
)

const secret = "canary-secret"

// start starts a server under Metafy's host.
func start(t *testing.T) (*bearertest.Server, grant.Server) {
	t.Helper()
	srv := bearertest.Start(t, bearertest.Config{
		Network: new(bearertest.Network), Host: "metafy.gg",
		Clients: []bearertest.Client{{ID: "id", Secret: secret, Auth: []string{"client_secret_post"}, RedirectURIs: []string{"https://app.test/callback"}}},
		Routes: map[string]bearertest.Endpoint{
			"/auth/authorize": bearertest.AuthorizeEndpoint, "/irk/oauth/token": bearertest.TokenEndpoint, "/irk/oauth/revoke": bearertest.RevokeEndpoint,
			"/irk/api/": bearertest.APIEndpoint, // its path is not documented
		},
	})
	return srv, grant.Server{Transport: srv.Transport()}
}

// What Metafy documents for a user: parameters instead of Basic, refresh,
// revocation with a hint.
func TestUserFromLoginToRevocation(t *testing.T) {
	srv, server := start(t)
	user := metafy.App{ClientID: "id", ClientSecret: secret, RedirectURL: "https://app.test/callback", Scopes: []string{"a", "b"}, Server: server}.User()
	verifier := oauth2.GenerateVerifier()
	address, err := user.AuthCodeURL(t.Context(), "the-state", verifier)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(address, metafy.AuthURL+"?") || !strings.Contains(address, "scope=a%20b") {
		t.Errorf("got %s, want Metafy's page with spaces as %%20", address)
	}
	client := srv.Client()
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	resp, err := client.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	back, err := resp.Location()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := user.Callback(back.Query(), "other"); !errors.Is(err, grant.ErrStateMismatch) {
		t.Errorf("wrong state: got %v, want ErrStateMismatch", err)
	}
	code, err := user.Callback(back.Query(), "the-state")
	if err != nil {
		t.Fatal(err)
	}
	token, err := user.Exchange(t.Context(), code, verifier)
	if err != nil {
		t.Fatal(err)
	}
	next, err := user.Refresh(t.Context(), token)
	if err != nil {
		t.Fatal(err)
	}
	if err := user.Revoke(t.Context(), next.RefreshToken, "refresh_token"); err != nil {
		t.Fatal(err)
	}
	if _, err := user.Refresh(t.Context(), next); !errors.Is(err, grant.ErrLoginRequired) {
		t.Errorf("after revocation: got %v, want ErrLoginRequired", err)
	}
	if _, err := user.Token(t.Context()); !errors.Is(err, grant.ErrLoginRequired) {
		t.Errorf("no login: got %v, want ErrLoginRequired", err)
	}
	documented := map[string]string{ // by grant_type, and PKCE's; the last is the revocation
		"authorization_code": "client_id client_secret code code_verifier grant_type redirect_uri",
		"refresh_token":      "client_id client_secret grant_type refresh_token",
		"":                   "client_id client_secret token token_type_hint",
	}
	for _, r := range srv.Requests("") {
		names := strings.Join(slices.Sorted(maps.Keys(r.Form)), " ")
		if want := documented[r.Form.Get("grant_type")]; names != want && r.Method == "POST" {
			t.Errorf("%s: got parameters %s, want %s", r.Path, names, want)
		}
		if r.Authorization() != "" || r.Method == "POST" && (r.Form.Get("client_id") != "id" || r.Form.Get("client_secret") != secret) {
			t.Errorf("%s: want id and secret as parameters, and no Authorization", r.Path)
		}
	}
}

// The token of the application's owner: client_credentials, an optional scope,
// no refresh token.
func TestOwnerAsDocumented(t *testing.T) {
	srv, server := start(t)
	owner := metafy.App{ClientID: "id", ClientSecret: secret, Scopes: []string{"a"}, Server: server}.Owner()
	token, err := owner.Token(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if token.RefreshToken != "" || token.Extra("scope") != "a" {
		t.Errorf("got scope %v, want a and no refresh token", token.Extra("scope"))
	}
	if err := owner.Revoke(t.Context(), token.AccessToken, "access_token"); err != nil {
		t.Error(err)
	}
	if n := srv.Counts().Revoked; n != 1 {
		t.Errorf("got %d tokens revoked, want 1", n)
	}
}

// SecretFunc is called for each request, so that a rotated secret counts at
// once, for both grants and for the revocation.
func TestSecretFuncSuppliesTheSecret(t *testing.T) {
	srv, server := start(t)
	current := secret
	app := metafy.App{ClientID: "id", RedirectURL: "https://app.test/callback", Server: server,
		SecretFunc: func(context.Context) (string, error) { return current, nil }}
	owner, user := app.Owner(), app.User()
	_, refresh := srv.Issue("id", "")
	token := &oauth2.Token{RefreshToken: refresh}
	for _, current = range []string{secret, "rotated-secret"} {
		srv.Update(func(c *bearertest.Config) { c.Clients[0].Secret = current })
		mine, err := owner.Token(t.Context())
		if err != nil {
			t.Fatalf("owner with %s: got %v, want a token", current, err)
		}
		if token, err = user.Refresh(t.Context(), token); err != nil {
			t.Fatalf("user with %s: got %v, want a token", current, err)
		}
		if err := owner.Revoke(t.Context(), mine.AccessToken, "access_token"); err != nil {
			t.Errorf("revocation with %s: got %v, want none", current, err)
		}
	}
	for _, r := range srv.Requests("") {
		if got := r.Form.Get("client_secret"); got == "" || r.Authorization() != "" {
			t.Errorf("%s: got client_secret %q and Authorization %q, want only the parameter", r.Path, got, r.Authorization())
		}
	}
}

// With Hosts the token reaches Metafy's host and no other (G3).
func TestHostsAreMetafys(t *testing.T) {
	srv, server := start(t)
	network := server.Transport.(*bearertest.Network)
	others := new(bearertest.Recorder)
	network.Handle("metafy.gg.other.test", others)
	network.Handle("other-metafy.gg", others)
	access, _ := srv.Issue("id", "")
	client := http.Client{Transport: &bearer.Transport{
		Source: bearer.FromOAuth2(oauth2.StaticTokenSource(&oauth2.Token{AccessToken: access})),
		Hosts:  metafy.Hosts, Base: network,
	}}
	for _, address := range []string{"https://metafy.gg/irk/api/me", "https://metafy.gg.other.test/", "https://other-metafy.gg/"} {
		resp, err := client.Get(address)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			t.Errorf("%s: got %s, want 200", address, resp.Status)
		}
	}
	if got := others.Authorizations(); len(got) != 0 || len(others.Requests()) != 2 {
		t.Errorf("other hosts: got %d tokens with %d requests, want 0 with 2", len(got), len(others.Requests()))
	}
}

func TestNoSecretIsShown(t *testing.T) {
	_, server := start(t)
	app := metafy.App{ClientID: "id", ClientSecret: "canary-wrong", Server: server}
	user, owner := app.User(), app.Owner()
	_, err := owner.Token(t.Context())
	_, err2 := user.Refresh(t.Context(), &oauth2.Token{RefreshToken: "canary-refresh"})
	err3 := user.Revoke(t.Context(), "canary-token", "")
	for _, value := range []any{app, user, owner, err, err2, err3} {
		if got := fmt.Sprintf("%v %+v %#v", value, value, value); strings.Contains(got, "canary") {
			t.Errorf("got %s, want no secret in it", got)
		}
	}
	if err == nil || err2 == nil || err3 == nil {
		t.Errorf("wrong secret: got %v, %v, %v, want three errors", err, err2, err3)
	}
}
