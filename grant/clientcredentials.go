package grant

import (
	"context"
	"net/url"

	"golang.org/x/oauth2"
)

// ClientCredentials gets tokens for the client itself, without a user (RFC 6749
// section 4.4). It is a bearer.Source. Every token costs a request: put a
// bearer.Cache in front of it, or let the bearer.Transport do so.
type ClientCredentials struct {
	Server Server     // TokenURL is required
	Auth   ClientAuth // required

	Scopes   []string // empty: the server's default
	Audience string   // whom the token is for, if the server asks (Auth0)
	Resource []string // the same by RFC 8707: absolute URLs

	// Params are further parameters of the request. A parameter that a field
	// sets, here or in Auth, is an error.
	Params url.Values
}

// Token requests a new token. A refusal is an [*Error].
func (c ClientCredentials) Token(ctx context.Context) (*oauth2.Token, error) {
	params, err := c.target().params("client_credentials")
	if err != nil {
		return nil, err
	}
	return c.Server.redeem(ctx, c.Auth, params, "")
}

// Revoke revokes a token of this client; see [Server.Revoke].
func (c ClientCredentials) Revoke(ctx context.Context, token, hint string) error {
	return c.Server.Revoke(ctx, c.Auth, token, hint)
}

func (c ClientCredentials) target() target {
	return target{c.Scopes, c.Audience, c.Resource, further{field: "ClientCredentials.Params", params: c.Params}}
}
