// Package matter gets tokens for the Matter Partner API: [App.Source].
//
// Matter documents one way to a token: a POST to [TokenURL] with the client's id and secret by
// HTTP Basic. No body is documented; this package sends grant_type=client_credentials, as RFC 6749
// section 4.4.2 requires. Tokens live for an hour, and there is no refresh token: the next one is
// asked for in the same way, which bearer.Transport does in time.
//
// Not documented, and so not known: scopes, revocation, and whether the server decodes the
// form-encoding that RFC 6749 section 2.3.1 has for Basic. That matters only to ids and secrets
// with characters other than letters, digits and "-._~"; if yours are refused, give the source
// another Auth: a [grant.Basic] with Raw.
package matter

import (
	"cmp"
	"context"

	"example.com/bearer/grant"
)

// TokenURL is where tokens are asked for.
const TokenURL = "https://api.thisismatter.com/auth/v1/token"

// Hosts are the API's hosts, for bearer.Transport.Hosts: only they get the token.
var Hosts = []string{"api.thisismatter.com"}

// App is a client as Matter knows it.
type App struct {
	ClientID     string                                // required
	ClientSecret grant.Secret                          // exactly one of ClientSecret and SecretFunc is set
	SecretFunc   func(context.Context) (string, error) // asked for each attempt

	// Server changes how Matter is reached: another Transport or Timeout, or a TokenURL of a test's
	// own. Zero fields are the recommended values, an empty TokenURL is Matter's.
	Server grant.Server
}

// Source gives tokens in the name of the client.
func (a App) Source() grant.ClientCredentials {
	server := a.Server
	server.TokenURL = cmp.Or(server.TokenURL, TokenURL)
	return grant.ClientCredentials{
		Server: server,
		Auth:   grant.Basic{ID: a.ClientID, Secret: a.ClientSecret, SecretFunc: a.SecretFunc},
	}
}
