package config

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"sort"
	"strings"
	"sync"

	"example.com/bearer"
)

// A Set is the clients that a file declares. Its methods may be called
// concurrently. It needs no Close.
type Set struct {
	clients map[string]*client
}

// A client is a declared client, ready for use.
type client struct {
	declared Client
	*supply
	cache     *bearer.Cache
	transport http.RoundTripper
	fixed     *url.URL // base_url; nil without one, or if the server says where the API is

	own, merged Client // as in declared, for Loader.Keep
	authorities string // those that its files held
	replay      int64  // Transport.MaxReplayBytes

	mu      sync.Mutex // guards lacking
	lacking string     // the access token whose answer, though new, lacked what base_url needs
}

// Names returns the names of the clients, in their order.
func (s *Set) Names() []string {
	names := make([]string, 0, len(s.clients))
	for name := range s.clients {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

// Client returns an http.Client whose requests carry the token of that client,
// over [Set.Transport]. It has no Timeout, which would end downloads too: set
// one, or a context for each request. It may be changed: each call returns
// another one. The error is about a name that is not declared.
func (s *Set) Client(name string) (*http.Client, error) {
	t, err := s.Transport(name)
	if err != nil {
		return nil, err
	}
	return &http.Client{Transport: t}, nil
}

// Transport returns the transport that authorizes requests with the token of
// that client, for a client of your own. It is the same one each time, so its
// fields must not be changed.
func (s *Set) Transport(name string) (http.RoundTripper, error) {
	c, err := s.client(name)
	if err != nil {
		return nil, err
	}
	return c.transport, nil
}

// Cache returns what holds the token of that client: clients that use another
// one share it.
func (s *Set) Cache(name string) (*bearer.Cache, error) {
	c, err := s.client(name)
	if err != nil {
		return nil, err
	}
	return c.cache, nil
}

// Declaration returns what holds for that client: what it says itself, with
// what its provider and the defaults say. Secrets in it do not print.
func (s *Set) Declaration(name string) (Client, error) {
	c, err := s.client(name)
	if err != nil {
		return Client{}, err
	}
	return c.declared, nil
}

// BaseURL returns the base_url of that client, nil if it has none. If the
// server says where the API is, it obtains a token, or waits for one
// until ctx ends.
func (s *Set) BaseURL(ctx context.Context, name string) (*url.URL, error) {
	c, err := s.client(name)
	if err != nil || c.declared.BaseURL == "" {
		return nil, err
	}
	if c.fixed != nil {
		return new(*c.fixed), nil
	}
	lookup, err := c.lookup(ctx)
	if err != nil {
		return nil, err
	}
	u, err := c.declared.base(lookup)
	if err != nil {
		return nil, err
	}
	hosts, err := c.declared.hosts(lookup)
	if err == nil {
		err = reachable(u, hosts)
	}
	if err != nil {
		return nil, fmt.Errorf("config: base_url: %w", err)
	}
	return u, nil
}

// Hosts returns the only hosts that get the token of that client, each "host",
// for any port, or "host:port": its hosts, or else that of its base_url. If
// it has neither, Hosts returns none, and every host that the program sends a
// request to gets the token. Like [Set.BaseURL] it may wait for a token.
func (s *Set) Hosts(ctx context.Context, name string) ([]string, error) {
	c, err := s.client(name)
	if err != nil {
		return nil, err
	}
	var lookup func(string) string
	if c.declared.following() {
		if lookup, err = c.lookup(ctx); err != nil {
			return nil, err
		}
	}
	return c.declared.hosts(lookup)
}

func (s *Set) client(name string) (*client, error) {
	if c := s.clients[name]; c != nil {
		return c, nil
	}
	text := fmt.Sprintf("config: there is no client %q", printable(name))
	if meant := nearest(name, s.Names()); meant != "" {
		return nil, fmt.Errorf("%s; did you mean %s?", text, meant)
	}
	return nil, fmt.Errorf("%s; there are %s", text, strings.Join(s.Names(), ", "))
}
