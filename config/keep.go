package config

import (
	"reflect"

	"example.com/bearer"
)

// A file that is read again has mostly the same clients. Loader.Keep lets them
// keep their tokens, and what is known of the health of their endpoints.

// keep takes the clients that are declared as they were in Loader.Keep over
// into the new set, with the breakers that they share with those that are new.
func (m *maker) keep() {
	before := m.loader.Keep
	if before == nil {
		return
	}
	for _, name := range sorted(m.checker.clients) {
		if c := before.clients[name]; c != nil && m.unchanged(name) {
			m.set.clients[name] = c
			if breaker, ok := c.cache.Breaker.(*bearer.CircuitBreaker); ok && c.declared.endpoint() != "" {
				m.breakers[c.declared.endpoint()] = breaker
			}
		}
	}
}

// unchanged reports whether a client is declared as before, and so are those
// that its tokens come from. Chains end, since they have been checked.
func (m *maker) unchanged(name string) bool {
	now, before := m.checker.clients[name], m.loader.Keep.clients[name]
	return before != nil && reflect.DeepEqual(now.own, before.own) && reflect.DeepEqual(now.Client, before.merged) &&
		authorities(&now.Client) == before.authorities &&
		(now.own.Use == "" || m.unchanged(now.own.Use)) && (now.Chain == "" || m.unchanged(now.Chain))
}

// authorities returns the certificate authorities that a client's files hold:
// the only ones of its files that are read once.
func authorities(c *Client) string {
	var all string
	add := func(t *TLSConfig) {
		if t != nil && t.CAFile != "" {
			data, _ := readLimited(string(t.CAFile)) // it has been checked
			all += string(data) + "\n"
		}
	}
	add(c.TLSConfig)
	if c.OAuth2 != nil {
		add(c.OAuth2.TLSConfig)
	}
	return all
}
