package grant

import (
	"cmp"
	"context"
	"net/url"

	"golang.org/x/oauth2"
)

// accessTokenType is the type of a token that is an access token (RFC 8693 section 3).
const accessTokenType = "urn:ietf:params:oauth:token-type:access_token"

// TokenExchange trades one token for another: for another audience, with fewer rights, or in
// somebody's name (RFC 8693). It is a bearer.Source. The token's Extra("issued_token_type") says
// what came; its TokenType is "N_A" if that is no access token, and then it must not be put into a
// header.
type TokenExchange struct {
	Server Server     // TokenURL is required
	Auth   ClientAuth // nil: none, where the server wants no client authentication

	Subject     func(context.Context) (string, error) // the token of whom it is about; asked for each attempt. Required
	SubjectType string                                // its type, a URN of RFC 8693 section 3; empty: an access token's

	Actor     func(context.Context) (string, error) // the token of who acts for the subject; nil: nobody
	ActorType string                                // its type; empty: an access token's

	RequestedType string     // empty: the server chooses
	Scopes        []string   // empty: what the server gives by default
	Audience      string     // the service that the token is for, by a name that the server knows
	Resource      []string   // the same, as absolute URLs
	Params        url.Values // further parameters
}

// Token asks for a new token. A refusal is an [*Error].
func (x TokenExchange) Token(ctx context.Context) (*oauth2.Token, error) {
	params, err := target{x.Scopes, x.Audience, x.Resource, x.Params}.params("urn:ietf:params:oauth:grant-type:token-exchange")
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
