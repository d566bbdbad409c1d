package config

import (
	"cmp"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"golang.org/x/oauth2"

	"example.com/bearer"
)

// set makes the clients, which have been checked: those that others need come
// first.
func (l *Loader) set(k *checker) (*Set, error) {
	m := &maker{
		loader: l, checker: k, set: &Set{clients: map[string]*client{}},
		supplies: map[string]*supply{}, breakers: map[string]*bearer.CircuitBreaker{},
	}
	m.keep()
	for _, name := range sorted(k.clients) {
		m.client(name)
	}
	if err := k.err(); err != nil {
		return nil, err
	}
	return m.set, nil
}

// A maker makes clients.
type maker struct {
	loader   *Loader
	checker  *checker
	set      *Set
	supplies map[string]*supply
	breakers map[string]*bearer.CircuitBreaker
}

// A supply is where a client's tokens come from.
type supply struct {
	source  bearer.Source
	builder *builder   // nil if the source is the program's own
	server  *discovery // nil without issuer
}

// client returns the client of that name.
func (m *maker) client(name string) *client {
	if c := m.set.clients[name]; c != nil {
		return c
	}
	d := m.checker.clients[name]
	c := &client{declared: d.Client, own: d.own, merged: d.Client, authorities: authorities(&d.Client)}
	if d.own.Use != "" {
		other := m.client(d.own.Use)
		c.cache, c.supply = other.cache, other.supply
		c.declared = other.declared
		c.declared.Use, c.declared.BaseURL, c.declared.Hosts = d.own.Use, d.own.BaseURL, d.own.Hosts
		c.declared.Connection, c.declared.InsecureAllowHTTP = d.own.Connection, d.own.InsecureAllowHTTP
		c.declared.AllowedDomains = d.own.AllowedDomains
		if d.own.Allow != nil { // else what the other one allows
			c.declared.Allow = d.own.Allow
		}
	} else {
		c.supply = m.supply(name, d)
		c.cache = m.cache(name, d)
	}
	c.transport = m.transport(c)
	if c.declared.BaseURL != "" && !c.dynamic() {
		c.fixed, _ = c.base(func(string) string { return "" }) // it has been checked
	}
	m.set.clients[name] = c
	return c
}

func duration(d Duration) time.Duration { return time.Duration(d) }

// cache makes what keeps the client's token.
func (m *maker) cache(name string, d *declared) *bearer.Cache {
	c := &bearer.Cache{
		Source: m.supply(name, d).source, Key: m.key(name, &d.Client),
		DefaultLifetime: duration(d.DefaultLifetime), Breaker: m.breaker(&d.Client), Hooks: m.loader.Hooks,
	}
	if m.loader.Logger != nil {
		c.Logger = m.loader.Logger.With("client", name)
	}
	if r := d.Refresh; r != nil {
		c.RefreshBefore, c.RefreshTimeout, c.RetryFor = duration(r.Before), duration(r.Timeout), duration(r.RetryFor)
		if r.Off {
			c.RefreshBefore = -1
		}
	}
	switch s := d.Store; {
	case s == nil && m.loader.Stores[""] == nil, s != nil && s.Off:
	case s != nil && s.Name == "":
		c.Store = bearer.DirStore(s.Dir)
	default:
		named := ""
		if s != nil {
			named = s.Name
		}
		store, err := m.loader.Stores[named](name, d.Client)
		if err != nil {
			m.checker.wrong(d, "store.name", err.Error())
		}
		c.Store = store
	}
	return c
}

// key names the token in a store. It depends on all that the token depends on,
// so that a token for other scopes is never taken for this one's.
func (m *maker) key(name string, c *Client) string {
	what := []string{
		c.grantType(), string(c.Issuer), string(c.TokenURL), c.ClientID, c.Audience,
		fmt.Sprintf("%q %q %q %q", c.Scopes, c.Resource, c.Connection, c.Chain), c.RequestedTokenType,
	}
	if m.loader.Confined {
		what = append(what, string(m.checker.scope[:]))
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%q", what))
	return name + "-" + hex.EncodeToString(sum[:8])
}

// breaker returns the breaker of the client's token endpoint, which it shares
// with the other clients there.
func (m *maker) breaker(c *Client) bearer.Breaker {
	if c.Breaker != nil && c.Breaker.Off {
		return bearer.NoBreaker
	}
	id := breakerID(c)
	b := m.breakers[id]
	if b == nil {
		b = new(bearer.CircuitBreaker)
		if c.Breaker != nil {
			b.OpenFor = duration(c.Breaker.OpenFor)
		}
		if id != "" {
			m.breakers[id] = b
		}
	}
	return b
}

// breakerID names the breaker that clients of one token endpoint share. It is
// empty for a source of the program's own.
func breakerID(c *Client) string {
	endpoint := cmp.Or(c.TokenURL, c.Issuer)
	if endpoint == "" {
		return ""
	}
	var openFor Duration
	if c.Breaker != nil {
		openFor = c.Breaker.OpenFor
	}
	filled, _ := fill(string(endpoint), "connection", func(name string) string { return c.Connection[name] })
	return filled + " " + openFor.String()
}

// supply returns where the client's tokens come from.
func (m *maker) supply(name string, d *declared) *supply {
	if m.supplies[name] == nil {
		m.supplies[name] = m.newSupply(name, d)
	}
	return m.supplies[name]
}

func (m *maker) newSupply(name string, d *declared) *supply {
	if d.Source != "" {
		s, err := m.loader.Sources[d.Source](name, d.Client)
		if err == nil && s == nil {
			err = errors.New("the program's source is nil")
		}
		if err != nil {
			m.checker.wrong(d, "source", err.Error())
		}
		return &supply{source: s}
	}
	b := &builder{Client: d.Client, dir: m.checker.dir, loader: m.loader, proxy: d.proxy(), lender: d.lender}
	settings := d.TLSConfig
	if d.OAuth2 != nil {
		if d.OAuth2.TLSConfig != nil {
			settings = d.OAuth2.TLSConfig
		}
		if d.OAuth2.ProxyURL != "" {
			b.proxy = proxy{d.OAuth2.ProxyURL, d.OAuth2.NoProxy, d.OAuth2.ProxyHeader}
		}
	}
	if settings != nil {
		b.tls, _, _ = settings.config() // it has been checked
	}
	if d.Chain != "" {
		b.chain = m.chain(d.Chain)
	}
	server := b.server()
	s := &supply{builder: b}
	if server.Issuer != "" {
		s.server = newDiscovery(server)
	}
	s.source = b.newSource(server, s.server)
	return s
}

// chain returns what obtains the token of another client. It comes from that
// client's Cache, unless it is no access token: an assertion is used once, and
// no Cache takes what cannot be sent in a header.
func (m *maker) chain(name string) func(context.Context) (*oauth2.Token, error) {
	other := m.checker.clients[name]
	if other.own.Use != "" {
		other = m.checker.clients[other.own.Use]
	}
	switch long("token-type", other.RequestedTokenType) {
	case "", long("token-type", "access_token"):
		return m.client(other.name).cache.Token
	}
	return m.supply(other.name, other).source.Token
}

// chained returns the token of the client that the chain leads to: its ID token
// if that is what the server is told that it gets.
func (b *builder) chained(ctx context.Context) (string, error) {
	t, err := b.chain(ctx)
	if err != nil {
		return "", err
	}
	if long("token-type", b.SubjectTokenType) != long("token-type", "id_token") {
		return t.AccessToken, nil
	}
	id, _ := t.Extra("id_token").(string)
	if id == "" {
		return "", errors.New("the client " + b.Chain + " has no ID token; ask for the scope openid there")
	}
	return id, nil
}

// transport makes what authorizes the client's requests.
func (m *maker) transport(c *client) http.RoundTripper {
	base := m.base(c)
	if c.dynamic() {
		return &following{client: c, base: base, replay: m.loader.MaxReplayBytes}
	}
	t := &bearer.Transport{Source: c.cache, Base: base, InsecureAllowHTTP: is(c.declared.InsecureAllowHTTP, false), MaxReplayBytes: m.loader.MaxReplayBytes}
	connection := func(name string) string { return c.declared.Connection[name] }
	for _, host := range c.declared.Hosts {
		filled, _ := fill(host, "connection", connection)
		t.Hosts = append(t.Hosts, filled)
	}
	if len(t.Hosts) == 0 && c.declared.BaseURL != "" {
		filled, _ := fill(string(c.declared.BaseURL), "connection", connection)
		if u, err := url.Parse(filled); err == nil {
			t.Hosts = []string{u.Host}
		}
	}
	return t
}

// base returns what sends the client's requests, nil for the default.
func (m *maker) base(c *client) http.RoundTripper {
	if m.loader.Base != nil {
		return m.loader.Base
	}
	var settings *tls.Config
	if c.declared.TLSConfig != nil {
		settings, _, _ = c.declared.TLSConfig.config() // it has been checked
	}
	if own := network(settings, c.declared.proxy()); own != nil { // else a nil *http.Transport would be a Base
		return own
	}
	return nil
}
