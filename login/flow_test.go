package login

import (
	"context"
	"net/http/httptest"
	"net/url"
	"testing"

	"golang.org/x/oauth2"

	"example.com/bearer/bearertest"
	"example.com/bearer/grant"
)

// ownExchange is a grant with an Exchange that is not the grant's.
type ownExchange struct{ grant.AuthorizationCode }

func (ownExchange) Exchange(context.Context, string, string) (*oauth2.Token, error) {
	return &oauth2.Token{AccessToken: "own"}, nil
}

// A login keeps what the callback brings besides the code, and a Flow of the
// program's own is asked by its own methods.
func TestRedeem(t *testing.T) {
	server := bearertest.Start(t, bearertest.Config{Network: new(bearertest.Network)})
	server.Fault(bearertest.AuthorizeEndpoint, bearertest.Fault{Times: -1, Members: map[string]any{"realmId": "42"}})
	flow := grant.AuthorizationCode{
		Server:      grant.Server{AuthURL: server.Endpoint(bearertest.AuthorizeEndpoint), TokenURL: server.Endpoint(bearertest.TokenEndpoint), Transport: server.Transport()},
		Auth:        grant.Basic{ID: "client", Secret: "secret"},
		RedirectURL: "https://app.test/callback", CallbackExtras: []string{"realmId"},
	}
	verifier := oauth2.GenerateVerifier()
	address, err := flow.AuthCodeURL(t.Context(), "state", verifier)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := server.Transport().RoundTrip(httptest.NewRequest("GET", address, nil))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	back, err := resp.Location()
	if err != nil {
		t.Fatal(err)
	}
	token, err := redeem(t.Context(), &flow, back.Query(), "state", verifier)
	if err != nil || token.Extra("realmId") != "42" {
		t.Errorf("got %v, want the realmId of the callback", err)
	}
	token, err = redeem(t.Context(), ownExchange{flow}, url.Values{"state": {"state"}, "code": {"c"}}, "state", verifier)
	if err != nil || token.AccessToken != "own" {
		t.Errorf("a Flow of the program's own: got %v, want its own Exchange", err)
	}
}
