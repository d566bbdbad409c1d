package config

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"

	"example.com/bearer"
)

// Some servers say in the token answer where a tenant's API is: Salesforce by
// instance_url. Such a member may stand in base_url and hosts, as
// ${token.instance_url}. What a server answers decides where its token goes, so
// the declaration must say within which domains (allowed_domains).

// dynamic reports whether the server's answers say where the API is.
func (c *client) dynamic() bool {
	return strings.Contains(strings.Join(append([]string{string(c.declared.BaseURL)}, c.declared.Hosts...), " "), "${token.")
}

// fill replaces the variables of a URL or a host.
func (c *client) fill(raw string, answer func(string) string) (string, error) {
	raw, _ = fill(raw, "connection", func(name string) string { return c.declared.Connection[name] })
	filled, missing := fill(raw, "token", answer)
	if missing != "" {
		return "", fmt.Errorf("config: the token answer has no %s, which says where the API is", missing)
	}
	return filled, nil
}

// base returns base_url with what the token answer says.
func (c *client) base(answer func(string) string) (*url.URL, error) {
	filled, err := c.fill(string(c.declared.BaseURL), answer)
	if err != nil {
		return nil, err
	}
	u, err := url.Parse(filled)
	if err != nil || u.Host == "" || u.User != nil || u.Scheme != "https" && u.Scheme != "http" {
		return nil, errors.New("config: with what the token answer says, base_url is not an absolute URL")
	}
	if c.dynamic() && !c.allows(u.Host) {
		return nil, c.forbidden(u.Host)
	}
	return u, nil
}

// hosts returns the hosts that get the token.
func (c *client) hosts(answer func(string) string) ([]string, error) {
	if len(c.declared.Hosts) == 0 {
		u, err := c.base(answer)
		if err != nil {
			return nil, err
		}
		return []string{u.Host}, nil
	}
	var hosts []string
	for _, host := range c.declared.Hosts {
		filled, err := c.fill(host, answer)
		if err != nil {
			return nil, err
		}
		if u, err := url.Parse(filled); err == nil && u.Host != "" { // the answer has a URL
			filled = u.Host
		}
		if strings.Contains(host, "${token.") && !c.allows(filled) {
			return nil, c.forbidden(filled)
		}
		hosts = append(hosts, filled)
	}
	return hosts, nil
}

func (c *client) forbidden(host string) error {
	return fmt.Errorf("config: the token answer leads to %q, which is not in allowed_domains", printable(host))
}

// allows reports whether a host, without a port, is in allowed_domains.
func (c *client) allows(host string) bool {
	host = strings.ToLower(host)
	if strings.ContainsAny(host, ":/?#@\\ ") {
		return false
	}
	for _, domain := range c.declared.AllowedDomains {
		domain = strings.ToLower(domain)
		if parent, wildcard := strings.CutPrefix(domain, "*"); host == domain || wildcard && strings.HasSuffix(host, parent) && len(host) > len(parent) {
			return true
		}
	}
	return false
}

// answer returns what looks up the members of the token answer that the client
// needs: it asks for no token if there are none. A token from a Store has lost
// them: then it obtains another token, once.
func (c *client) answer(ctx context.Context) (func(name string) string, error) {
	if !c.dynamic() {
		return func(string) string { return "" }, nil
	}
	t, err := c.cache.Token(ctx)
	if err != nil {
		return nil, err
	}
	member := func(name string) string { return asText(t.Extra(name)) }
	needs := inURL.FindAllStringSubmatch(strings.Join(append([]string{string(c.declared.BaseURL)}, c.declared.Hosts...), " "), -1)
	for _, n := range needs {
		if n[1] != "token" || member(n[2]) != "" {
			continue
		}
		c.mu.Lock()
		again := c.lacking != t.AccessToken
		c.mu.Unlock()
		if !again {
			break
		}
		if t, err = c.cache.Renew(ctx, nil); err != nil {
			return nil, err
		}
		if member(n[2]) == "" {
			c.mu.Lock()
			c.lacking = t.AccessToken
			c.mu.Unlock()
		}
		break
	}
	return member, nil
}

// asText returns a member of a JSON answer as it stands in a URL.
func asText(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	return ""
}

// A following transport authorizes requests to where the token answer leads.
type following struct {
	client *client
	base   http.RoundTripper
	replay int64 // Transport.MaxReplayBytes

	mu      sync.Mutex // guards what follows
	where   string     // the hosts of current
	current *bearer.Transport
}

// RoundTrip implements [http.RoundTripper]. A request with its own
// Authorization header needs no token, and so no answer.
func (f *following) RoundTrip(req *http.Request) (*http.Response, error) {
	if _, own := req.Header["Authorization"]; own {
		return (&bearer.Transport{Source: f.client.cache, Base: f.base}).RoundTrip(req)
	}
	answer, err := f.client.answer(req.Context())
	var hosts []string
	if err == nil {
		hosts, err = f.client.hosts(answer)
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
	if where := strings.Join(hosts, " "); f.current == nil || f.where != where {
		f.where = where
		f.current = &bearer.Transport{
			Source: f.client.cache, Base: f.base, Hosts: hosts,
			InsecureAllowHTTP: is(f.client.declared.InsecureAllowHTTP, false), MaxReplayBytes: f.replay,
		}
	}
	return f.current
}
