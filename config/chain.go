package config

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/oauth2"

	"example.com/bearer"
)

// mostLinks bounds a chain. Each link is a request while callers wait.
const mostLinks = 8

// chain checks that a chain leads to a client, and ends.
func (k *checker) chain(c *declared) {
	seen := []string{c.name}
	for next := c.Chain; next != ""; {
		other := k.clients[next]
		switch {
		case other == nil && len(seen) == 1 && !k.declares(next):
			k.nowhere(c, "chain", next, "a client", sorted(k.clients))
			return
		case other == nil:
			return // that client, or its own chain, is at fault
		case slices.Contains(seen, next):
			k.quotes(c, "chain", "this chain has no end: "+strings.Join(append(seen, next), ", "), "this chain has no end")
			return
		case len(seen) == mostLinks:
			k.wrong(c, "chain", fmt.Sprintf("this chain has more than %d clients; shorten it", mostLinks))
			return
		}
		seen = append(seen, next)
		next = other.Chain
		if other.own.Use != "" {
			next = other.own.Use
		}
	}
}

// A chain is how a client gets the token of another one, which its own token
// request presents.
type chain struct {
	name   string // of the other client
	cache  *bearer.Cache
	source bearer.Source // in place of cache, for what is no access token
	id     bool          // the ID token is wanted
}

// chain returns what obtains the token of the client that d's chain leads to.
// It comes from that client's Cache, unless it is no access token: an assertion
// is used once, and no Cache takes what cannot be sent in a header.
func (m *maker) chain(d *declared) *chain {
	name := m.checker.owner(d.Chain)
	other := m.checker.clients[name]
	c := &chain{name: name, id: long("token-type", d.SubjectTokenType) == long("token-type", "id_token")}
	switch long("token-type", other.RequestedTokenType) {
	case "", long("token-type", "access_token"):
		c.cache = m.client(name).cache
	default:
		c.source = m.supply(name, other).source
	}
	return c
}

// presentedKey is the context key of what the chain has presented, a
// **oauth2.Token.
type presentedKey struct{}

// token returns the token of the other client.
func (c *chain) token(ctx context.Context) (string, error) {
	obtain := c.source
	if c.cache != nil {
		obtain = c.cache
	}
	t, err := obtain.Token(ctx)
	if err != nil {
		return "", &chainError{c.name, err}
	}
	if presented, ok := ctx.Value(presentedKey{}).(**oauth2.Token); ok {
		*presented = t
	}
	if !c.id {
		return t.AccessToken, nil
	}
	id, _ := t.Extra("id_token").(string)
	if id == "" {
		return "", &chainError{c.name, errors.New("it has no ID token; ask for the scope openid there, and log in again")}
	}
	return id, nil
}

// A chainError says which client of a chain has no token.
type chainError struct {
	name string
	err  error
}

func (e *chainError) Error() string {
	return "client " + e.name + ", where the chain leads: " + strings.TrimPrefix(e.err.Error(), "bearer: ")
}

func (e *chainError) Unwrap() error { return e.err }

// A chainedSource is the grant of a client with a chain. If the server refuses
// what the other client's Cache had, which may have been revoked, it presents
// another one, once: the Cache sees to it that a server that refuses each of
// them does not cost one for each request.
type chainedSource struct {
	source
	chain *chain
}

func (s chainedSource) Token(ctx context.Context) (*bearer.Token, error) {
	var presented *oauth2.Token
	watched := context.WithValue(ctx, presentedKey{}, &presented)
	t, err := s.source.Token(watched)
	if presented == nil || s.chain.cache == nil || !refusesPresented(err) {
		return t, err
	}
	if _, failed := s.chain.cache.Renew(ctx, presented); failed != nil {
		if errors.Is(failed, bearer.ErrLoginRequired) {
			return nil, &chainError{s.chain.name, failed}
		}
		return nil, err
	}
	if t, err = s.source.Token(watched); err == nil {
		s.chain.cache.Accepted(presented)
	}
	return t, err
}

// refusesPresented reports whether a server refused an assertion (RFC 7521
// section 4.1) or a subject token (RFC 8693 section 2.2.2).
func refusesPresented(err error) bool {
	refusal, ok := errors.AsType[*oauth2.RetrieveError](err)
	return ok && slices.Contains([]string{"invalid_grant", "invalid_request", "invalid_token"}, refusal.ErrorCode)
}
