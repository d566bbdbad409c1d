package config

import (
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

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
		c.declared.TokenHeader, c.declared.TokenScheme = d.own.TokenHeader, d.own.TokenScheme
		if d.own.Allow != nil { // else what the other one allows
			c.declared.Allow = d.own.Allow
		}
	} else {
		c.supply = m.supply(name, d)
		c.cache = m.cache(name, d)
	}
	c.replay = m.loader.MaxReplayBytes
	c.transport = m.transport(d, c)
	if c.declared.BaseURL != "" && len(c.declared.needs()) == 0 {
		c.fixed, _ = c.declared.base(nil) // it has been checked
	}
	m.set.clients[name] = c
	return c
}

func duration(d Duration) time.Duration { return time.Duration(d) }

// cache makes what keeps the client's token.
func (m *maker) cache(name string, d *declared) *bearer.Cache {
	c := &bearer.Cache{
		Source: m.supply(name, d).source, Key: m.key(name, &d.Client), Extras: m.extras(name).all(),
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
		c.subject(),
	}
	if m.loader.Confined {
		what = append(what, string(m.checker.scope[:]))
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%q", what))
	return name + "-" + hex.EncodeToString(sum[:8])
}

// subject returns what a signed assertion says of whom the token is for.
func (c *Client) subject() string {
	if c.AssertionJWT == nil {
		return ""
	}
	text, err := json.Marshal(c.AssertionJWT)
	if err != nil { // a number that JSON does not have
		text = fmt.Append(nil, *c.AssertionJWT)
	}
	return string(text)
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
	b := &builder{Client: d.Client, dir: m.checker.dir, loader: m.loader, proxy: d.proxy(), extras: m.extras(name), lender: d.lender}
	settings := d.TLSConfig
	if d.OAuth2 != nil {
		b.proxy = d.OAuth2.proxy(b.proxy)
		if d.OAuth2.TLSConfig != nil {
			settings = d.OAuth2.TLSConfig
		}
	}
	if settings != nil {
		b.tls, _, _ = settings.config() // it has been checked
	}
	if d.Chain != "" {
		b.chain = m.chain(d)
	}
	server := b.server()
	s := &supply{builder: b}
	if server.Issuer != "" {
		s.server = newDiscovery(server)
	}
	s.source = b.newSource(server, s.server)
	return s
}

// transport makes what authorizes the client's requests.
func (m *maker) transport(d *declared, c *client) http.RoundTripper {
	base := m.base(c)
	if c.declared.following() {
		return &following{client: c, base: base}
	}
	hosts, err := c.declared.hosts(nil)
	if err != nil { // without hosts, every host would get the token
		m.checker.wrong(d, "base_url", err.Error())
	}
	return c.authorized(base, hosts)
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
