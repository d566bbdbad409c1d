// Package metafy gets tokens for Metafy: [App.User] in the name of a user who consents, [App.Owner]
// in the name of the application's owner.
//
// Metafy takes the client's id and secret as parameters, never by HTTP Basic. It recommends the
// state parameter; this package always sends and checks it. PKCE is not documented; its parameters
// are sent all the same, since RFC 6749 section 3.1 has a server ignore those it does not know, and
// RFC 9700 section 2.1.1 wants them.
//
// Not documented, and so not known: how long tokens live (the answer says so), whether refresh
// tokens rotate (both ways work here), and the scopes.
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

// Hosts are the hosts that get the token, for bearer.Transport.Hosts. The documents name no other
// than this one; if your part of the API is elsewhere, give Transport your own list.
var Hosts = []string{"metafy.gg"}

// App is an application as it is registered with Metafy.
type App struct {
	ClientID     string                                // required
	ClientSecret grant.Secret                          // exactly one of ClientSecret and SecretFunc is set
	SecretFunc   func(context.Context) (string, error) // asked for each attempt
	RedirectURL  string                                // required for a user's login: the one that is registered
	Scopes       []string                              // empty: what Metafy gives by default

	// Server changes how Metafy is reached: another Transport or Timeout, or endpoints of a test's
	// own. Zero fields are the recommended values, empty endpoints are Metafy's.
	Server grant.Server
}

// User gives tokens in the name of a user, from the login to the revocation.
func (a App) User() grant.AuthorizationCode {
	return grant.AuthorizationCode{Server: a.server(), Auth: a.auth(), RedirectURL: a.RedirectURL, Scopes: a.Scopes}
}

// Owner gives tokens in the name of the application's owner. There is no refresh token: the next
// token is asked for in the same way.
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
