package config_test

import (
	"slices"
	"testing"

	"example.com/bearer/bearertest"
	"example.com/bearer/config"
)

// Set.Hosts says which hosts get the token, as the transport of the client has it.
func TestSetHosts(t *testing.T) {
	w := newWorld(t, bearertest.Config{})
	set := w.load(t, config.Loader{}, `
defaults: {token_url: AUTH/token, client_id: client, client_secret: secret}
clients:
  declared: {base_url: "https://api.test/v1", hosts: [api.test, "files.test:8443"]}
  based: {base_url: "https://api.test:8443/v1"}
  tenant: {base_url: "https://${connection.tenant}.api.test/v1", connection: {tenant: blue}}
  open: {}
`)
	for name, want := range map[string][]string{
		"declared": {"api.test", "files.test:8443"},
		"based":    {"api.test:8443"},
		"tenant":   {"blue.api.test:443"},
		"open":     nil,
	} {
		got, err := set.Hosts(t.Context(), name)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: got %q and the error %v, want %q", name, got, err, want)
		}
	}
	if _, err := set.Hosts(t.Context(), "none"); err == nil {
		t.Error("a client that is not declared: got no error, want one")
	}
	if n := w.Counts().TokenRequests(); n != 0 {
		t.Errorf("got %d token requests, want none", n)
	}
}

// If the server says where the API is, it says which hosts get the token.
func TestSetHostsFromTheTokenAnswer(t *testing.T) {
	w := newWorld(t, bearertest.Config{})
	odd{answer: func(m map[string]any) map[string]any {
		m["instance_url"] = "https://na1.salesforce.test"
		return m
	}}.start(t, w)
	set := w.load(t, config.Loader{}, `
clients:
  a:
    token_url: https://odd.test/token
    client_id: client
    client_secret: secret
    base_url: ${token.instance_url}/services
    allowed_domains: ["*.salesforce.test"]
`)
	got, err := set.Hosts(t.Context(), "a")
	if err != nil || !slices.Equal(got, []string{"na1.salesforce.test:443"}) {
		t.Errorf("got %q and the error %v, want the host of the answer", got, err)
	}
}
