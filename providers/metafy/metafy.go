// Package metafy obtains tokens for Metafy: [App.User] on behalf of a user who
// consents, [App.Owner] on behalf of the application's owner.
//
// Metafy takes the client's id and secret as parameters, never by HTTP Basic.
// It recommends the state parameter; this package always sends and checks it.
// PKCE is not documented. Its parameters are sent all the same: RFC 6749
// section 3.1 has a server ignore parameters that it does not know, and RFC
// 9700 section 2.1.1 recommends PKCE.
//
// Not documented, and so not known: how long tokens live (the answer says so),
// whether refresh tokens rotate (both ways work here), and the scopes.
package metafy

import (
	"cmp"
	"context"

	"example.com/bearer/grant"
)

// The endpoints.
const (
	AuthURL   = "https://metafy.gg/auth/authorize"
	TokenURL  = "https://metafy.gg/irk/oauth/token"
	RevokeURL = "https://metafy.gg/irk/oauth/revoke"
)

// Hosts are the hosts that receive the token, for bearer.Transport.Hosts. The
// documentation names only this one; if your part of the API is elsewhere, use
// your own list.
var Hosts = []string{"metafy.gg"}

// App is an application as it is registered with Metafy.
type App struct {
	ClientID     string                                // required
	ClientSecret grant.Secret                          // set exactly one of ClientSecret and SecretFunc
	SecretFunc   func(context.Context) (string, error) // called for each attempt, possibly concurrently
	RedirectURL  string                                // required for a user's login: the one that is registered
	Scopes       []string                              // empty: Metafy's default

	// Server changes how Metafy is reached: another Transport or Timeout,
	// or a test's endpoints. Zero fields are the recommended values; empty
	// endpoints are Metafy's.
	Server grant.Server
}

// User returns the grant that obtains tokens on behalf of a user, from login to
// revocation.
func (a App) User() grant.AuthorizationCode {
	return grant.AuthorizationCode{Server: a.server(), Auth: a.auth(), RedirectURL: a.RedirectURL, Scopes: a.Scopes}
}

// Owner returns the source of tokens on behalf of the application's owner.
// Metafy issues no refresh token with them: each next token is requested in the
// same way.
func (a App) Owner() grant.ClientCredentials {
	return grant.ClientCredentials{Server: a.server(), Auth: a.auth(), Scopes: a.Scopes}
}

func (a App) server() grant.Server {
	server := a.Server
	server.AuthURL = cmp.Or(server.AuthURL, AuthURL)
	server.TokenURL = cmp.Or(server.TokenURL, TokenURL)
	server.RevokeURL = cmp.Or(server.RevokeURL, RevokeURL)
	return server
}

func (a App) auth() grant.ClientAuth {
	return grant.Post{ID: a.ClientID, Secret: a.ClientSecret, SecretFunc: a.SecretFunc}
}
