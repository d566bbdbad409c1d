package proxy

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"example.com/bearer/bearertest"
)

// issue writes a certificate for that name, and its key, and returns the
// certificate.
func issue(t *testing.T, certFile, keyFile, name string) *x509.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{"*.wild.test", name}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	put(t, certFile, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
	put(t, keyFile, string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})))
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

// By TLS the proxy speaks HTTP/2, is known by the names of its certificate, and
// takes up a new one at once; half of a new one it does not.
func TestTLS(t *testing.T) {
	certFile, keyFile := filepath.Join(t.TempDir(), "cert.pem"), filepath.Join(t.TempDir(), "key.pem")
	cert := issue(t, certFile, keyFile, "gateway.test")
	c, err := OpenCertificate(certFile, keyFile)
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, bearertest.Config{}, oneClient, nil, func(config *Config) { config.Certificate = c })
	_, port, err := net.SplitHostPort(w.url[len("https://"):])
	if err != nil || w.url != "https://gateway.test:"+port {
		t.Fatalf("got the origin %s, want the certificate's name", w.url)
	}
	get := func(trusted *x509.Certificate, host string) (*http.Response, error) {
		roots := x509.NewCertPool()
		roots.AddCert(trusted)
		transport := &http.Transport{
			TLSClientConfig: &tls.Config{RootCAs: roots, ServerName: trusted.DNSNames[1]}, ForceAttemptHTTP2: true,
			DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				return new(net.Dialer).DialContext(ctx, "tcp", "127.0.0.1:"+port)
			},
		}
		defer transport.CloseIdleConnections()
		req := w.request(t.Context(), "GET", "/daily", nil)
		req.Host = host
		resp, err := transport.RoundTrip(req)
		if err == nil {
			resp.Body.Close()
		}
		return resp, err
	}
	for host, want := range map[string]int{"gateway.test": 200, "a.wild.test:1": 200, "evil.test": 421, "localhost": 200} {
		resp, err := get(cert, host)
		if err != nil || resp.StatusCode != want || resp.ProtoMajor != 2 {
			t.Errorf("%s: got %v (%v), want %d by HTTP/2", host, resp, err, want)
		}
	}
	put(t, certFile, "half")
	if _, err := get(cert, "gateway.test"); err != nil {
		t.Errorf("with half a certificate: got %v, want the one before", err)
	}
	next := issue(t, certFile, keyFile, "other.test")
	if resp, err := get(next, "other.test"); err != nil || resp.StatusCode != 200 {
		t.Errorf("with a new certificate: got %v (%v), want 200", resp, err)
	}
	if _, err := OpenCertificate(keyFile, certFile); err == nil {
		t.Error("got no error about files that are not what they should be")
	}
}
