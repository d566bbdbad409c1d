package bearertest

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

// Every token request, however odd, is answered with JSON.
func FuzzTokenRequest(f *testing.F) {
	f.Add("application/x-www-form-urlencoded", "grant_type=client_credentials", "Basic Y2xpZW50OnNlY3JldA==")
	f.Add("application/json", `{"grant_type":"client_credentials","client_id":"client","client_secret":"secret"}`, "")
	f.Add("application/json", `{"resource":["a",1,null],"scope":{}}`, "")
	f.Add("text/plain; =", "%zz&&=", "Basic %%%")
	f.Add("application/x-www-form-urlencoded", "client_assertion_type="+assertionType+"&client_assertion=e30.e30.", "")
	f.Add("application/x-www-form-urlencoded", "grant_type=refresh_token&refresh_token=&grant_type=x", "Bearer x")
	f.Add("application/x-www-form-urlencoded", "grant_type=client_credentials&resource=urn:a%23&scope=a++b&audience=", "Basic Y2xpZW50OnNlY3JldA==")
	s, err := NewServer(Config{Network: new(Network), JSON: true})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(s.Close)
	f.Fuzz(func(t *testing.T, contentType, body, authorization string) {
		r := httptest.NewRequest(http.MethodPost, string(TokenEndpoint), strings.NewReader(body))
		r.Header.Set("Content-Type", contentType)
		r.Header.Set("Authorization", authorization)
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if got := w.Header().Get("Content-Type"); got != "application/json" {
			t.Errorf("got Content-Type %q with status %d, want JSON", got, w.Code)
		}
	})
}

// An authorization request sends the browser to registered addresses only.
func FuzzAuthorize(f *testing.F) {
	f.Add("client_id=app&redirect_uri=http://127.0.0.1:1/callback&response_type=code")
	f.Add("client_id=app&redirect_uri=http://127.0.0.1:1/callback%23x")
	f.Add("client_id=app&redirect_uri=http://127.0.0.1@evil.test/callback")
	f.Add("client_id=app&redirect_uri=//evil.test/callback")
	f.Add("client_id=app&redirect_uri=http://user@127.0.0.1/callback")
	cfg := apps
	cfg.Network = new(Network)
	s, err := NewServer(cfg)
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(s.Close)
	s.Update(func(c *Config) { c.Clients = c.Clients[:1] }) // the one with registered addresses
	f.Fuzz(func(t *testing.T, query string) {
		r := httptest.NewRequest(http.MethodGet, string(AuthorizeEndpoint), nil)
		r.URL.RawQuery = query
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		to := w.Header().Get("Location")
		if to == "" {
			return
		}
		u, err := url.Parse(to)
		if err != nil {
			t.Fatalf("sent to %q: %v", to, err)
		}
		loopback := u.Scheme == "http" && u.Hostname() == "127.0.0.1" && u.Path == "/callback" && u.User == nil
		app := u.Scheme == "https" && u.Host == "app.test" && u.Path == "/cb"
		if !loopback && !app {
			t.Errorf("sent to %q, which is not registered", to)
		}
	})
}
