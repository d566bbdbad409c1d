package config

import (
	"net/http"
	"slices"
	"strings"
	"sync"

	"example.com/bearer"
)

// authorized returns the transport that sends the client's token to those
// hosts, over base.
func (c *client) authorized(base http.RoundTripper, hosts []string) *bearer.Transport {
	return &bearer.Transport{
		Source: c.cache, Base: base, Hosts: hosts, Header: c.declared.TokenHeader, Scheme: c.declared.TokenScheme,
		InsecureAllowHTTP: is(c.declared.InsecureAllowHTTP, false), MaxReplayBytes: c.replay,
	}
}

// A following transport authorizes requests to where the server says that the
// API is.
type following struct {
	client *client
	base   http.RoundTripper

	mu      sync.Mutex // guards what follows
	current *bearer.Transport
}

// RoundTrip implements [http.RoundTripper]. A request that has the header of
// the token already needs none, and so no answer.
func (f *following) RoundTrip(req *http.Request) (*http.Response, error) {
	if f.client.declared.carries(req.Header) {
		return f.client.authorized(f.base, nil).RoundTrip(req)
	}
	lookup, err := f.client.lookup(req.Context())
	var hosts []string
	if err == nil {
		hosts, err = f.client.declared.hosts(lookup)
	}
	if err != nil {
		if req.Body != nil {
			req.Body.Close()
		}
		return nil, err
	}
	return f.to(hosts).RoundTrip(req)
}

// to returns the transport for those hosts. Tokens of one credential lead to
// the same ones, so it is made again only after a tenant has moved.
func (f *following) to(hosts []string) *bearer.Transport {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.current == nil || !slices.Equal(f.current.Hosts, hosts) {
		f.current = f.client.authorized(f.base, hosts)
	}
	return f.current
}

// carries reports whether a request has the header that carries the token.
func (c *Client) carries(h http.Header) bool {
	name := c.TokenHeader
	if name == "" {
		name = "Authorization"
	}
	for key := range h {
		if strings.EqualFold(key, name) {
			return true
		}
	}
	return false
}

// CloseIdleConnections closes those of the transport below.
func (f *following) CloseIdleConnections() { f.client.authorized(f.base, nil).CloseIdleConnections() }
