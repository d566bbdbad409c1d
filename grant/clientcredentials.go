package grant

import (
	"context"
	"net/url"

	"golang.org/x/oauth2"
)

// ClientCredentials asks for tokens in the client's own name (RFC 6749 section 4.4). It is a
// bearer.Source. Every token costs a request: put a bearer.Cache round it, or let the
// bearer.Transport do so.
type ClientCredentials struct {
	Server Server     // TokenURL is required
	Auth   ClientAuth // required

	Scopes   []string   // empty: what the server gives by default
	Audience string     // for servers that want to know what the token is for, such as Auth0
	Resource []string   // the same by RFC 8707: absolute URLs
	Params   url.Values // further parameters; one that has a field, here or in Auth, is an error
}

// Token asks for a new token. A refusal is an [*Error].
func (c ClientCredentials) Token(ctx context.Context) (*oauth2.Token, error) {
	params, err := target{c.Scopes, c.Audience, c.Resource, c.Params}.params("client_credentials")
	if err != nil {
		return nil, err
	}
	return c.Server.redeem(ctx, c.Auth, params, "")
}

// Revoke makes the server forget a token, see [Server.Revoke].
func (c ClientCredentials) Revoke(ctx context.Context, token, hint string) error {
	return c.Server.Revoke(ctx, c.Auth, token, hint)
}
