package grant

import (
	"context"
	"errors"
	"net/http"
	"net/url"
)

// Revoke revokes a token at the server (RFC 7009). hint is "access_token" or
// "refresh_token", or empty; it only helps the server to find the token. On
// most servers, revoking a refresh token also ends the access tokens that came
// from it. A token that the server does not know is not an error; a refusal is
// an [*Error].
func (s Server) Revoke(ctx context.Context, auth ClientAuth, token, hint string) error {
	if token == "" {
		return errors.New("grant: Revoke: token is empty; pass an access token or a refresh token")
	}
	params := url.Values{"token": {token}}
	if hint != "" {
		params.Set("token_type_hint", hint)
	}
	a, err := call{server: s, auth: auth, field: "Server.RevokeURL", url: s.RevokeURL, params: params}.do(ctx)
	if err != nil {
		return err
	}
	e := a.refusal()
	if e == nil || e.Status == http.StatusBadRequest && e.Code == "invalid_token" { // some servers refuse what they do not know
		return nil // not e: a nil *Error in an error is not nil
	}
	return e
}
