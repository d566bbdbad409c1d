// Package matrica gets tokens for Matrica Connect, in the name of a user who consents: [App.User].
//
// Matrica always wants PKCE, and takes the client's secret as a parameter, never by HTTP Basic,
// and only if the application is set to "Private". Its authorization code lives for about a
// minute, its access tokens for an hour. A scope is required; "profile" is one.
//
// Not documented, and so not known: whether refresh tokens rotate (both ways work here), and the
// parameters of the revocation endpoint, to which those of RFC 7009 are sent.
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

// Hosts are the API's hosts, for bearer.Transport.Hosts: only they get the token.
var Hosts = []string{"api.matrica.io"}

// App is an application as it is registered with Matrica.
type App struct {
	ClientID     string                                // required
	ClientSecret grant.Secret                          // only if the application is "Private": this one or SecretFunc
	SecretFunc   func(context.Context) (string, error) // asked for each attempt
	RedirectURL  string                                // required for a login: one of those registered
	Scopes       []string                              // empty: "profile"

	// Server changes how Matrica is reached: another Transport or Timeout, or endpoints of a test's
	// own. Zero fields are the recommended values, empty endpoints are Matrica's.
	Server grant.Server
}

// User gives tokens in the name of a user, from the login to the revocation. Matrica's code has to
// be exchanged within a minute.
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
