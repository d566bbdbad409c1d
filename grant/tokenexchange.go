package grant

import (
	"cmp"
	"context"
	"net/url"

	"golang.org/x/oauth2"
)

// accessTokenType is the type of an access token (RFC 8693 section 3).
const accessTokenType = "urn:ietf:params:oauth:token-type:access_token"

// TokenExchange exchanges one token for another: for another audience, with
// fewer rights, or to act for someone else (RFC 8693). It is a bearer.Source.
//
// The new token's Extra("issued_token_type") is its type. If it is not an
// access token, its TokenType is "N_A", and it must not be sent in a header.
type TokenExchange struct {
	Server Server // TokenURL is required

	// Auth authenticates the client. Nil: none, for servers that require no
	// client authentication.
	Auth ClientAuth

	// Subject returns the token of the party that the request is about. It is
	// called for every attempt. Required. SubjectType is the token's type, a
	// URN of RFC 8693 section 3; empty means an access token.
	Subject     func(context.Context) (string, error)
	SubjectType string

	// Actor returns the token of the party that acts for the subject. Nil: no
	// actor. ActorType is its type; empty means an access token.
	Actor     func(context.Context) (string, error)
	ActorType string

	RequestedType string     // empty: the server chooses
	Scopes        []string   // empty: the server's default
	Audience      string     // the service that the token is for, by name
	Resource      []string   // the same, as absolute URLs
	Params        url.Values // further ones; one that a field sets is an error
}

// Token requests a new token. A refusal is an [*Error].
func (x TokenExchange) Token(ctx context.Context) (*oauth2.Token, error) {
	t := target{x.Scopes, x.Audience, x.Resource, further{field: "TokenExchange.Params", params: x.Params}}
	params, err := t.params("urn:ietf:params:oauth:grant-type:token-exchange")
	if err != nil {
		return nil, err
	}
	params.Set("subject_token_type", cmp.Or(x.SubjectType, accessTokenType))
	if x.Actor != nil {
		params.Set("actor_token_type", cmp.Or(x.ActorType, accessTokenType))
	}
	if x.RequestedType != "" {
		params.Set("requested_token_type", x.RequestedType)
	}
	auth := also{x.Auth, func(ctx context.Context, r *Request) error {
		if err := r.ask(ctx, "subject_token", "TokenExchange.Subject", x.Subject); err != nil || x.Actor == nil {
			return err
		}
		return r.ask(ctx, "actor_token", "TokenExchange.Actor", x.Actor)
	}}
	a, err := call{server: x.Server, auth: auth, field: "Server.TokenURL", url: x.Server.TokenURL, params: params}.do(ctx)
	if err != nil {
		return nil, err
	}
	return a.token("N_A")
}
