package grant

import (
	"context"
	"errors"
	"net/url"
	"strings"

	"golang.org/x/oauth2"

	"example.com/bearer/internal/mistake"
)

// JWTBearer exchanges an assertion for a token (RFC 7523 section 2.1), as
// service accounts do. It is a bearer.Source.
type JWTBearer struct {
	Server Server // TokenURL is required

	// Auth authenticates the client. Nil: the assertion alone, for servers
	// that require no client authentication.
	Auth ClientAuth

	// Assertion returns the JWT: [JWT.Sign], or a func that asks a platform
	// for one. It is called for every attempt, since a server may refuse an
	// assertion that it has seen. Required.
	Assertion func(context.Context) (string, error)

	Scopes   []string   // empty: the server's default
	Audience string     // whom the token is for, if the server asks
	Resource []string   // the same by RFC 8707: absolute URLs
	Params   url.Values // further ones; one that a field sets is an error
}

// Token requests a new token. A refusal is an [*Error].
func (j JWTBearer) Token(ctx context.Context) (*oauth2.Token, error) {
	t := target{j.Scopes, j.Audience, j.Resource, further{field: "JWTBearer.Params", params: j.Params}}
	params, err := t.params("urn:ietf:params:oauth:grant-type:jwt-bearer")
	if err != nil {
		return nil, err
	}
	return j.Server.redeem(ctx, also{j.Auth, func(ctx context.Context, r *Request) error {
		return r.ask(ctx, "assertion", "JWTBearer.Assertion", j.Assertion)
	}}, params, "")
}

// also is a ClientAuth that adds to each attempt what belongs to the grant but
// has to be new each time, such as an assertion.
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

func (a also) mutualTLS() *TLS { return mutualTLS(a.auth) }

// ask sets a parameter to what the func in the named field returns.
func (r *Request) ask(ctx context.Context, param, field string, f func(context.Context) (string, error)) error {
	if f == nil {
		return mistake.New(field + " is nil; set it to a func that returns the token")
	}
	token, err := f(ctx)
	if err != nil {
		return &fieldError{field, err}
	}
	if token == "" {
		return errors.New(field + " returned an empty token")
	}
	r.Params.Set(param, token)
	return nil
}

// fieldError is the error of a func in one of the caller's fields. It may be an
// error of this package, if one grant feeds another; the prefix stands once
// nevertheless.
type fieldError struct {
	field string
	cause error
}

func (e *fieldError) Error() string {
	return e.field + ": " + strings.TrimPrefix(e.cause.Error(), "grant: ")
}

func (e *fieldError) Unwrap() error { return e.cause }
