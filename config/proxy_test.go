package config_test

import (
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"example.com/bearer/config"
)

// Token requests and requests to the API go by the proxy, with its headers; but
// not those to no_proxy, and a Prometheus block has its own.
func TestProxy(t *testing.T) {
	var (
		mu   sync.Mutex // guards seen
		seen []string
	)
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		seen = append(seen, r.Method+" "+r.Host+" "+r.Header.Get("X-Key"))
		w.WriteHeader(http.StatusForbidden)
	}))
	defer front.Close()
	for settings, want := range map[string]string{
		"token_url: https://auth.test/token, client_id: x, client_secret: y, proxy_url: '" + front.URL + "', proxy_connect_header: {X-Key: [k]}":           "CONNECT auth.test:443 k",
		"oauth2: {token_url: https://auth.test/token, client_id: x, client_secret: y, proxy_url: '" + front.URL + "', proxy_connect_header: {X-Key: [o]}}": "CONNECT auth.test:443 o",
		"token_url: https://auth.invalid/token, client_id: x, client_secret: y, proxy_url: '" + front.URL + "', no_proxy: auth.invalid":                    "",
	} {
		seen = nil
		set, err := config.Parse([]byte("clients: {a: {" + settings + ", refresh: {retry_for: false}}}"))
		if err != nil {
			t.Fatal(err)
		}
		cache, err := set.Cache("a")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := cache.Token(t.Context()); err == nil {
			t.Errorf("%s: got a token, want an error", settings)
		}
		got := ""
		mu.Lock()
		if len(seen) > 0 {
			got = seen[0]
		}
		mu.Unlock()
		if got != want {
			t.Errorf("%s: the proxy got %q, want %q", settings, got, want)
		}
	}
}
