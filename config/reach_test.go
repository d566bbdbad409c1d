package config_test

import (
	"strings"
	"testing"

	"example.com/bearer/bearertest"
	"example.com/bearer/config"
)

// A base_url that the token answer leads elsewhere than hosts is an error:
// requests there would get no token.
func TestBaseURLOutsideOfHosts(t *testing.T) {
	w := newWorld(t, bearertest.Config{})
	w.Fault(bearertest.TokenEndpoint, bearertest.Fault{
		Times: -1, Processed: true, Members: map[string]any{"instance_url": "https://blue.crm.test", "files": "files.crm.test"},
	})
	set := w.load(t, config.Loader{}, `
clients:
  crm:
    token_url: AUTH/token
    client_id: client
    client_secret: secret
    base_url: "${token.instance_url}"
    hosts: ["${token.files}"]
    allowed_domains: ["*.crm.test"]
`)
	if u, err := set.BaseURL(t.Context(), "crm"); err == nil || !strings.Contains(err.Error(), "blue.crm.test is not one of hosts") {
		t.Errorf("got %v and the error %v, want that it is not one of hosts", u, err)
	}
}
