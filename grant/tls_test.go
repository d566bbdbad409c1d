package grant

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"golang.org/x/oauth2"
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

// A client without a certificate would connect, and be refused, or be taken for
// a public client. It is an error before that.
func TestTLSWithoutACertificateIsNotSent(t *testing.T) {
	var shown atomic.Int32 // certificates that the server saw
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		shown.Add(int32(len(r.TLS.PeerCertificates)))
		io.WriteString(w, good)
	}))
	server.TLS = &tls.Config{ClientAuth: tls.RequestClientCert}
	server.StartTLS()
	defer server.Close()
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	s := Server{TokenURL: server.URL}

	_, err := ClientCredentials{Server: s, Auth: &TLS{ID: "id", Config: &tls.Config{RootCAs: roots}}}.Token(t.Context())
	wantText(t, err, "TLS.Config has no certificate", "GetClientCertificate")
	certificate := selfSigned(t)
	for i, config := range []*tls.Config{
		{RootCAs: roots, Certificates: []tls.Certificate{certificate}},
		{RootCAs: roots, GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &certificate, nil }},
	} {
		auth := &TLS{ID: "id", Config: config}
		if _, err := (ClientCredentials{Server: s, Auth: auth}).Token(t.Context()); err != nil || int(shown.Load()) != i+1 {
			t.Errorf("row %d: got %v and %d certificates, want %d", i, err, shown.Load(), i+1)
		}
		auth.own.CloseIdleConnections()
	}
}

// RFC 8705 section 5: a client with a certificate uses the aliases, and the
// usual endpoint where there is none. Others never do.
func TestMutualTLSUsesTheAliases(t *testing.T) {
	subject := func(context.Context) (string, error) { return "subject", nil }
	type call = func(Server, ClientAuth) error
	for name, call := range map[string]call{
		"/token": func(s Server, a ClientAuth) error {
			_, err := ClientCredentials{Server: s, Auth: a}.Token(t.Context())
			return err
		},
		"/token by another grant": func(s Server, a ClientAuth) error {
			_, err := TokenExchange{Server: s, Auth: a, Subject: subject}.Token(t.Context())
			return err
		},
		"/token by a refresh": func(s Server, a ClientAuth) error {
			_, err := AuthorizationCode{Server: s, Auth: a}.Refresh(t.Context(), &oauth2.Token{RefreshToken: "rt"})
			return err
		},
		"/revoke": func(s Server, a ClientAuth) error { return s.Revoke(t.Context(), a, "token", "") },
		"/device": func(s Server, a ClientAuth) error {
			_, err := Device{Server: s, Auth: a}.Start(t.Context())
			return err
		},
	} {
		path, _, _ := strings.Cut(name, " ")
		for _, row := range []struct {
			auth  ClientAuth
			alias bool
			want  string
		}{
			{&TLS{ID: "id"}, true, "mtls.auth.test"},
			{struct{ *TLS }{&TLS{ID: "id"}}, true, "mtls.auth.test"},
			{&TLS{ID: "id"}, false, "auth.test"},
			{basic, true, "auth.test"},
		} {
			got := ""
			s, _ := serve(t, func(_ int, r *http.Request, _ url.Values) (*http.Response, error) {
				got = r.URL.Host + r.URL.Path
				return reply(400, `{"error":"invalid_request"}`), nil
			})
			if row.alias {
				s.MTLSAliases = MTLSAliases{"https://mtls.auth.test/token", "https://mtls.auth.test/revoke", "https://mtls.auth.test/device"}
			}
			wantText(t, call(s, row.auth), "https://"+row.want+" answered 400")
			if got != row.want+path {
				t.Errorf("%s, %T, aliases %v: got a request to %s, want %s", name, row.auth, row.alias, got, row.want+path)
			}
		}
	}
	s, w := serve(t, always(200, good))
	s.MTLSAliases.TokenURL = "http://auth.test/token"
	_, err := ClientCredentials{Server: s, Auth: &TLS{ID: "id"}}.Token(t.Context())
	wantText(t, err, "Server.MTLSAliases.TokenURL is plaintext")
	if n := w.seen.Load(); n != 0 {
		t.Errorf("got %d requests, want 0", n)
	}
}

// listen accepts connections on this machine, and serves each with f.
func listen(t *testing.T, f func(net.Conn)) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup // ends with the listener, and with what f reads
	serving.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			serving.Go(func() { defer conn.Close(); f(conn) })
		}
	})
	t.Cleanup(func() { listener.Close(); serving.Wait() })
	return "https://" + listener.Addr().String()
}

// G16: a damaged TLS record after the request does not prove that the request
// was not processed, whatever it looks like.
func TestDamagedRecordAfterTheRequestMayHaveSpent(t *testing.T) {
	certificate := selfSigned(t)
	address := listen(t, func(conn net.Conn) {
		secure := tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{certificate}})
		if _, err := http.ReadRequest(bufio.NewReader(secure)); err == nil {
			io.WriteString(conn, "HTTP/1.1 502 Bad Gateway\r\n\r\n")
		}
	})
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true}
	flow := AuthorizationCode{Server: Server{TokenURL: address, Transport: transport}, Auth: basic}
	_, err := flow.Refresh(t.Context(), &oauth2.Token{RefreshToken: "rt"})
	if !errors.Is(err, http.ErrSchemeMismatch) || !maybeSpent(err) {
		t.Errorf("got %v, want a scheme mismatch, and a token that may have been spent", err)
	}
	wantText(t, err, "the connection to "+address+" failed", "may have been spent")
}

// G16: a context that ends while the connection is being made spends nothing.
func TestCancelledWhileConnectingSpendsNothing(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	address := listen(t, func(conn net.Conn) {
		cancel()
		io.Copy(io.Discard, conn) // until the client gives up on the handshake
	})
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	flow := AuthorizationCode{Server: Server{TokenURL: address, Transport: transport}, Auth: basic}
	_, err := flow.Refresh(ctx, &oauth2.Token{RefreshToken: "rt"})
	if !errors.Is(err, context.Canceled) || maybeSpent(err) {
		t.Errorf("got %v, want context.Canceled, and a token that cannot be spent", err)
	}
}
