package config_test

import (
	"net/http"
	"strings"
	"testing"

	"example.com/bearer/bearertest"
	"example.com/bearer/config"
)

// A file that is read again has the Caches of the clients that it declares as
// before, and of those alone.
func TestKeep(t *testing.T) {
	const file = `
defaults: {token_url: AUTH/token, client_id: client, client_secret: secret}
clients:
  same: {scopes: [a]}
  user: {use: same, base_url: "https://api.test"}
  link: {grant_type: token_exchange, chain: same}
  other: {scopes: [b]}
  chained: {grant_type: token_exchange, chain: other}
`
	w := newWorld(t, bearertest.Config{})
	before := w.load(t, config.Loader{}, file)
	after := w.load(t, config.Loader{Keep: before}, strings.Replace(file, "[b]", "[c]", 1)+"  another: {scopes: [d]}\n")
	for name, kept := range map[string]bool{"same": true, "user": true, "link": true, "other": false, "chained": false} {
		old, err := before.Cache(name)
		if err != nil {
			t.Fatal(err)
		}
		cache, err := after.Cache(name)
		if err != nil {
			t.Fatal(err)
		}
		if (cache == old) != kept {
			t.Errorf("%s: got the same Cache: %v, want %v", name, cache == old, kept)
		}
	}
	// One token endpoint has one breaker, whoever knew it first.
	same, _ := after.Cache("same")
	another, err := after.Cache("another")
	if err != nil || same.Breaker != another.Breaker {
		t.Errorf("got another breaker (%v), want that of the clients before", err)
	}
	w.call(t, after, "same")
}

// With MaxReplayBytes a body that can be read only once is sent again.
func TestMaxReplayBytes(t *testing.T) {
	w := newWorld(t, bearertest.Config{})
	set := w.load(t, config.Loader{MaxReplayBytes: 10}, small)
	w.call(t, set, "reports")
	w.RevokeAll()
	client, err := set.Client("reports")
	if err != nil {
		t.Fatal(err)
	}
	body := struct{ *strings.Reader }{strings.NewReader("once")} // of a type without a GetBody
	resp, err := client.Post(w.Endpoint(bearertest.APIEndpoint), "text/plain", body)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Errorf("got %s, want 200", resp.Status)
	}
}
