package config

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"example.com/bearer"
	"example.com/bearer/internal/origin"
)

// Some servers say only to a client with a token where the API is: Salesforce
// by instance_url in the token answer, QuickBooks by realmId in the callback of
// a login. Such a value may stand in base_url and hosts, as
// ${token.instance_url} and ${callback.realmId}. What decides about the host
// decides where the token goes, so the declaration must say within which
// domains (allowed_domains); elsewhere a value has safe characters alone.

// needs returns the variables of base_url and hosts.
func (c *Client) needs() []need {
	var needs []need
	for _, raw := range append([]string{string(c.BaseURL)}, c.Hosts...) {
		filled, _ := connect(raw, c.Connection)
		needs = append(needs, needsOf(filled)...)
	}
	return needs
}

// following reports whether the server says which hosts get the token.
func (c *Client) following() bool {
	for _, raw := range c.targets() {
		filled, _ := connect(raw, c.Connection)
		if slices.ContainsFunc(needsOf(filled), func(n need) bool { return n.inHost }) {
			return true
		}
	}
	return false
}

// targets returns what says which hosts get the token: hosts, or else base_url.
func (c *Client) targets() []string {
	if len(c.Hosts) == 0 && c.BaseURL != "" {
		return []string{string(c.BaseURL)}
	}
	return c.Hosts
}

var (
	hostPart = regexp.MustCompile(`^[A-Za-z0-9.-]+$`)
	pathPart = regexp.MustCompile(`^[A-Za-z0-9._~:-]+$`)
)

// fits reports whether a value may stand where a variable does.
func (n need) fits(value string) bool {
	switch {
	case !n.inHost:
		return pathPart.MatchString(value) && strings.Trim(value, ".") != ""
	case n.start == 0 && strings.Contains(value, "://"):
		u, err := url.Parse(value)
		return err == nil && u.Host != "" && u.User == nil && !strings.ContainsAny(value, "?#\\")
	}
	return hostPart.MatchString(value)
}

// fill replaces the variables of a URL or a host. lookup has the values of
// those that need a token.
func (c *Client) fill(raw string, lookup func(name string) string) (string, error) {
	raw, _ = connect(raw, c.Connection)
	var filled strings.Builder
	done := 0
	for _, n := range needsOf(raw) {
		value := lookup(n.name)
		switch {
		case value == "":
			return "", fmt.Errorf("config: the %s has no %s, which says where the API is", answerOf[n.kind], n.name)
		case !n.fits(value):
			return "", fmt.Errorf("config: the %s has a %s that cannot stand in a URL", answerOf[n.kind], n.name)
		}
		filled.WriteString(raw[done:n.start] + value)
		done = n.end
	}
	return filled.String() + raw[done:], nil
}

var answerOf = map[string]string{"token": "token answer", "callback": "callback"}

// base returns base_url with what the server says.
func (c *Client) base(lookup func(string) string) (*url.URL, error) {
	return c.resolve(string(c.BaseURL), lookup)
}

// resolve returns base_url, or the beginning of it that has the host.
func (c *Client) resolve(raw string, lookup func(string) string) (*url.URL, error) {
	filled, err := c.fill(raw, lookup)
	if err != nil {
		return nil, err
	}
	u, err := url.Parse(filled)
	if err != nil || u.Host == "" || u.User != nil || u.Scheme != "https" && u.Scheme != "http" {
		return nil, errors.New("config: with what the server says, base_url is not an absolute URL")
	}
	template, _ := connect(raw, c.Connection)
	if slices.ContainsFunc(needsOf(template), func(n need) bool { return n.inHost }) && !c.allows(u.Host) {
		return nil, forbidden(u.Host)
	}
	return u, nil
}

// hosts returns the hosts that get the token.
func (c *Client) hosts(lookup func(string) string) ([]string, error) {
	if len(c.Hosts) == 0 {
		if c.BaseURL == "" {
			return nil, nil
		}
		template, _ := connect(string(c.BaseURL), c.Connection)
		u, err := c.resolve(template[:pathOf(template)], lookup) // the path may need more
		if err != nil {
			return nil, err
		}
		// Another port of the host is another server.
		return []string{net.JoinHostPort(u.Hostname(), origin.Port(u))}, nil
	}
	var hosts []string
	for _, host := range c.Hosts {
		filled, err := c.fill(host, lookup)
		if err != nil {
			return nil, err
		}
		if u, err := url.Parse(filled); err == nil && u.Host != "" { // the answer has a URL
			filled = u.Host
		}
		if template, _ := connect(host, c.Connection); len(needsOf(template)) > 0 && !c.allows(filled) {
			return nil, forbidden(filled)
		}
		hosts = append(hosts, filled)
	}
	return hosts, nil
}

func forbidden(host string) error {
	return fmt.Errorf("config: the server leads to %q, which is not in allowed_domains", printable(host))
}

// allows reports whether a host, without a port, is in allowed_domains.
func (c *Client) allows(host string) bool {
	if !hostPart.MatchString(host) {
		return false
	}
	host = strings.ToLower(host)
	for _, domain := range c.AllowedDomains {
		domain = strings.ToLower(domain)
		if parent, wildcard := strings.CutPrefix(domain, "*"); host == domain || wildcard && strings.HasSuffix(host, parent) && len(host) > len(parent) {
			return true
		}
	}
	return false
}

// lookup returns what looks up the values of the variables. A token of a Store
// may be from before it kept them: then lookup obtains another token, once; but
// only a login brings what came with the callback.
func (c *client) lookup(ctx context.Context) (func(name string) string, error) {
	t, err := c.cache.Token(ctx)
	if err != nil {
		return nil, err
	}
	value := func(name string) string { return asText(t.Extra(name)) }
	for _, n := range c.declared.needs() {
		if value(n.name) != "" {
			continue
		}
		if n.kind == "callback" {
			return nil, fmt.Errorf("config: the stored login has no %s, which came with the callback and says where the API is: %w", n.name, bearer.ErrLoginRequired)
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
		if value(n.name) == "" {
			c.mu.Lock()
			c.lacking = t.AccessToken
			c.mu.Unlock()
		}
		break
	}
	return value, nil
}

// asText returns a member of a JSON answer as it stands in a URL.
func asText(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case int64: // of an answer that is a form
		return strconv.FormatInt(v, 10)
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	return ""
}
