package grant

import (
	"context"
	"crypto/rand"
	"fmt"
	"time"

	"github.com/go-jose/go-jose/v4"

	"example.com/bearer/internal/mistake"
)

// PrivateKeyJWT authenticates with an assertion that the client's private key
// signs (private_key_jwt, RFC 7523 section 2.2): the server knows only the
// public key. Each attempt has a new assertion, since a server may refuse one
// that it has seen.
type PrivateKeyJWT struct {
	ID string // the client's id, required

	// Exactly one of Key and KeyFunc is set. KeyFunc is called for every
	// attempt, so a rotated key needs no restart.
	Key     SigningKey
	KeyFunc func(context.Context) (SigningKey, error) `json:"-"`

	Audience string // empty: Server.Issuer, or TokenURL if that is empty
}

// Authenticate implements [ClientAuth].
func (p PrivateKeyJWT) Authenticate(ctx context.Context, r *Request) error {
	id, err := clientID("PrivateKeyJWT", p.ID)
	if err != nil {
		return err
	}
	key, err := p.key(ctx)
	if err != nil {
		return err
	}
	assertion, err := key.sign(r.clientClaims(id, p.Audience))
	if err != nil {
		return fmt.Errorf("PrivateKeyJWT.%w", err)
	}
	r.setAssertion(id, assertion)
	return nil
}

func (p PrivateKeyJWT) key(ctx context.Context) (SigningKey, error) {
	switch {
	case p.KeyFunc == nil:
		return p.Key, nil
	case p.Key.Signer != nil:
		return p.Key, mistake.New("PrivateKeyJWT.Key and PrivateKeyJWT.KeyFunc are both set; set one")
	}
	key, err := p.KeyFunc(ctx)
	if err != nil {
		return key, &fieldError{"PrivateKeyJWT.KeyFunc", err}
	}
	return key, nil
}

// ClientSecretJWT authenticates with an assertion that the client's secret
// signs by HMAC-SHA-256 (client_secret_jwt, OpenID Connect Core section 9), so
// that the secret itself is never sent. The secret must have at least 32 bytes
// (RFC 7518 section 3.2).
type ClientSecretJWT struct {
	ID string // the client's id, required

	// Exactly one of Secret and SecretFunc is set. SecretFunc is called for
	// every attempt, so a rotated secret needs no restart.
	Secret     Secret
	SecretFunc func(context.Context) (string, error)

	Audience string // empty: Server.Issuer, or TokenURL if that is empty
}

// Authenticate implements [ClientAuth].
func (c ClientSecretJWT) Authenticate(ctx context.Context, r *Request) error {
	id, err := clientID("ClientSecretJWT", c.ID)
	if err != nil {
		return err
	}
	secret, err := r.secret(ctx, "ClientSecretJWT", c.Secret, c.SecretFunc, "the assertion is signed with it")
	if err != nil {
		return err
	}
	if len(secret) < 32 {
		return mistake.New("ClientSecretJWT: the secret is shorter than the 32 bytes that HS256 needs")
	}
	assertion, err := signed(jose.SigningKey{Algorithm: jose.HS256, Key: []byte(secret)}, "", r.clientClaims(id, c.Audience))
	if err != nil {
		return fmt.Errorf("ClientSecretJWT: %w", err)
	}
	r.setAssertion(id, assertion)
	return nil
}

// clientClaims returns the claims of RFC 7523 section 3. The issuer is the
// better audience if it is known: an assertion for a URL that a hostile server
// chose can be used at another server.
func (r *Request) clientClaims(id, audience string) map[string]any {
	for _, other := range []string{r.Server.Issuer, r.Server.TokenURL, r.URL} {
		if audience == "" {
			audience = other
		}
	}
	now := time.Now()
	return map[string]any{
		"iss": id, "sub": id, "aud": audience,
		"jti": rand.Text(), "iat": now.Unix(), "exp": now.Add(assertionLifetime).Unix(),
	}
}

func (r *Request) setAssertion(id, assertion string) {
	r.Params.Set("client_id", id)
	r.Params.Set("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
	r.Params.Set("client_assertion", assertion)
}
