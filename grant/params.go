package grant

import (
	"maps"
	"net/url"
	"slices"
	"strings"

	"golang.org/x/oauth2"

	"example.com/bearer/internal/mistake"
)

// setBy maps parameters to what sets them: a field, a grant or a ClientAuth.
// One of them among the further parameters would silently replace what the
// fields say, or be replaced.
var setBy = map[string]string{
	"scope": "Scopes", "audience": "Audience", "resource": "Resource", "redirect_uri": "RedirectURL",
	"client_id": "Auth", "client_secret": "Auth", "client_assertion": "Auth", "client_assertion_type": "Auth",
	"grant_type": "the grant", "response_type": "the grant", "state": "AuthCodeURL", "code": "Exchange",
	"code_verifier": "PKCE", "code_challenge": "PKCE", "code_challenge_method": "PKCE",
	"refresh_token": "Refresh", "device_code": "Wait", "token": "Revoke", "token_type_hint": "Revoke",
	"assertion": "Assertion", "subject_token": "Subject", "subject_token_type": "SubjectType",
	"actor_token": "Actor", "actor_token_type": "ActorType", "requested_token_type": "RequestedType",
}

// Where the token requests that follow the user's consent differ from setBy;
// "" is for a parameter that no field sets there.
var (
	setByInExchange = map[string]string{"scope": "", "audience": ""}
	setByInRefresh  = map[string]string{"scope": "RefreshScopes", "audience": ""}
)

// further are the parameters of a request that have no field.
type further struct {
	field  string // the field that holds them, for errors
	params url.Values
	setBy  map[string]string // what differs from setBy in this request
}

func (f further) check() error {
	for _, name := range slices.Sorted(maps.Keys(f.params)) {
		by, ok := f.setBy[name]
		if !ok {
			by = setBy[name]
		}
		if by != "" {
			return mistake.Errorf("grant: %s has %q, which %s sets; remove it", f.field, name, by)
		}
	}
	return nil
}

// target is what the fields of a grant say about the token that it asks for.
type target struct {
	scopes   []string
	audience string
	resource []string
	further  further
}

// params returns the parameters of a token request, in a new map.
func (t target) params(grantType string) (url.Values, error) {
	params := url.Values{"grant_type": {grantType}}
	return params, t.add(params)
}

func (t target) add(params url.Values) error {
	if err := t.further.check(); err != nil {
		return err
	}
	for name, values := range t.further.params {
		params[name] = slices.Clone(values)
	}
	if len(t.scopes) > 0 {
		params.Set("scope", strings.Join(t.scopes, " "))
	}
	if t.audience != "" {
		params.Set("audience", t.audience)
	}
	if len(t.resource) > 0 {
		params["resource"] = slices.Clone(t.resource)
	}
	return nil
}

// granted returns the scopes of a refresh: the granted ones if the server named
// them, else the requested ones. More than was granted would be refused
// (RFC 6749 section 6).
func granted(prev *oauth2.Token, requested []string) []string {
	if prev != nil {
		if scope, _ := prev.Extra("scope").(string); scope != "" {
			return []string{scope}
		}
	}
	return requested
}
