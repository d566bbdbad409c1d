package config

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"example.com/bearer/grant"
)

// Login returns the grant by which a user logs in to that client in a browser,
// with what discovery found. Pass the token that it returns to [Set.Cache]'s
// Set. The error is about the name, the discovery, an endpoint that the server
// does not have, or the client's grant_type: it is authorization_code or
// device_code, which differ only in how a login usually begins.
func (s *Set) Login(ctx context.Context, name string) (grant.AuthorizationCode, error) {
	b, server, err := s.grant(ctx, name, "authorization_code", "device_code")
	if err == nil && server.AuthURL == "" {
		err = fmt.Errorf("config: the server of client %s has no authorization endpoint; set auth_url if it has one", name)
	}
	if err != nil {
		return grant.AuthorizationCode{}, err
	}
	return b.authorizationCode(server), nil
}

// Device returns the grant by which a user logs in to that client on another
// machine, as Login does.
func (s *Set) Device(ctx context.Context, name string) (grant.Device, error) {
	b, server, err := s.grant(ctx, name, "device_code", "authorization_code")
	if err == nil && server.DeviceAuthURL == "" {
		err = fmt.Errorf("config: the server of client %s has no device authorization endpoint; set device_auth_url if it has one", name)
	}
	if err != nil {
		return grant.Device{}, err
	}
	return b.device(server), nil
}

// Revoke revokes a token of that client at its server; see
// [grant.Server.Revoke].
func (s *Set) Revoke(ctx context.Context, name, token, hint string) error {
	b, server, err := s.grant(ctx, name)
	if err != nil {
		return err
	}
	if server.RevokeURL == "" {
		return fmt.Errorf("config: the server of client %s has no revocation endpoint; set revoke_url if it has one", name)
	}
	return server.Revoke(ctx, b.auth(), token, hint)
}

// grant returns what makes the client's grants, and its server with all
// endpoints that can be found.
func (s *Set) grant(ctx context.Context, name string, types ...string) (*builder, grant.Server, error) {
	c, err := s.client(name)
	if err != nil {
		return nil, grant.Server{}, err
	}
	if c.builder == nil {
		return nil, grant.Server{}, errors.New("config: the tokens of client " + name + " come from a source of the program; log in there")
	}
	if has := c.builder.grantType(); types != nil && !slices.Contains(types, has) {
		return nil, grant.Server{}, fmt.Errorf("config: client %s has grant_type %s, which needs no login", name, has)
	}
	server := c.builder.server()
	if c.server != nil {
		if server, err = c.server.get(ctx); err != nil {
			return nil, grant.Server{}, err
		}
	}
	return c.builder, server, nil
}
