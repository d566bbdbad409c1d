package grant

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"golang.org/x/oauth2"
)

// JWTBearer trades an assertion for a token (RFC 7523 section 2.1), as service accounts do. It is
// a bearer.Source.
type JWTBearer struct {
	Server Server     // TokenURL is required
	Auth   ClientAuth // nil: the assertion alone, where the server wants no client authentication

	// Assertion gives the JWT, such as [JWT.Sign] does or a platform that issues one. It is called
	// for every attempt, since a server may refuse one that it has seen. Required.
	Assertion func(context.Context) (string, error)

	Scopes   []string   // empty: what the server gives by default
	Audience string     // for servers that want to know what the token is for
	Resource []string   // the same by RFC 8707: absolute URLs
	Params   url.Values // further parameters
}

// Token asks for a new token. A refusal is an [*Error].
func (j JWTBearer) Token(ctx context.Context) (*oauth2.Token, error) {
	params, err := target{j.Scopes, j.Audience, j.Resource, j.Params}.params("urn:ietf:params:oauth:grant-type:jwt-bearer")
	if err != nil {
		return nil, err
	}
	return j.Server.redeem(ctx, also{j.Auth, func(ctx context.Context, r *Request) error {
		return r.ask(ctx, "assertion", "JWTBearer.Assertion", j.Assertion)
	}}, params, "")
}

// also is a ClientAuth that adds more to each attempt than the client's credentials: what is asked
// for each attempt, but belongs to the grant.
type also struct {
	auth ClientAuth // may be nil
	more func(context.Context, *Request) error
}

func (a also) Authenticate(ctx context.Context, r *Request) error {
	if err := nilInside("Auth", a.auth); err != nil {
		return err
	}
	if err := a.more(ctx, r); err != nil || a.auth == nil {
		return err
	}
	return a.auth.Authenticate(ctx, r)
}

func (a also) transport() http.RoundTripper { return ownTransport(a.auth) }

// ask sets a parameter to what the func in the named field gives.
func (r *Request) ask(ctx context.Context, param, field string, f func(context.Context) (string, error)) error {
	if f == nil {
		return errors.New(field + " is nil; set it to a func that gives the token")
	}
	token, err := f(ctx)
	if err != nil {
		return &fieldError{field, err}
	}
	if token == "" {
		return errors.New(field + " gave an empty token")
	}
	r.Params.Set(param, token)
	return nil
}

// fieldError is the error of a func of the caller's. It may be one of this package's, if one grant
// feeds another; then the prefix stands once nevertheless.
type fieldError struct {
	field string
	cause error
}

func (e *fieldError) Error() string {
	return e.field + ": " + strings.TrimPrefix(e.cause.Error(), "grant: ")
}

func (e *fieldError) Unwrap() error { return e.cause }
