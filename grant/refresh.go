package grant

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"

	"golang.org/x/oauth2"
)

// ReuseGrace returns Server.ReuseGrace, for bearer.Cache.
func (a AuthorizationCode) ReuseGrace() time.Duration { return a.Server.ReuseGrace }

// ReuseGrace returns Server.ReuseGrace, for bearer.Cache.
func (d Device) ReuseGrace() time.Duration { return d.Server.ReuseGrace }

// redeem asks the token endpoint for a token. once names what the request
// spends, "" if it may be repeated.
func (s Server) redeem(ctx context.Context, auth ClientAuth, params url.Values, once string) (*oauth2.Token, error) {
	return call{server: s, auth: auth, field: "Server.TokenURL", url: s.TokenURL, params: params, once: once}.redeem(ctx)
}

// redeem sends a call that is answered with a token.
func (c call) redeem(ctx context.Context) (*oauth2.Token, error) {
	a, err := c.do(ctx)
	if err != nil {
		return nil, err
	}
	token, err := a.token()
	if e, ok := errors.AsType[*Error](err); ok && c.once != "" {
		e.spent = e.Temporary() && !a.unprocessed()
	}
	return token, err
}

// refresh redeems prev's refresh token, for every grant that can have one. The
// new token takes over prev's extras of those names that the answer lacks.
func (s Server) refresh(ctx context.Context, auth ClientAuth, prev *oauth2.Token, t target, extras []string) (*oauth2.Token, error) {
	if prev == nil || prev.RefreshToken == "" {
		return nil, fmt.Errorf("grant: there is no refresh token: %w", ErrLoginRequired)
	}
	params, err := t.params("refresh_token")
	if err != nil {
		return nil, err
	}
	if err := checkExtras("Extras", extras); err != nil {
		return nil, err
	}
	params.Set("refresh_token", prev.RefreshToken)
	c := call{server: s, auth: auth, field: "Server.TokenURL", url: s.TokenURL, params: params, once: "refresh token", extras: extrasOf(prev, extras)}
	if s.RefreshURL != "" {
		c.field, c.url = "Server.RefreshURL", s.RefreshURL
	}
	token, err := c.redeem(ctx)
	if err != nil {
		return nil, meaning(err, "invalid_grant",
			"the refresh token has expired, was revoked, or was used before; the user has to log in again",
			ErrLoginRequired)
	}
	if token.RefreshToken == "" {
		token.RefreshToken = prev.RefreshToken
	}
	return token, nil
}
