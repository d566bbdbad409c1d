package grant

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"net/http"
	"net/url"
	"testing"
	"testing/synctest"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// KeyFunc is asked for every attempt, so that a rotated key needs no restart.
func TestKeyFuncIsAskedForEveryAttempt(t *testing.T) { synctest.Test(t, testKeyFuncIsAsked) }

func testKeyFuncIsAsked(t *testing.T) {
	var public []ed25519.PublicKey
	key := func(context.Context) (SigningKey, error) {
		pub, private, err := ed25519.GenerateKey(rand.Reader)
		public = append(public, pub)
		return SigningKey{Signer: private}, err
	}
	s, _ := serve(t, func(attempt int, _ *http.Request, form url.Values) (*http.Response, error) {
		token, err := jwt.ParseSigned(form.Get("client_assertion"), []jose.SignatureAlgorithm{jose.EdDSA})
		if err != nil || len(public) != attempt || token.Claims(public[attempt-1], new(map[string]any)) != nil {
			t.Errorf("attempt %d: got an assertion (%v) that key %d did not sign, want one of this attempt's key", attempt, err, len(public))
		}
		if attempt == 1 {
			return reply(500, ""), nil
		}
		return reply(200, `{"access_token":"t"}`), nil
	})
	if _, err := (ClientCredentials{Server: s, Auth: PrivateKeyJWT{ID: "id", KeyFunc: key}}).Token(t.Context()); err != nil {
		t.Error(err)
	}
}

// A key that cannot be had names the field, and so do two of them.
func TestKeyFuncErrors(t *testing.T) {
	s, w := serve(t, always(200, `{"access_token":"t"}`))
	failing := func(context.Context) (SigningKey, error) { return SigningKey{}, errors.New("no such file") }
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		auth PrivateKeyJWT
		want string
	}{
		{PrivateKeyJWT{ID: "id", KeyFunc: failing}, "PrivateKeyJWT.KeyFunc: no such file"},
		{PrivateKeyJWT{ID: "id", KeyFunc: failing, Key: SigningKey{Signer: private}}, "both set"},
		{PrivateKeyJWT{ID: "id", KeyFunc: func(context.Context) (SigningKey, error) { return SigningKey{}, nil }}, "Key.Signer is nil"},
	} {
		_, err := (ClientCredentials{Server: s, Auth: c.auth}).Token(t.Context())
		wantText(t, err, c.want)
	}
	if w.seen.Load() != 0 {
		t.Errorf("got %d requests, want none", w.seen.Load())
	}
}
