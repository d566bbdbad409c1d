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

// reach checks that requests to base_url get the token.
func (k *checker) reach(c *declared) {
	connection := func(name string) string { return c.Connection[name] }
	base, missing := fill(string(c.BaseURL), "connection", connection)
	u, err := url.Parse(base)
	if base == "" || missing != "" || err != nil || inURL.MatchString(base) {
		return
	}
	var hosts []string
	for _, host := range c.Hosts {
		filled, missing := fill(host, "connection", connection)
		if missing != "" || inURL.MatchString(filled) {
			return
		}
		hosts = append(hosts, filled)
	}
	if err := reachable(u, hosts); err != nil {
		k.wrong(c, "base_url", err.Error())
	}
}
