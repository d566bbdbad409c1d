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
	a, err := call{server: s, auth: auth, field: "Server.TokenURL", url: s.TokenURL, params: params, once: once}.do(ctx)
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
	token, err := s.redeem(ctx, auth, params, "refresh token")
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
