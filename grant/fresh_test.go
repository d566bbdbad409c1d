package grant

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"golang.org/x/oauth2"
)

// connections counts the connections that a server has had, and the open ones.
type connections struct {
	mu    sync.Mutex
	total int
	open  map[net.Conn]bool
	last  chan struct{} // receives when the last one is closed
}

func (c *connections) watch(conn net.Conn, state http.ConnState) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch state {
	case http.StateNew:
		c.total++
		c.open[conn] = true
	case http.StateClosed, http.StateHijacked:
		if delete(c.open, conn); len(c.open) == 0 {
			select {
			case c.last <- struct{}{}:
			default:
			}
		}
	}
}

func (c *connections) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.total
}

// selfSigned returns a certificate for a TLS client.
func selfSigned(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "client"}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// G16: a server may close an idle connection while a request is being written
// to it, and the client cannot tell whether it was read. On our own
// transports a request that can be spent once gets a fresh connection, which is
// closed afterwards.
func TestOneTimeRequestsUseFreshConnections(t *testing.T) {
	for _, row := range []struct {
		name       string
		tls, http2 bool
	}{{"HTTP/1.1", false, false}, {"HTTP/1.1 with a certificate", true, false}, {"HTTP/2 with a certificate", true, true}} {
		conns := &connections{open: map[net.Conn]bool{}, last: make(chan struct{}, 1)}
		proto := ""
		server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			proto = r.Proto
			w.Header().Set("Content-Type", "application/json")
			io.WriteString(w, `{"access_token":"at","refresh_token":"rt"}`)
		}))
		server.Config.ConnState = conns.watch
		server.EnableHTTP2 = row.http2
		var auth ClientAuth = basic
		if row.tls {
			server.StartTLS()
			roots := x509.NewCertPool()
			roots.AddCert(server.Certificate())
			auth = &TLS{ID: "id", Config: &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{selfSigned(t)}}}
		} else {
			server.Start()
		}
		s := Server{TokenURL: server.URL + "/token"}

		for range 3 {
			if _, err := (ClientCredentials{Server: s, Auth: auth}).Token(t.Context()); err != nil {
				t.Fatalf("%s: %v", row.name, err)
			}
		}
		if n := conns.count(); n != 1 {
			t.Errorf("%s: got %d connections for 3 requests that may be repeated, want 1: it is kept", row.name, n)
		}
		flow := AuthorizationCode{Server: s, Auth: auth}
		for range 3 {
			if _, err := flow.Refresh(t.Context(), &oauth2.Token{RefreshToken: "rt"}); err != nil {
				t.Fatalf("%s: %v", row.name, err)
			}
		}
		if n := conns.count(); n != 4 {
			t.Errorf("%s: got %d connections after 3 refreshes, want 3 more than 1", row.name, n)
		}
		if want := fmt.Sprintf("HTTP/%d", map[bool]int{false: 1, true: 2}[row.http2]); proto[:len(want)] != want {
			t.Errorf("%s: got %s, want %s", row.name, proto, want)
		}

		// Only the connection that is kept for the others is still open.
		if own, ok := auth.(*TLS); ok {
			own.own.CloseIdleConnections()
		} else {
			shared.CloseIdleConnections()
		}
		select {
		case <-conns.last:
		case <-time.After(5 * time.Second):
			t.Errorf("%s: connections of one-time requests: got open ones, want them closed", row.name)
		}
		server.Close()
	}
}

// The caller's own Transport decides on its connections itself.
func TestCallersTransportKeepsItsConnections(t *testing.T) {
	conns := &connections{open: map[net.Conn]bool{}, last: make(chan struct{}, 1)}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, `{"access_token":"at","refresh_token":"rt"}`)
	}))
	server.Config.ConnState = conns.watch
	server.Start()
	defer server.Close()
	own := &http.Transport{}
	defer own.CloseIdleConnections()
	flow := AuthorizationCode{Server: Server{TokenURL: server.URL, Transport: own}, Auth: basic}
	for range 3 {
		if _, err := flow.Refresh(t.Context(), &oauth2.Token{RefreshToken: "rt"}); err != nil {
			t.Fatal(err)
		}
	}
	if n := conns.count(); n != 1 {
		t.Errorf("got %d connections, want 1", n)
	}
}
