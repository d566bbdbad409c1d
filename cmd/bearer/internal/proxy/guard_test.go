package proxy

import (
	"net/http"
	"strings"
	"testing"

	"example.com/bearer/bearertest"
)

// A page gets nothing, whatever it asks for and whatever it presents: not from
// another origin, and not behind a name that was rebound. Only below /-/ may a
// browser ask at all.
func TestPagesAreRefused(t *testing.T) {
	w := newWorld(t, bearertest.Config{}, oneClient, nil, func(c *Config) { c.Hosts = []string{"Gateway.test"} })
	host := strings.TrimPrefix(w.url, "http://")
	_, port, _ := strings.Cut(host, ":")
	for _, test := range []struct {
		name      string
		header    []string
		api, ours int // the status of a path of the API, and of one below /-/
	}{
		{"a program", nil, 200, 200},
		{"a page's GET", []string{"Sec-Fetch-Site", "cross-site"}, 403, 403},
		{"a page at another port", []string{"Sec-Fetch-Site", "same-site"}, 403, 403},
		{"our own page", []string{"Sec-Fetch-Site", "same-origin"}, 403, 200},
		{"our own page's POST", []string{"Sec-Fetch-Site", "same-origin", "Origin", w.url}, 403, 200},
		{"the address bar", []string{"Sec-Fetch-Site", "none"}, 403, 200},
		{"an Origin alone", []string{"Origin", "https://evil.test"}, 403, 403},
		{"an Origin of nothing", []string{"Origin", "null"}, 403, 403},
		{"an Origin of another scheme", []string{"Origin", "https://" + host}, 403, 403},
		{"two Origins", []string{"Origin", w.url, "Origin", "https://evil.test"}, 403, 403},
		{"a rebound name", []string{"Host", "evil.test:" + port}, 421, 421},
		{"a rebound name that ends like ours", []string{"Host", "127.0.0.1.evil.test"}, 421, 421},
		{"localhost", []string{"Host", "LOCALHOST:" + port}, 200, 200},
		{"localhost with a dot, and a forwarded port", []string{"Host", "localhost.:9999"}, 200, 200},
		{"another address of this machine", []string{"Host", "[::1]:" + port}, 200, 200},
		{"the address of another machine", []string{"Host", "192.0.2.1:" + port}, 421, 421},
		{"a name of ours", []string{"Host", "gateway.TEST"}, 200, 200},
	} {
		for _, method := range []string{"GET", "HEAD"} {
			if got := w.send(method, "/daily", "", test.header...); got.StatusCode != test.api {
				t.Errorf("%s: %s: got %s, want %d", test.name, method, got.Status, test.api)
			}
			if got := w.send(method, "/-/healthz", "", test.header...); got.StatusCode != test.ours {
				t.Errorf("%s: %s of healthz: got %s, want %d", test.name, method, got.Status, test.ours)
			}
		}
	}
	for _, r := range w.arrived() {
		if r.Header.Get("Origin") != "" || r.Header.Get("Sec-Fetch-Site") != "" {
			t.Errorf("the API got a request of a page: %v", r.Header)
		}
	}
}

// No page may read what the API would let it: its Access-Control headers are
// about the API's own host, as two others are.
func TestHeadersOfTheAPIsHost(t *testing.T) {
	w := newWorld(t, bearertest.Config{}, oneClient, func(rw http.ResponseWriter, _ *http.Request) {
		for _, name := range []string{"Access-Control-Allow-Origin", "Access-Control-Allow-Private-Network", "Alt-Svc", "Strict-Transport-Security", "X-Own"} {
			rw.Header().Set(name, "x")
		}
	})
	got := w.send("GET", "/", "")
	if got.StatusCode != 200 || got.Header.Get("X-Own") == "" {
		t.Fatalf("got %s and %v, want the API's answer", got.Status, got.Header)
	}
	for name := range got.Header {
		if strings.HasPrefix(name, "Access-Control") || name == "Alt-Svc" || name == "Strict-Transport-Security" {
			t.Errorf("got the header %s, want none", name)
		}
	}
}
