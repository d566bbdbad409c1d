package grant

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"golang.org/x/oauth2"
)

// What a callback brings besides the code is the token's, and stays so: the
// answers of refreshes do not have it.
func TestCallbackExtras(t *testing.T) {
	s, _ := serve(t, func(n int, _ *http.Request, form url.Values) (*http.Response, error) {
		switch n {
		case 1:
			return reply(200, `{"access_token":"a","refresh_token":"r","tier":"gold","region":"eu"}`), nil
		case 2:
			return reply(200, `{"access_token":"b","region":"us","realmId":""}`), nil
		}
		return reply(200, `{"access_token":"c"}`), nil
	})
	flow := AuthorizationCode{
		Server: s, Auth: basic, RedirectURL: "https://app.test/",
		CallbackExtras: []string{"realmId", "region"}, Extras: []string{"tier", "absent"},
	}
	query := url.Values{"state": {"state"}, "iss": {s.Issuer}, "code": {"c"}, "realmId": {"42"}, "region": {"forged"}, "tier": {"forged"}}
	token, err := flow.ExchangeCallback(t.Context(), query, "state", oauth2.GenerateVerifier())
	if err != nil {
		t.Fatal(err)
	}
	want := func(what string, token *oauth2.Token, realm, region, tier any) {
		t.Helper()
		if token.Extra("realmId") != realm || token.Extra("region") != region || token.Extra("tier") != tier || token.Extra("absent") != nil {
			t.Errorf("%s: got %v, %v and %v, want %v, %v and %v", what,
				token.Extra("realmId"), token.Extra("region"), token.Extra("tier"), realm, region, tier)
		}
	}
	want("the login", token, "42", "eu", "gold") // what the server answers comes first
	for _, region := range []string{"us", "us"} {
		if token, err = flow.Refresh(t.Context(), token); err != nil {
			t.Fatal(err)
		}
		want("a refresh", token, "42", region, "gold")
	}
	device := Device{Server: s, Auth: basic, Extras: []string{"tier"}, RefreshAuth: None{ID: "id"}}
	if token, err = device.Refresh(t.Context(), token); err != nil || token.Extra("tier") != "gold" || token.Extra("realmId") != nil {
		t.Errorf("a device: got %v, want its own Extras alone", err)
	}
}

// A callback that lacks what the program needs costs no code, and one cannot
// bring a token.
func TestCallbackExtrasThatCannotBe(t *testing.T) {
	s, w := serve(t, always(200, good))
	flow := AuthorizationCode{Server: s, Auth: basic, RedirectURL: "https://app.test/", CallbackExtras: []string{"realmId"}}
	query := url.Values{"state": {"state"}, "code": {"c"}}
	_, err := flow.ExchangeCallback(t.Context(), query, "state", oauth2.GenerateVerifier())
	wantText(t, err, `the callback has no "realmId"`)
	_, err = flow.ExchangeCallback(t.Context(), query, "other", oauth2.GenerateVerifier())
	if err != ErrStateMismatch {
		t.Errorf("got %v, want ErrStateMismatch", err)
	}
	for _, name := range []string{"access_token", "refresh_token", "token_type", "expires_in", ""} {
		flow.CallbackExtras = []string{name}
		if _, err := flow.AuthCodeURL(t.Context(), "state", oauth2.GenerateVerifier()); err == nil || !strings.Contains(err.Error(), "AuthorizationCode.CallbackExtras has") {
			t.Errorf("%q: AuthCodeURL: got %v, want an error", name, err)
		}
		query.Set(name, "forged")
		_, err := flow.ExchangeCallback(t.Context(), query, "state", oauth2.GenerateVerifier())
		wantText(t, err, "AuthorizationCode.CallbackExtras has")
	}
	if n := w.seen.Load(); n != 0 {
		t.Errorf("token requests: got %d, want none", n)
	}
}

// A refresh does not take over what a token has fields for: an answer without an
// access token is not the token before with a new lifetime.
func TestExtrasThatCannotBe(t *testing.T) {
	s, w := serve(t, always(200, `{"token_type":"Bearer"}`))
	prev := (&oauth2.Token{AccessToken: "a", RefreshToken: "r"}).WithExtra(map[string]any{"access_token": "a", "expires_in": 3600.0})
	for _, name := range []string{"access_token", "refresh_token", "token_type", "expires_in", ""} {
		flow := AuthorizationCode{Server: s, Auth: basic, RedirectURL: "https://app.test/", Extras: []string{name}}
		device := Device{Server: s, Auth: basic, Extras: []string{name}}
		_, urlErr := flow.AuthCodeURL(t.Context(), "state", oauth2.GenerateVerifier())
		_, startErr := device.Start(t.Context())
		_, refreshErr := flow.Refresh(t.Context(), prev)
		_, deviceErr := device.Refresh(t.Context(), prev)
		for _, err := range []error{urlErr, startErr, refreshErr, deviceErr} {
			wantText(t, err, "Extras has")
		}
	}
	if n := w.seen.Load(); n != 0 {
		t.Errorf("requests: got %d, want none", n)
	}
}
