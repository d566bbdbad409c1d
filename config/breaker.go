package config

import (
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"

	"example.com/bearer"
	"example.com/bearer/internal/origin"
)

// endpoint returns the token endpoint in one spelling, "" if the client's
// tokens come from elsewhere. Without discovery, which opening a file does not
// make, an issuer stands for its endpoint.
func (c *Client) endpoint() string {
	raw := c.TokenURL
	if raw == "" {
		raw = c.Issuer
	}
	filled, _ := connect(string(raw), c.Connection)
	u, err := url.Parse(filled)
	if err != nil || u.Host == "" {
		return filled
	}
	u.Host = net.JoinHostPort(strings.ToLower(u.Hostname()), origin.Port(u))
	if u.Path == "" {
		u.Path = "/"
	}
	return u.String()
}

// breakerOff reports whether the client has no breaker, and openFor how long
// one stays open.
func (c *Client) breakerOff() bool { return c.Breaker != nil && c.Breaker.Off }

func (c *Client) openFor() time.Duration {
	if c.Breaker == nil {
		return 0
	}
	return duration(c.Breaker.OpenFor)
}

// breakers checks that clients that share a breaker say the same of it.
func (k *checker) breakers() {
	const usual = 30 * time.Second
	first := map[string]*declared{}
	openFor := func(c *declared) time.Duration {
		if d := c.openFor(); d != 0 {
			return d
		}
		return usual
	}
	for _, name := range sorted(k.clients) {
		c := k.clients[name]
		id := c.endpoint()
		if c.own.Use != "" || c.Source != "" || id == "" || c.breakerOff() {
			continue
		}
		if other := first[id]; other == nil {
			first[id] = c
		} else if openFor(other) != openFor(c) {
			k.wrong(c, "breaker.open_for", fmt.Sprintf("client %s has the same token endpoint, and so the same breaker, with another open_for; write the same for both", other.name))
		}
	}
}

// breaker returns the breaker of the client's token endpoint, which it shares
// with the other clients there.
func (m *maker) breaker(c *Client) bearer.Breaker {
	id := c.endpoint()
	switch {
	case c.breakerOff():
		return bearer.NoBreaker
	case id == "": // a source of the program's own
		return &bearer.CircuitBreaker{OpenFor: c.openFor()}
	case m.breakers[id] == nil:
		m.breakers[id] = &bearer.CircuitBreaker{OpenFor: c.openFor()}
	}
	return m.breakers[id]
}
