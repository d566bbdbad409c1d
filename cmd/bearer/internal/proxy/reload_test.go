package proxy

import (
	"strings"
	"testing"

	"example.com/bearer/bearertest"
)

// A file that is read again counts from then on. Clients that are declared as
// before keep their tokens, and a faulty file changes nothing.
func TestReload(t *testing.T) {
	const file = `
defaults: {token_url: AUTH/token, client_id: client, client_secret: ` + secret + `}
clients:
  same: {base_url: API/same}
  moves: {base_url: API/old}
`
	w := newWorld(t, bearertest.Config{}, file, nil)
	w.wants(w.send("GET", "/same/x", ""), 200, "/same/x")
	w.wants(w.send("GET", "/moves/x", ""), 200, "/old/x")
	issued := w.Counts().Issued

	w.write(strings.Replace(file, "base_url: API/old", "base_urls: API/new", 1))
	if err := w.proxy.Reload(t.Context()); err == nil || !strings.Contains(err.Error(), "did you mean base_url?") {
		t.Errorf("a faulty file: got %v, want its fault", err)
	}
	w.wants(w.send("GET", "/moves/x", ""), 200, "/old/x")
	w.wants(w.send("GET", "/-/metrics", ""), 200, "bearer_proxy_config_last_reload_successful 0")

	w.write(strings.Replace(file, "API/old", "API/new", 1) + "  another: {base_url: API/another}\n")
	if err := w.proxy.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.wants(w.send("GET", "/same/x", ""), 200, "/same/x")
	w.wants(w.send("GET", "/moves/x", ""), 200, "/new/x")
	w.wants(w.send("GET", "/another/x", ""), 200, "/another/x")
	if got := w.Counts().Issued - issued; got != 2 {
		t.Errorf("got %d new tokens, want 2: same keeps its own", got)
	}
	w.wants(w.send("GET", "/-/metrics", ""), 200, "bearer_proxy_config_last_reload_successful 1")
	w.wants(w.send("GET", "/-/metrics", ""), 200, `bearer_proxy_requests_total{caller="tests",client="same",code="200"} 2`)

	w.write(strings.Replace(file, "same:", "other:", 1))
	if err := w.proxy.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.wants(w.send("GET", "/same/x", ""), 404, "moves, other")
}
