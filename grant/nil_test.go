package grant

import (
	"context"
	"net/http"
	"testing"

	"golang.org/x/oauth2"
)

// A nil pointer in an interface is an error that names the field, wherever it
// is, and no panic.
func TestNilPointerIsNamed(t *testing.T) {
	assertion := func(context.Context) (string, error) { return "assertion", nil }
	s, w := serve(t, always(200, good))
	for _, auth := range []ClientAuth{(*Basic)(nil), (*Post)(nil), (*None)(nil), (*PrivateKeyJWT)(nil), (*ClientSecretJWT)(nil), (*TLS)(nil)} {
		_, err := ClientCredentials{Server: s, Auth: auth}.Token(t.Context())
		wantText(t, err, "Auth is a nil *grant.")
		_, err = JWTBearer{Server: s, Auth: auth, Assertion: assertion}.Token(t.Context())
		wantText(t, err, "Auth is a nil *grant.")
		_, err = TokenExchange{Server: s, Auth: auth, Subject: assertion}.Token(t.Context())
		wantText(t, err, "Auth is a nil *grant.")
		flow := AuthorizationCode{Server: s, Auth: auth}
		_, err = flow.AuthCodeURL(t.Context(), "state", oauth2.GenerateVerifier())
		wantText(t, err, "AuthorizationCode.Auth is a nil *grant.")
		_, err = flow.Refresh(t.Context(), &oauth2.Token{RefreshToken: "rt-1"})
		wantText(t, err, "AuthorizationCode.Auth is a nil *grant.")
		_, err = Device{Server: s, Auth: auth}.Start(t.Context())
		wantText(t, err, "Device.Auth is a nil *grant.")
		wantText(t, s.Revoke(t.Context(), auth, "token", ""), "Auth is a nil *grant.")
	}
	s.Transport = (*http.Transport)(nil)
	_, err := ClientCredentials{Server: s, Auth: basic}.Token(t.Context())
	wantText(t, err, "Server.Transport is a nil *http.Transport")
	if n := w.seen.Load(); n != 0 {
		t.Errorf("got %d requests, want 0", n)
	}
}
