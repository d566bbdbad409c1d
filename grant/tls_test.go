package grant

import (
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
)

// A server that cannot prove who it is gets nothing, and is not asked again.
func TestWrongCertificateIsNotRetried(t *testing.T) {
	var seen atomic.Int32
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { seen.Add(1) })
	tlsServer := httptest.NewUnstartedServer(handler)
	tlsServer.Config.ErrorLog = log.New(io.Discard, "", 0) // it would print the failed handshake
	tlsServer.StartTLS()
	defer tlsServer.Close()
	plain := httptest.NewServer(handler)
	defer plain.Close()

	for _, address := range []string{tlsServer.URL, strings.Replace(plain.URL, "http:", "https:", 1)} {
		dials := &counting{base: http.DefaultTransport.(*http.Transport).Clone()}
		_, err := ClientCredentials{Server: Server{TokenURL: address + "/token", Transport: dials}, Auth: basic}.Token(t.Context())
		host, _ := url.Parse(address)
		wantText(t, err, "cannot reach https://"+host.Host)
		if dials.n != 1 || seen.Load() != 0 {
			t.Errorf("got %d attempts and %d requests, want 1 and 0", dials.n, seen.Load())
		}
	}
}

type counting struct {
	base *http.Transport
	n    int
}

func (c *counting) RoundTrip(r *http.Request) (*http.Response, error) {
	c.n++
	return c.base.RoundTrip(r)
}
