package config

import (
	"net/http"
	"reflect"
	"runtime"
	"testing"
)

// An oauth2 block uses the proxy that Prometheus would: its own, or that of the
// environment if it is told to, and otherwise none.
func TestProxyOfAPrometheusBlock(t *testing.T) {
	const none, environment = "none", "environment"
	which := func(p proxy) string {
		if p.usual() {
			return environment
		}
		transport := network(nil, p)
		r, _ := http.NewRequest("GET", "https://auth.example.com/token", nil)
		switch {
		case transport.Proxy == nil:
			return none
		case runtime.FuncForPC(reflect.ValueOf(transport.Proxy).Pointer()).Name() == "net/http.ProxyFromEnvironment":
			return environment + " " + transport.ProxyConnectHeader.Get("X-Key")
		}
		u, err := transport.Proxy(r)
		if err != nil || u == nil {
			t.Fatalf("got %v, %v, want a proxy", u, err)
		}
		return u.Host
	}
	for _, c := range []struct {
		block   OAuth2
		clients proxy
		want    string
	}{
		{OAuth2{}, proxy{}, none},
		{OAuth2{ProxyFromEnvironment: new(false)}, proxy{}, none},
		{OAuth2{ProxyFromEnvironment: new(true)}, proxy{}, environment},
		{OAuth2{ProxyFromEnvironment: new(true)}, proxy{url: "http://client.test"}, environment},
		{OAuth2{ProxyFromEnvironment: new(true), ProxyHeader: map[string][]Secret{"X-Key": {"k"}}}, proxy{}, environment + " k"},
		{OAuth2{ProxyURL: "http://block.test"}, proxy{url: "http://client.test"}, "block.test"},
		{OAuth2{}, proxy{url: "http://client.test"}, "client.test"},
	} {
		if got := which(c.block.proxy(c.clients)); got != c.want {
			t.Errorf("%v with the client's %q: got %s, want %s", c.block, c.clients.url, got, c.want)
		}
	}
	set, err := Parse([]byte(`clients: {a: {oauth2: {token_url: https://auth.test, client_id: a, client_secret: b}}}`))
	if err != nil {
		t.Fatal(err)
	}
	transport, ok := set.clients["a"].builder.server().Transport.(*http.Transport)
	if !ok || transport.Proxy != nil {
		t.Errorf("got the transport %T, want one without a proxy", set.clients["a"].builder.server().Transport)
	}
}

// Two spellings of one token endpoint are one endpoint.
func TestEndpointHasOneSpelling(t *testing.T) {
	for raw, want := range map[URL]string{
		"https://auth.test/token":            "https://auth.test:443/token",
		"HTTPS://AUTH.test:443/token":        "https://auth.test:443/token",
		"https://auth.test:8443/token":       "https://auth.test:8443/token",
		"http://auth.test/token":             "http://auth.test:80/token",
		"https://auth.test":                  "https://auth.test:443/",
		"https://auth.test/":                 "https://auth.test:443/",
		"https://auth.test/Token":            "https://auth.test:443/Token",
		"https://auth.test/token?tenant=a":   "https://auth.test:443/token?tenant=a",
		"https://[2001:DB8::1]/token":        "https://[2001:db8::1]:443/token",
		"https://${connection.domain}/token": "https://auth.test:443/token",
	} {
		c := Client{Server: Server{TokenURL: raw}, Connection: map[string]string{"domain": "auth.test"}}
		if got := c.endpoint(); got != want {
			t.Errorf("%s: got %s, want %s", raw, got, want)
		}
	}
}
