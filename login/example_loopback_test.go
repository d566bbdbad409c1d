package login_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"example.com/bearer/bearertest"
	"example.com/bearer/grant"
	"example.com/bearer/login"
)

// A program logs its user in with the browser.
func ExampleLoopback() {
	srv, err := bearertest.NewServer(bearertest.Config{
		// A public client: PKCE replaces the secret that a program cannot keep.
		Clients: []bearertest.Client{{ID: "cli", RedirectURIs: []string{"http://127.0.0.1/callback"}}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer srv.Close()

	l := login.Loopback{
		Flow: func(redirectURL string) login.Flow {
			return grant.AuthorizationCode{
				Server: grant.Server{
					AuthURL:  srv.Endpoint(bearertest.AuthorizeEndpoint),
					TokenURL: srv.Endpoint(bearertest.TokenEndpoint),
				},
				ClientID:    "cli",
				RedirectURL: redirectURL,
				Scopes:      []string{"profile"},
			}
		},
		Open: visit, // a program leaves this out
	}
	token, err := l.Login(context.Background())
	switch {
	case errors.Is(err, grant.ErrAccessDenied):
		fmt.Println("Declined.")
	case err != nil:
		fmt.Println(err)
	default:
		fmt.Println(token.Type(), "token for", token.Extra("scope"))
	}
	// Output: Bearer token for profile
}

// visit opens the page and consents, as a user does.
func visit(url string) error {
	resp, err := http.Get(url)
	if err != nil {
		return err
	}
	return resp.Body.Close()
}
