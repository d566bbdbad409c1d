// Package metafy gets tokens for Metafy: [User] in the name of a user who consents, [Source] in
// the name of the application's owner.
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

	"golang.org/x/oauth2"

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

// Source asks Metafy for tokens of the application's owner, by client_credentials. There is no
// refresh token: the next token is asked for in the same way. It is a bearer.Source; each call of
// Token costs a request. It may be used by any number of goroutines.
type Source struct {
	ClientID     string                                // required
	ClientSecret grant.Secret                          // exactly one of ClientSecret and SecretFunc is set
	SecretFunc   func(context.Context) (string, error) // asked for each attempt
	Scopes       []string                              // empty: what Metafy gives by default

	// Server changes how Metafy is reached: another Transport or Timeout, or endpoints of a test's
	// own. Zero fields are the recommended values, empty endpoints are Metafy's.
	Server grant.Server
}

// Token asks for a new token. A refusal is a [*grant.Error].
func (s Source) Token(ctx context.Context) (*oauth2.Token, error) {
	return grant.ClientCredentials{
		Server: endpoints(s.Server),
		Auth:   s.auth(),
		Scopes: s.Scopes,
	}.Token(ctx)
}

// Revoke makes Metafy forget a token. hint is "access_token", "refresh_token" or empty.
func (s Source) Revoke(ctx context.Context, token, hint string) error {
	return endpoints(s.Server).Revoke(ctx, s.auth(), token, hint)
}

func (s Source) auth() grant.ClientAuth {
	return grant.Post{ID: s.ClientID, Secret: s.ClientSecret, SecretFunc: s.SecretFunc}
}

func endpoints(server grant.Server) grant.Server {
	server.AuthURL = cmp.Or(server.AuthURL, AuthURL)
	server.TokenURL = cmp.Or(server.TokenURL, TokenURL)
	server.RevokeURL = cmp.Or(server.RevokeURL, RevokeURL)
	return server
}
