package e2e

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/http"
	"strings"
	"testing"

	"example.com/bearer"
	"example.com/bearer/grant"
)

// Each way for a client to say who it is gets a token that the API takes, and
// goes over the wire as it is called.
func TestClientAuthentication(t *testing.T) {
	s := need(t)
	roots := x509.NewCertPool()
	roots.AddCert(s.cert.Leaf)
	plain := s.discovered(t)
	mutual := plain
	mutual.TokenURL = strings.Replace(plain.TokenURL, s.Issuer, s.IssuerTLS, 1)

	for _, test := range []struct {
		client string
		server grant.Server
		auth   grant.ClientAuth
		wire   string
	}{
		{basicID, plain, grant.Basic{ID: basicID, Secret: basicSecret}, "basic"},
		{"post", plain, grant.Post{ID: "post", Secret: plainSecret}, "post"},
		{"secret-jwt", plain, grant.ClientSecretJWT{ID: "secret-jwt", Secret: plainSecret}, "jwt HS256"},
		{"private-key", plain, grant.PrivateKeyJWT{ID: "private-key", Key: keys()["ES256"]}, "jwt ES256"},
		{"private-key", plain, grant.PrivateKeyJWT{ID: "private-key", Key: keys()["RS256"]}, "jwt RS256"},
		{"private-key", plain, grant.PrivateKeyJWT{ID: "private-key", Key: keys()["EdDSA"], Audience: plain.TokenURL}, "jwt EdDSA"},
		{"certificate", mutual, &grant.TLS{ID: "certificate", Config: &tls.Config{
			RootCAs: roots, Certificates: []tls.Certificate{s.cert},
		}}, "tls"},
	} {
		t.Run(test.wire, func(t *testing.T) {
			source := grant.ClientCredentials{Server: test.server, Auth: test.auth, Scopes: []string{"read"}}
			before := len(s.seen(t).of(test.client))
			// Twice, for an assertion is good for one request only.
			for range 2 {
				client := &http.Client{Transport: &bearer.Transport{Source: source}}
				if status, err := s.get(t.Context(), client); err != nil || status != http.StatusOK {
					t.Errorf("GET /api: got %d, %v, want 200", status, err)
				}
			}
			requests := s.seen(t).of(test.client)[before:]
			if len(requests) != 2 {
				t.Fatalf("token requests: got %+v, want 2", requests)
			}
			for _, r := range requests {
				if r.Auth != test.wire || r.Grant != "client_credentials" {
					t.Errorf("token request: got %s by %s, want client_credentials by %s", r.Grant, r.Auth, test.wire)
				}
			}
		})
	}
}

// G18: a wrong secret is a typed error, which is remembered: the server is asked once.
func TestWrongSecretIsAskedOnce(t *testing.T) {
	s := need(t)
	before := len(s.seen(t).of("wrong"))
	const wrong = "not the secret, of more than thirty-two bytes"
	transport := &bearer.Transport{Source: grant.ClientCredentials{
		Server: s.discovered(t),
		Auth:   grant.Basic{ID: "wrong", Secret: wrong},
	}}
	for range 5 {
		_, err := s.get(t.Context(), &http.Client{Transport: transport})
		tokenErr, _ := errors.AsType[*bearer.TokenError](err)
		refusal, _ := errors.AsType[*grant.Error](err)
		if tokenErr == nil || refusal == nil {
			t.Fatalf("GET /api: got %v, want a *bearer.TokenError that holds a *grant.Error", err)
		}
		if refusal.Code != "invalid_client" || refusal.Status != http.StatusUnauthorized || refusal.Temporary() {
			t.Errorf("refusal: got %d %s, temporary %t, want 401 invalid_client for good", refusal.Status, refusal.Code, refusal.Temporary())
		}
		if strings.Contains(err.Error(), wrong) {
			t.Errorf("the error shows the secret: %v", err)
		}
	}
	if n := len(s.seen(t).of("wrong")) - before; n != 1 {
		t.Errorf("token requests: got %d, want 1", n)
	}
}
