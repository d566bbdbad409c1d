package login_test

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"

	"golang.org/x/oauth2"

	"example.com/bearer/bearertest"
	"example.com/bearer/grant"
	"example.com/bearer/login"
	"example.com/bearer/providers/matrica"
)

// A web application logs its users in with Matrica.
func ExampleHandler() {
	srv, err := bearertest.NewServer(bearertest.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer srv.Close()

	h := &login.Handler{
		RedirectURL: "https://app.example.com/login/callback",
		Flow: func(redirectURL string) login.Flow {
			return matrica.App{
				ClientID:     "client",
				ClientSecret: "secret", // only if the application is "Private"
				RedirectURL:  redirectURL,
				Server:       matricaAt(srv), // a program leaves this out
			}.User()
		},
		Key: "K7Yb0tPq3nX9wE1sU6aD4hJ8kL2mR5vC", // a program reads it from where it keeps its secrets
		Done: func(w http.ResponseWriter, r *http.Request, token *oauth2.Token) {
			// Here the token goes into the user's bearer.Cache, and a session
			// begins.
			fmt.Println("logged in with", token.Extra("scope"))
			http.Redirect(w, r, login.ReturnTo(r), http.StatusSeeOther)
		},
		Failed: func(w http.ResponseWriter, r *http.Request, err error) {
			log.Print(err)
			login.ErrorPage(w, r, err)
		},
	}
	mux := http.NewServeMux()
	mux.Handle("/login", h)
	mux.Handle("/login/callback", h)
	mux.HandleFunc("/wallets", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "your wallets") })

	// The rest is a user with a browser.
	app := httptest.NewTLSServer(mux)
	defer app.Close()
	h.RedirectURL = app.URL + "/login/callback"
	browser := app.Client()
	browser.Jar, _ = cookiejar.New(nil)
	resp, err := browser.Get(app.URL + "/login?return_to=/wallets")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer resp.Body.Close()
	page, _ := io.ReadAll(resp.Body)
	fmt.Printf("%s: %s\n", resp.Request.URL.Path, page)
	// Output:
	// logged in with profile
	// /wallets: your wallets
}

// matricaAt returns Matrica as a test server plays it.
func matricaAt(srv *bearertest.Server) grant.Server {
	return grant.Server{
		AuthURL:  srv.Endpoint(bearertest.AuthorizeEndpoint),
		TokenURL: srv.Endpoint(bearertest.TokenEndpoint),
	}
}
