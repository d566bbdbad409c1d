// Package matter obtains tokens for the Matter Partner API: [App.Source].
//
// Matter documents one way to a token: a POST to [TokenURL] with the client's
// id and secret by HTTP Basic. No body is documented; this package sends
// grant_type=client_credentials, as RFC 6749 section 4.4.2 requires. Tokens
// live for an hour. Matter issues no refresh token: each next token is
// requested in the same way, which bearer.Transport does in time.
//
// Not documented, and so not known: scopes, revocation, and whether the server
// decodes the form-encoding that RFC 6749 section 2.3.1 requires with Basic.
// It changes only ids and secrets with characters other than letters, digits
// and "-._~". If yours are refused, set the Auth of the source to a
// [grant.Basic] with Raw.
package matter

import (
	"cmp"
	"context"

	"example.com/bearer/grant"
)

// TokenURL is the token endpoint.
const TokenURL = "https://api.thisismatter.com/auth/v1/token"

// Hosts are the API's hosts, for bearer.Transport.Hosts: only they receive the
// token.
var Hosts = []string{"api.thisismatter.com"}

// App is a client as it is registered with Matter.
type App struct {
	ClientID     string                                // required
	ClientSecret grant.Secret                          // set exactly one of ClientSecret and SecretFunc
	SecretFunc   func(context.Context) (string, error) // called for each attempt, possibly concurrently

	// Server changes how Matter is reached: another Transport or Timeout, or
	// a test's TokenURL. Zero fields are the recommended values; an empty
	// TokenURL is Matter's.
	Server grant.Server
}

// Source returns the source of tokens on behalf of the client.
func (a App) Source() grant.ClientCredentials {
	server := a.Server
	server.TokenURL = cmp.Or(server.TokenURL, TokenURL)
	return grant.ClientCredentials{
		Server: server,
		Auth:   grant.Basic{ID: a.ClientID, Secret: a.ClientSecret, SecretFunc: a.SecretFunc},
	}
}
