package bearer_test

import (
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"sync"
	"testing"

	"golang.org/x/oauth2/clientcredentials"

	"example.com/bearer"
)

// G15: the trace of a request does not see the token request that it begins,
// nor the client's secret.
func TestTokenRequestIsNotTraced(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"access_token":"a","token_type":"Bearer"}`))
	}))
	defer server.Close()
	var mu sync.Mutex // guards seen
	var seen []string
	see := func(s string) {
		mu.Lock()
		defer mu.Unlock()
		seen = append(seen, s)
	}
	ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{
		GetConn:          func(string) { see("GetConn") },
		ConnectStart:     func(string, string) { see("ConnectStart") },
		WroteHeaderField: func(name string, _ []string) { see(name) },
	})
	c := &bearer.Cache{Source: &clientcredentials.Config{ClientID: "id", ClientSecret: "secret", TokenURL: server.URL}}
	if _, err := c.Token(ctx); err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	defer mu.Unlock()
	if len(seen) > 0 {
		t.Errorf("the request's trace got %q, want nothing", seen)
	}
}
