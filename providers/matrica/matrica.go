// Package matrica obtains tokens for Matrica Connect on behalf of a user who
// consents: [App.User].
//
// Matrica always requires PKCE. It takes the client's secret as a parameter,
// never by HTTP Basic, and only if the application is set to "Private".
// The Content-Type must be application/x-www-form-urlencoded. Its authorization
// code lives for about a minute, its access tokens for an hour. A scope is
// required; "profile" is one.
//
// Not documented, and so not known: whether refresh tokens rotate (both ways
// work here), whether a user's refusal comes back with the state, and the
// parameters of the revocation endpoint, which receives those of RFC 7009.
package matrica

import (
	"cmp"
	"context"

	"example.com/bearer/grant"
)

// The endpoints.
const (
	AuthURL   = "https://matrica.io/oauth2"
	TokenURL  = "https://api.matrica.io/oauth2/token"
	RevokeURL = "https://api.matrica.io/oauth2/token/revoke"
)

// Hosts are the API's hosts, for bearer.Transport.Hosts: only they receive the
// token.
var Hosts = []string{"api.matrica.io"}

// App is an application as it is registered with Matrica.
type App struct {
	ClientID     string                                // required
	ClientSecret grant.Secret                          // only if the application is "Private": set this or SecretFunc
	SecretFunc   func(context.Context) (string, error) // called for each attempt, possibly concurrently
	RedirectURL  string                                // required for a login: one of those registered
	Scopes       []string                              // empty: "profile"

	// Server changes how Matrica is reached: another Transport or Timeout,
	// or a test's endpoints. Zero fields are the recommended values; empty
	// endpoints are Matrica's.
	Server grant.Server
}

// User returns the grant that obtains tokens on behalf of a user, from login to
// revocation. Exchange Matrica's code within a minute.
func (a App) User() grant.AuthorizationCode {
	server := a.Server
	server.AuthURL = cmp.Or(server.AuthURL, AuthURL)
	server.TokenURL = cmp.Or(server.TokenURL, TokenURL)
	server.RevokeURL = cmp.Or(server.RevokeURL, RevokeURL)
	scopes := a.Scopes
	if len(scopes) == 0 {
		scopes = []string{"profile"}
	}
	var auth grant.ClientAuth = grant.None{ID: a.ClientID}
	if a.ClientSecret != "" || a.SecretFunc != nil {
		auth = grant.Post{ID: a.ClientID, Secret: a.ClientSecret, SecretFunc: a.SecretFunc}
	}
	return grant.AuthorizationCode{Server: server, Auth: auth, RedirectURL: a.RedirectURL, Scopes: scopes}
}
