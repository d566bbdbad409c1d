package login

import (
	"context"
	"net/url"

	"golang.org/x/oauth2"

	"example.com/bearer/grant"
)

// A Flow is the part of an authorization code grant that goes through the user's browser.
// [grant.AuthorizationCode] is one.
type Flow interface {
	AuthCodeURL(state, verifier string) (string, error)
	Callback(query url.Values, state string) (code string, err error)
	Exchange(ctx context.Context, code, verifier string) (*oauth2.Token, error)
}

var _ Flow = grant.AuthorizationCode{}

// redeem turns the query with which the browser came back into a token. The state has been
// compared already; Callback reads what else there is.
func redeem(ctx context.Context, f Flow, query url.Values, state, verifier string) (*oauth2.Token, error) {
	code, err := f.Callback(query, state)
	if err != nil {
		return nil, err
	}
	return f.Exchange(ctx, code, verifier)
}
