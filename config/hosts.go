package config

import (
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"

	"golang.org/x/net/http/httpguts"
)

// api checks where the token goes, and in which header.
func (k *checker) api(c *declared) {
	for i, host := range c.Hosts {
		k.host(c, fmt.Sprintf("hosts[%d]", i), host)
	}
	base, _ := connect(string(c.BaseURL), c.Connection)
	k.needs(c, "base_url", base)
	k.reach(c)
	k.limits(c)
	for i, domain := range c.AllowedDomains {
		host := strings.TrimPrefix(domain, "*.")
		if strings.ContainsAny(host, "/:?#@ *$") || !strings.Contains(host, ".") {
			k.wrong(c, fmt.Sprintf("allowed_domains[%d]", i), "this is neither a host nor *. and a domain of at least two parts; write one such as *.example.com")
		}
	}
	if c.TokenHeader != "" && !httpguts.ValidHeaderFieldName(c.TokenHeader) {
		k.wrong(c, "token_header", "this is not the name of a header; write one such as X-Api-Token")
	}
	if c.TokenScheme != "" && !httpguts.ValidHeaderFieldName(c.TokenScheme) { // the same characters
		k.wrong(c, "token_scheme", "this is not one word; write one such as Token, without the space that follows it")
	}
}

// host checks an element of hosts.
func (k *checker) host(c *declared, key, host string) {
	filled, missing := connect(host, c.Connection)
	switch {
	case missing != "":
		k.wrong(c, key, "${connection."+missing+"} has no value; set connection."+missing+" of client "+c.name)
	case len(needsOf(filled)) > 0:
		k.needs(c, key, filled)
	case strings.Contains(host, "://"):
		advice := "api.example.com"
		if u, err := url.Parse(host); err == nil && u.Host != "" && u.User == nil {
			advice = printable(u.Host)
		}
		k.quotes(c, key, "this is a URL, not a host; write "+advice, "this is a URL, not a host; write one such as api.example.com")
	case strings.ContainsAny(filled, "/?#@ *"):
		k.wrong(c, key, "this is not a host; write one such as api.example.com or api.example.com:8443")
	case strings.Contains(filled, ":"):
		if _, port, err := net.SplitHostPort(filled); err != nil || port == "" {
			k.wrong(c, key, "this is not a host and a port; write them as api.example.com:8443")
		}
	}
}

// needs checks the variables of base_url or a host that the server fills in.
func (k *checker) needs(c *declared, key, raw string) {
	secrets := []string{"access_token", "refresh_token", "id_token", "token_type", "expires_in", "code", "state"}
	owner := k.clients[k.owner(c.name)]
	for _, n := range needsOf(raw) {
		name := "${" + n.kind + "." + n.name + "}"
		switch {
		case slices.Contains(secrets, n.name):
			k.wrong(c, key, name+" is nothing for a URL; remove it")
		case n.kind == "callback" && owner != nil && owner.Source == "" && owner.grantType() != "authorization_code":
			k.wrong(c, key, name+" comes with a login in a browser: it is for grant_type authorization_code, and the client's is "+owner.grantType())
		case n.inHost && len(c.AllowedDomains) == 0:
			k.wrong(c, key, name+" is what the server says; set allowed_domains to where it may lead")
			return
		}
	}
}
