package proxy

import (
	"net/http"
	"strings"
	"testing"

	"example.com/bearer/bearertest"
)

// Neither an answer of the proxy's own nor its log shows a secret, a token, or
// what opens the page, whatever goes wrong.
func TestNoSecretIsShown(t *testing.T) {
	w := newWorld(t, bearertest.Config{}, impatient, nil)
	var said []string
	collect := func(a answer) { said = append(said, a.body) }
	collect(w.send("GET", "/-/metrics", ""))
	collect(w.send("GET", "/-/", ""))
	w.send("GET", "/daily", "")
	w.RevokeAll()
	w.Fault(bearertest.TokenEndpoint, bearertest.Fault{Status: 500, Times: -1, Body: secret})
	w.send("GET", "/daily", "")
	w.proxy.table.Load().routes[0].cache.Delete(t.Context())
	collect(w.send("GET", "/daily", ""))
	collect(w.send("GET", "/daily", "", "Host", "evil.test"))
	collect(w.send("GET", "/daily", "", "Origin", "https://evil.test"))
	collect(w.send("GET", "/../daily", ""))
	collect(w.send("GET", "/-/open?key="+callerToken, ""))
	collect(w.send("GET", "/-/", ""))
	put(t, w.tokens, "a b "+callerToken)
	w.eventually("reading of the callers", func() bool {
		return w.send("GET", "/", "").StatusCode == http.StatusUnauthorized
	})
	if !strings.Contains(w.log.String(), "refresh failed") || !strings.Contains(w.log.String(), "callers' tokens") {
		t.Errorf("got the log\n%s\nwant what went wrong", w.log)
	}
	said = append(said, w.log.String())
	for _, r := range w.Requests("") {
		for _, text := range said {
			if _, token, _ := strings.Cut(r.Authorization(), " "); token != "" && strings.Contains(text, token) {
				t.Errorf("got a token, in\n%s", text)
			}
		}
	}
	for _, text := range said {
		if strings.Contains(text, secret) || strings.Contains(text, callerToken) {
			t.Errorf("got a secret, in\n%s", text)
		}
	}
}
