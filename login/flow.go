package login

import (
	"context"
	"errors"
	"net/url"

	"golang.org/x/oauth2"

	"example.com/bearer/grant"
)

// A Flow is the part of an authorization code grant that passes through the
// user's browser. [grant.AuthorizationCode] is one.
//
// A [Handler] also calls AuthCodeURL for a callback, to compare the server, the
// client and the redirect URL with those that the login began with. It sends
// the browser only to the URL that was made for the start of the login.
//
// Of a [grant.AuthorizationCode] itself, ExchangeCallback is called in place of
// Callback and Exchange, so that the token has its CallbackExtras.
type Flow interface {
	AuthCodeURL(ctx context.Context, state, verifier string) (string, error)
	Callback(query url.Values, state string) (code string, err error)
	Exchange(ctx context.Context, code, verifier string) (*oauth2.Token, error)
}

var _ Flow = grant.AuthorizationCode{}

// redeem exchanges the query of a callback for a token. The caller has compared
// the state; Callback checks the rest.
func redeem(ctx context.Context, f Flow, query url.Values, state, verifier string) (*oauth2.Token, error) {
	token, err := exchangeCallback(ctx, f, query, state, verifier)
	if err == nil && token == nil {
		err = errors.New("login: Flow.Exchange returned neither a token nor an error")
	}
	return token, err
}

// exchangeCallback asks for the type and not for the method: a Flow that embeds
// an AuthorizationCode and has an Exchange of its own means that one.
func exchangeCallback(ctx context.Context, f Flow, query url.Values, state, verifier string) (*oauth2.Token, error) {
	switch f := f.(type) {
	case grant.AuthorizationCode:
		return f.ExchangeCallback(ctx, query, state, verifier)
	case *grant.AuthorizationCode:
		return f.ExchangeCallback(ctx, query, state, verifier)
	}
	code, err := f.Callback(query, state)
	if err != nil {
		return nil, err
	}
	return f.Exchange(ctx, code, verifier)
}
