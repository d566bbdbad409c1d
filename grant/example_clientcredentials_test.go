package grant_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"

	"example.com/bearer/grant"
)

func ExampleClientCredentials() {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, _, _ := r.BasicAuth()
		fmt.Fprintf(w, `{"access_token":"token-for-%s","token_type":"bearer","expires_in":3600,"scope":%q}`, id, r.FormValue("scope"))
	}))
	defer server.Close()

	source := grant.ClientCredentials{
		Server: grant.Server{TokenURL: server.URL + "/token"},
		Auth:   grant.Basic{ID: "batch", Secret: "s3cret"}, // or SecretFunc, to read it anew each time
		Scopes: []string{"read", "write"},
	}
	token, err := source.Token(context.Background())
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(token.AccessToken, "for", token.Extra("scope"))
	// Output: token-for-batch for read write
}

func ExampleError() {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusUnauthorized)
		fmt.Fprint(w, `{"error":"invalid_client","error_description":"unknown client"}`)
	}))
	defer server.Close()

	_, err := grant.ClientCredentials{
		Server: grant.Server{TokenURL: server.URL},
		Auth:   grant.Post{ID: "batch", Secret: "s3cret"},
	}.Token(context.Background())

	var refusal *grant.Error
	if errors.As(err, &refusal) {
		fmt.Println(refusal.Status, refusal.Code, refusal.Description)
		fmt.Println("worth another try:", refusal.Temporary())
	}
	// Output:
	// 401 invalid_client unknown client
	// worth another try: false
}
