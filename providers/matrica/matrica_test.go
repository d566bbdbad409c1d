package matrica_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/oauth2"

	"example.com/bearer"
	"example.com/bearer/bearertest"
	"example.com/bearer/grant"
	"example.com/bearer/providers/matrica"
)

const secret = "canary-secret"

// start starts a server under Matrica's hosts.
func start(t *testing.T, client bearertest.Client, consent bearertest.Consent) (*bearertest.Server, grant.Server) {
	network := new(bearertest.Network)
	client.ID, client.RequirePKCE, client.RedirectURIs = "id", true, []string{"https://app.test/callback"}
	srv := bearertest.Start(t, bearertest.Config{
		Network: network, Host: "api.matrica.io", Clients: []bearertest.Client{client}, Consent: consent,
		Routes: map[string]bearertest.Endpoint{
			"/oauth2": bearertest.AuthorizeEndpoint, "/oauth2/token": bearertest.TokenEndpoint, "/oauth2/token/revoke": bearertest.RevokeEndpoint,
			"/oauth2/v2/user/": bearertest.APIEndpoint,
		},
	})
	network.Handle("matrica.io", srv)
	return srv, grant.Server{Transport: network}
}

// login does what a browser and an application do together.
func login(t *testing.T, srv *bearertest.Server, user grant.AuthorizationCode) (code, verifier string, err error) {
	t.Helper()
	verifier = oauth2.GenerateVerifier()
	address, err := user.AuthCodeURL(t.Context(), "the-state", verifier)
	if err != nil {
		t.Fatal(err)
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
		t.Fatalf("got %s without a location, want a redirect", resp.Status)
	}
	code, err = user.Callback(back.Query(), "the-state")
	return code, verifier, err
}

// What Matrica documents, for a public and a "Private" application: PKCE
// always, the secret as a parameter and only if there is one, never Basic, and
// a form.
func TestLoginRefreshRevokeAsDocumented(t *testing.T) {
	for _, row := range []struct {
		client bearertest.Client
		app    matrica.App
	}{
		{bearertest.Client{}, matrica.App{}},
		{bearertest.Client{Secret: secret, Auth: []string{"client_secret_post"}}, matrica.App{ClientSecret: secret}},
		{bearertest.Client{Secret: secret, Auth: []string{"client_secret_post"}}, matrica.App{SecretFunc: func(context.Context) (string, error) { return secret, nil }}},
	} {
		srv, server := start(t, row.client, bearertest.ConsentApprove)
		app := row.app
		app.ClientID, app.RedirectURL, app.Server = "id", "https://app.test/callback", server
		user := app.User()
		code, verifier, err := login(t, srv, user)
		if err != nil {
			t.Fatal(err)
		}
		token, err := user.Exchange(t.Context(), code, verifier)
		if err != nil {
			t.Fatal(err)
		}
		if token.Extra("scope") != "profile" || token.ExpiresIn != 3600 || token.RefreshToken == "" {
			t.Errorf("got scope %v and ExpiresIn %d, want profile, 3600 and a refresh token", token.Extra("scope"), token.ExpiresIn)
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
		documented := map[string]string{ // by grant_type; the last is the revocation
			"authorization_code": "client_id code code_verifier grant_type redirect_uri",
			"refresh_token":      "client_id grant_type refresh_token",
			"":                   "client_id token token_type_hint",
		}
		for _, r := range srv.Requests("") {
			names := slices.DeleteFunc(slices.Sorted(maps.Keys(r.Form)), func(name string) bool { return name == "client_secret" })
			if got, want := strings.Join(names, " "), documented[r.Form.Get("grant_type")]; got != want && r.Method == "POST" {
				t.Errorf("%s: got parameters %s, want %s", r.Path, got, want)
			}
			if r.Authorization() != "" || r.Form.Get("client_secret") != string(row.client.Secret) && r.Method == "POST" {
				t.Errorf("%s: got Authorization %q and client_secret %v, want only the parameter", r.Path, r.Authorization(), r.Form.Has("client_secret"))
			}
			if got, want := r.Header.Get("Content-Type"), "application/x-www-form-urlencoded"; got != want && r.Method == "POST" {
				t.Errorf("%s: got Content-Type %q, want %s", r.Path, got, want)
			}
		}
	}
}

// With Hosts the token reaches the documented API and no other host, not even
// that of the authorization page (G3).
func TestHostsAreTheAPI(t *testing.T) {
	srv, server := start(t, bearertest.Client{}, bearertest.ConsentApprove)
	network := server.Transport.(*bearertest.Network)
	others := new(bearertest.Recorder)
	network.Handle("matrica.io", others)
	network.Handle("other.test", others)
	access, _ := srv.Issue("id", "profile")
	client := http.Client{Transport: &bearer.Transport{
		Source: bearer.FromOAuth2(oauth2.StaticTokenSource(&oauth2.Token{AccessToken: access})),
		Hosts:  matrica.Hosts, Base: network,
	}}
	for _, address := range []string{"https://api.matrica.io/oauth2/v2/user/profile", "https://matrica.io/oauth2", "https://other.test/"} {
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

func TestLoginThatFails(t *testing.T) {
	srv, server := start(t, bearertest.Client{}, bearertest.ConsentDeny)
	user := matrica.App{ClientID: "id", RedirectURL: "https://app.test/callback", Server: server}.User()
	if _, _, err := login(t, srv, user); !errors.Is(err, grant.ErrAccessDenied) {
		t.Errorf("declined: got %v, want ErrAccessDenied", err)
	}
	if _, err := user.Callback(url.Values{"code": {"c"}, "state": {"other"}}, "state"); !errors.Is(err, grant.ErrStateMismatch) {
		t.Errorf("wrong state: got %v, want ErrStateMismatch", err)
	}
	if _, err := user.Token(t.Context()); !errors.Is(err, grant.ErrLoginRequired) {
		t.Errorf("no login: got %v, want ErrLoginRequired", err)
	}

	synctest.Test(t, func(t *testing.T) {
		srv, server := start(t, bearertest.Client{}, bearertest.ConsentApprove)
		user := matrica.App{ClientID: "id", RedirectURL: "https://app.test/callback", Server: server}.User()
		code, verifier, err := login(t, srv, user)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute + time.Second)
		if _, err := user.Exchange(t.Context(), code, verifier); !errors.Is(err, grant.ErrCodeExpired) {
			t.Errorf("after a minute: got %v, want ErrCodeExpired", err)
		}
	})
}

func TestNoSecretIsShown(t *testing.T) {
	_, server := start(t, bearertest.Client{Secret: "another"}, bearertest.ConsentApprove)
	app := matrica.App{ClientID: "id", ClientSecret: secret, Server: server}
	_, err := app.User().Refresh(t.Context(), &oauth2.Token{RefreshToken: "canary-refresh"})
	for _, value := range []any{app, app.User(), err} {
		if got := fmt.Sprintf("%v %+v %#v", value, value, value); strings.Contains(got, "canary") {
			t.Errorf("got %s, want no secret in it", got)
		}
	}
	if err == nil {
		t.Error("wrong secret: got no error, want one")
	}
}
