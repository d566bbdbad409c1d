package credential

import (
	"context"

	"example.com/bearer"
	"example.com/bearer/grant"
)

// Auths are the ways a client can authenticate.
var Auths = []string{"basic", "basic-raw", "post", "none"}

// NeedsSecret reports whether the client authenticates with a secret.
func (c Credential) NeedsSecret() bool { return c.ClientAuth != "none" }

func (c Credential) auth(secret Secret) grant.ClientAuth {
	switch c.ClientAuth {
	case "none":
		return grant.None{ID: c.ClientID}
	case "post":
		return grant.Post{ID: c.ClientID, SecretFunc: secret.Get}
	}
	return grant.Basic{ID: c.ClientID, SecretFunc: secret.Get, Raw: c.ClientAuth == "basic-raw"}
}

func (c Credential) server() grant.Server {
	return grant.Server{
		Issuer: c.Issuer, AuthURL: c.AuthURL, TokenURL: c.TokenURL,
		RevokeURL: c.RevokeURL, DeviceAuthURL: c.DeviceAuthURL, IssuerInCallback: c.IssuerInCallback,
	}
}

// Discover asks the issuer for its endpoints and fills in those that are not
// set.
func (c *Credential) Discover(ctx context.Context) error {
	s, err := c.server().Discover(ctx)
	if err != nil {
		return err
	}
	c.AuthURL, c.TokenURL, c.RevokeURL = s.AuthURL, s.TokenURL, s.RevokeURL
	c.DeviceAuthURL, c.IssuerInCallback = s.DeviceAuthURL, s.IssuerInCallback
	return nil
}

// Code returns the grant for a login in a browser on this machine.
func (c Credential) Code(secret Secret, redirectURL string) grant.AuthorizationCode {
	return grant.AuthorizationCode{
		Server: c.server(), Auth: c.auth(secret),
		RedirectURL: redirectURL, Scopes: c.Scopes, Audience: c.Audience,
	}
}

// Device returns the grant for a login in a browser on another machine.
func (c Credential) Device(secret Secret) grant.Device {
	return grant.Device{Server: c.server(), Auth: c.auth(secret), Scopes: c.Scopes, Audience: c.Audience}
}

// Source returns the source of new tokens. That of a login is a
// [bearer.Refresher]; the tokens of both kinds of login are refreshed alike.
func (c Credential) Source(secret Secret) bearer.Source {
	if c.Login {
		return c.Code(secret, c.RedirectURL)
	}
	return grant.ClientCredentials{
		Server: c.server(), Auth: c.auth(secret), Scopes: c.Scopes, Audience: c.Audience,
	}
}

// Revoke asks the server to revoke a token (RFC 7009).
func (c Credential) Revoke(ctx context.Context, secret Secret, token, hint string) error {
	return c.server().Revoke(ctx, c.auth(secret), token, hint)
}
