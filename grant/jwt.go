package grant

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"io"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/cryptosigner"
	"github.com/go-jose/go-jose/v4/jwt"

	"example.com/bearer/internal/mistake"
)

// assertionLifetime is short, since an assertion is used at once. It allows for
// clocks that differ.
const assertionLifetime = time.Minute

// SigningKey is a private key that signs assertions. When printed, it does not
// show the key.
type SigningKey struct {
	Signer    crypto.Signer `json:"-"` // RSA, ECDSA or Ed25519; required
	ID        string        // the kid header, if the server wants one
	Algorithm string        // empty: RS256, ES256/384/512 or EdDSA, by the key
}

// Format implements [fmt.Formatter]. It never prints the key.
func (k SigningKey) Format(w fmt.State, _ rune) {
	fmt.Fprintf(w, "{Signer:%s ID:%q Algorithm:%q}", redacted, k.ID, k.Algorithm)
}

// JWT describes a signed assertion about a subject, for [JWTBearer].
type JWT struct {
	Issuer   string         // iss, required
	Subject  string         // sub, whom the token is for; empty: Issuer
	Audience string         // aud, the server's issuer or token URL; required
	Lifetime time.Duration  // until exp; 0 or less means one minute
	Claims   map[string]any // further claims
	Key      SigningKey     // required
}

// Sign returns a new assertion, with its own jti and times. It is safe for
// concurrent use if the key's Sign method is.
func (j JWT) Sign(context.Context) (string, error) {
	if j.Issuer == "" || j.Audience == "" {
		return "", mistake.New("grant: JWT.Issuer or JWT.Audience is empty; set both")
	}
	if j.Subject == "" {
		j.Subject = j.Issuer
	}
	if j.Lifetime <= 0 {
		j.Lifetime = assertionLifetime
	}
	now := time.Now()
	claims := map[string]any{
		"iss": j.Issuer, "sub": j.Subject, "aud": j.Audience,
		"jti": rand.Text(), "iat": now.Unix(), "exp": now.Add(j.Lifetime).Unix(),
	}
	for name, value := range j.Claims {
		if _, twice := claims[name]; twice {
			return "", mistake.Errorf("grant: JWT.Claims has %q, which is set by a field; remove it", name)
		}
		claims[name] = value
	}
	assertion, err := j.Key.sign(claims)
	if err != nil {
		return "", fmt.Errorf("grant: JWT.%w", err)
	}
	return assertion, nil
}

func (k SigningKey) sign(claims map[string]any) (assertion string, err error) {
	if k.Signer == nil {
		return "", mistake.New("Key.Signer is nil; set it to the private key")
	}
	// The standard library's keys panic if they are nil or incomplete. What
	// they say then is not repeated: it may be about the key.
	defer func() {
		if recover() != nil {
			assertion, err = "", mistake.Errorf("Key.Signer is a nil or broken %T; set it to the private key", k.Signer)
		}
	}()
	opaque := cryptosigner.Opaque(salted{k.Signer})
	algorithms := opaque.Algs()
	if len(algorithms) == 0 {
		return "", mistake.New("Key.Signer is of a kind that cannot sign a JWT; use RSA, ECDSA with P-256, P-384 or P-521, or Ed25519")
	}
	algorithm := jose.SignatureAlgorithm(k.Algorithm)
	if algorithm == "" {
		algorithm = algorithms[0]
	}
	token, err := signed(jose.SigningKey{Algorithm: algorithm, Key: opaque}, k.ID, claims)
	if err != nil {
		return "", fmt.Errorf("Key.Signer: %w", err)
	}
	return token, nil
}

// salted is a key whose PSS salt is as long as the hash (RFC 7518 section 3.5).
// go-jose leaves the length to the key, which takes the longest salt, and
// strict servers refuse that.
type salted struct{ crypto.Signer }

func (s salted) Sign(random io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	if pss, ok := opts.(*rsa.PSSOptions); ok {
		opts = &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: pss.Hash}
	}
	return s.Signer.Sign(random, digest, opts)
}

func signed(key jose.SigningKey, id string, claims map[string]any) (string, error) {
	options := (&jose.SignerOptions{}).WithType("JWT")
	if id != "" {
		options = options.WithHeader("kid", id)
	}
	signer, err := jose.NewSigner(key, options)
	if err != nil {
		return "", fmt.Errorf("the assertion cannot be signed: %w", err)
	}
	token, err := jwt.Signed(signer).Claims(claims).Serialize()
	if err != nil {
		return "", fmt.Errorf("the assertion cannot be signed: %w", err)
	}
	return token, nil
}
