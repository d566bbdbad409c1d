package grant

import (
	"context"
	"errors"
	"fmt"
	"net/url"

	"golang.org/x/oauth2"
)

// redeem asks the token endpoint for a token. once names what the request
// spends, "" if it may be repeated.
func (s Server) redeem(ctx context.Context, auth ClientAuth, params url.Values, once string) (*oauth2.Token, error) {
	return s.redeemAt(ctx, auth, "Server.TokenURL", s.TokenURL, params, once)
}

// redeemAt is redeem at the endpoint that the named field holds.
func (s Server) redeemAt(ctx context.Context, auth ClientAuth, field, endpoint string, params url.Values, once string) (*oauth2.Token, error) {
	a, err := call{server: s, auth: auth, field: field, url: endpoint, params: params, once: once}.do(ctx)
	if err != nil {
		return nil, err
	}
	token, err := a.token()
	if e, ok := errors.AsType[*Error](err); ok && once != "" {
		e.spent = e.Temporary() && !a.unprocessed()
	}
	return token, err
}

// refresh redeems prev's refresh token, for every grant that can have one.
func (s Server) refresh(ctx context.Context, auth ClientAuth, prev *oauth2.Token, t target) (*oauth2.Token, error) {
	if prev == nil || prev.RefreshToken == "" {
		return nil, fmt.Errorf("grant: there is no refresh token: %w", ErrLoginRequired)
	}
	params, err := t.params("refresh_token")
	if err != nil {
		return nil, err
	}
	params.Set("refresh_token", prev.RefreshToken)
	field, endpoint := "Server.TokenURL", s.TokenURL
	if s.RefreshURL != "" {
		field, endpoint = "Server.RefreshURL", s.RefreshURL
	}
	token, err := s.redeemAt(ctx, auth, field, endpoint, params, "refresh token")
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
