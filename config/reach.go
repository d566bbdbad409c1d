package config

import (
	"fmt"
	"net/url"

	"example.com/bearer/internal/origin"
)

// reachable returns an error if u is not at one of the hosts that get the
// token. No hosts are any host.
func reachable(u *url.URL, hosts []string) error {
	list, err := origin.ParseHosts(hosts)
	if err != nil || len(list) == 0 || list.Has(u) {
		return nil // what is wrong with hosts is said elsewhere
	}
	return fmt.Errorf("%s is not one of hosts, so it would get no token; add it to hosts, or remove hosts", printable(u.Host))
}

// reach checks that requests to base_url get the token, as far as that is known
// without one.
func (k *checker) reach(c *declared) {
	if c.BaseURL == "" || len(c.needs()) > 0 {
		return
	}
	base, missing := connect(string(c.BaseURL), c.Connection)
	u, err := url.Parse(base)
	if missing != "" || err != nil || u.Host == "" {
		return
	}
	if hosts, err := c.Client.hosts(nil); err == nil {
		if err := reachable(u, hosts); err != nil {
			k.quotes(c, "base_url", err.Error(), "this is not at one of hosts, so it would get no token; add its host to hosts, or remove hosts")
		}
	}
}
