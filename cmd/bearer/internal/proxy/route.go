package proxy

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"example.com/bearer"
	"example.com/bearer/config"
)

// A table is what one reading of the file serves. It is not changed.
type table struct {
	set    *config.Set
	routes []*route // in the order of their names
	byName map[string]*route
	byKey  map[string][]*route // by the Key of the Cache, which clients may share
}

// A route leads to one client's API.
type route struct {
	name      string
	prefix    string // of our paths; empty if this is the only client
	shown     string // base_url as it is declared
	set       *config.Set
	transport http.RoundTripper
	cache     *bearer.Cache
	limits    limits
	secrets   []string // headers of a caller that are not forwarded
	stats     *stats
	seconds   prometheus.Observer // of metrics.latency
	tried     atomic.Bool         // a token has been asked for, with whatever outcome
}

// newTable makes the table of a set, which replaces the one before. It is called
// while loading is held.
func (p *Proxy) newTable(set *config.Set, before *table) (*table, error) {
	names := p.Clients
	if len(names) == 0 {
		names = set.Names()
	}
	t := &table{set: set, byName: map[string]*route{}, byKey: map[string][]*route{}}
	for _, name := range slices.Sorted(slices.Values(names)) {
		declared, err := set.Declaration(name)
		if err != nil {
			return nil, err
		}
		if declared.BaseURL == "" {
			if len(p.Clients) > 0 {
				return nil, fmt.Errorf("client %s has no base_url, which says where its requests go; set it", name)
			}
			p.Logger.Warn("client is not served, for it has no base_url", "client", name)
			continue
		}
		r := &route{name: name, prefix: "/" + name, shown: declared.BaseURL.String(), set: set, secrets: ownHeaders, stats: p.statsOf(name), seconds: p.metrics.latency.WithLabelValues(name)}
		if r.transport, err = set.Transport(name); err != nil {
			return nil, err
		}
		if r.cache, err = set.Cache(name); err != nil {
			return nil, err
		}
		if declared.TokenHeader != "" {
			r.secrets = append([]string{http.CanonicalHeaderKey(declared.TokenHeader)}, ownHeaders...)
		}
		r.limits = newLimits(declared.Allow)
		if old := before.byName[name]; old != nil && old.cache == r.cache {
			r.tried.Store(old.tried.Load())
		}
		t.routes = append(t.routes, r)
		t.byName[name] = r
		t.byKey[r.cache.Key] = append(t.byKey[r.cache.Key], r)
	}
	switch len(t.routes) {
	case 0:
		return nil, errNothing
	case 1:
		t.routes[0].prefix = ""
	}
	return t, nil
}

// find returns the route of a request, and what follows its prefix: a path and
// a query.
func (t *table) find(r *http.Request) (*route, *url.URL, *problem) {
	if r.Method == http.MethodConnect || r.Method == http.MethodTrace || r.Method == "TRACK" {
		return nil, nil, badMethod(r.Method) // TRACE would be answered with our token
	}
	if r.URL.Opaque != "" || !plain(r.URL.Path) {
		return nil, nil, badPath() // GET x:http://... has no path, and would be sent as it is
	}
	found, rest := t.routes[0], &url.URL{Path: r.URL.Path, RawPath: r.URL.RawPath, RawQuery: r.URL.RawQuery}
	if found.prefix != "" {
		// As it was written: an encoded name is no name, and an encoded slash
		// does not end it.
		name, _, _ := strings.Cut(strings.TrimPrefix(r.URL.EscapedPath(), "/"), "/")
		if found = t.byName[name]; found == nil {
			return nil, nil, noClient(t.names())
		}
		rest.Path = strings.TrimPrefix(r.URL.Path, found.prefix)
		rest.RawPath = strings.TrimPrefix(r.URL.RawPath, found.prefix)
	}
	if !found.limits.allow(r.Method, rest) {
		return nil, nil, notAllowed(found.name, r.Method)
	}
	if name := found.limits.overridden(r.Header); name != "" {
		return nil, nil, notAllowed(found.name, "the header "+name)
	}
	return found, rest, nil
}

func (t *table) names() []string {
	var names []string
	for _, r := range t.routes {
		names = append(names, r.name)
	}
	return names
}

// base returns the client's base_url. If the server's answers say where the API
// is, it may wait for a token.
func (r *route) base(ctx context.Context) (*url.URL, error) { return r.set.BaseURL(ctx, r.name) }
