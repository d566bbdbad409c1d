package bearer_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"

	"golang.org/x/oauth2"

	"example.com/bearer"
	"example.com/bearer/bearertest"
	"example.com/bearer/grant"
	"example.com/bearer/providers/metafy"
)

// A user of Metafy, from the login to the revocation.
func Example_metafy() {
	server := newMetafy()
	defer server.Close()
	ctx := context.Background()
	user := metafy.App{
		ClientID:     "client",
		ClientSecret: "secret",
		RedirectURL:  "https://app.example.com/callback",
		Scopes:       []string{"profile"},
		Server:       grant.Server{Transport: server.Transport()}, // in your program: leave it out
	}.User()

	// The login. Package login does these steps for a program or a web application.
	state, verifier := oauth2.GenerateVerifier(), oauth2.GenerateVerifier()
	consent, err := user.AuthCodeURL(ctx, state, verifier)
	if err != nil {
		fmt.Println(err)
		return
	}
	code, err := user.Callback(browse(server, consent), state)
	if err != nil {
		fmt.Println(err)
		return
	}
	token, err := user.Exchange(ctx, code, verifier)
	if err != nil {
		fmt.Println(err)
		return
	}

	// Requests. The refresh token is redeemed whenever that is due.
	cache := &bearer.Cache{Source: user, Store: new(bearer.MemoryStore), Key: "metafy/alice"}
	if err := cache.Set(ctx, token); err != nil {
		fmt.Println(err)
		return
	}
	client := &http.Client{Transport: &bearer.Transport{Source: cache, Base: server.Transport(), Hosts: metafy.Hosts}}
	get := func() {
		resp, err := client.Get("https://metafy.gg/irk/api/me")
		if err != nil {
			fmt.Println(err)
			return
		}
		resp.Body.Close()
		fmt.Println(resp.Status)
	}
	get()
	cache.Invalidate(token) // as if it had expired
	get()
	fmt.Println("refreshes:", server.Counts().Grants["refresh_token"].Issued)

	// The end. What is revoked cannot be refreshed.
	token, err = cache.Token(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("revoked:", user.Revoke(ctx, token.RefreshToken, "refresh_token") == nil)
	get()

	// Output:
	// 200 OK
	// 200 OK
	// refreshes: 1
	// revoked: true
	// 401 Unauthorized
}

// browse is the user's browser: it follows the link, the user consents, and
// the query of the redirect back is the answer.
func browse(server *bearertest.Server, link string) url.Values {
	browser := &http.Client{
		Transport:     server.Transport(),
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	resp, err := browser.Get(link)
	if err != nil {
		panic(err)
	}
	resp.Body.Close()
	back, err := resp.Location()
	if err != nil {
		panic(err)
	}
	return back.Query()
}

// newMetafy stands in for Metafy: in memory, under its real name.
func newMetafy() *bearertest.Server {
	server, err := bearertest.NewServer(bearertest.Config{
		Network: new(bearertest.Network),
		Host:    "metafy.gg",
		Clients: []bearertest.Client{{ID: "client", Secret: "secret", Auth: []string{"client_secret_post"}}},
		Routes: map[string]bearertest.Endpoint{
			"/auth/authorize":   bearertest.AuthorizeEndpoint,
			"/irk/oauth/token":  bearertest.TokenEndpoint,
			"/irk/oauth/revoke": bearertest.RevokeEndpoint,
			"/irk/api/":         bearertest.APIEndpoint,
		},
	})
	if err != nil {
		panic(err)
	}
	return server
}
