package e2e

import (
	"errors"
	"strings"
	"testing"

	"example.com/bearer/grant"
)

// The server's metadata fill a Server in: RFC 8414.
func TestDiscovery(t *testing.T) {
	s := need(t)
	got := s.discovered(t)
	want := grant.Server{
		Issuer:           s.Issuer,
		AuthURL:          s.Issuer + "/auth",
		TokenURL:         s.Issuer + "/token",
		RevokeURL:        s.Issuer + "/token/revocation",
		DeviceAuthURL:    s.Issuer + "/device/auth",
		IssuerInCallback: true,
	}
	if got != want {
		t.Errorf("Discover: got %+v, want %+v", got, want)
	}
}

// A server that has another name for itself than the one it was asked by is not trusted.
func TestDiscoveryOfAnotherIssuer(t *testing.T) {
	s := need(t)
	alias := strings.Replace(s.Issuer, "127.0.0.1", "localhost", 1)
	_, err := grant.Server{Issuer: alias}.Discover(t.Context())
	if !errors.Is(err, grant.ErrIssuerMismatch) {
		t.Errorf("Discover(%s): got %v, want ErrIssuerMismatch", alias, err)
	}
}
