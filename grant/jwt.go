package grant

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/cryptosigner"
	"github.com/go-jose/go-jose/v4/jwt"
)

// assertionLifetime is short, for an assertion is used at once; it covers clocks that differ.
const assertionLifetime = time.Minute

// SigningKey is a private key that signs assertions. It does not show itself when printed.
type SigningKey struct {
	Signer    crypto.Signer `json:"-"` // RSA, ECDSA or Ed25519; may be a hardware key's. Required
	ID        string        // the kid header, by which the server finds the public key; may be empty
	Algorithm string        // empty: RS256, ES256, ES384, ES512 or EdDSA, as the key is
}

// Format is for fmt: the key itself is never printed.
func (k SigningKey) Format(w fmt.State, _ rune) {
	fmt.Fprintf(w, "{Signer:%s ID:%q Algorithm:%q}", redacted, k.ID, k.Algorithm)
}

// JWT describes a signed assertion about a subject, for [JWTBearer]. Each call of Sign makes a new
// one, with a jti and times of its own.
type JWT struct {
	Issuer   string         // iss, required
	Subject  string         // sub: who the token is for; empty: the issuer
	Audience string         // aud: the authorization server, by its issuer or its token URL. Required
	Lifetime time.Duration  // until exp; 0 or less is one minute
	Claims   map[string]any // further claims
	Key      SigningKey     // required
}

// Sign gives a new assertion. It may be called at the same time by any number of goroutines, if
// the key's Sign may.
func (j JWT) Sign(context.Context) (string, error) {
	if j.Issuer == "" || j.Audience == "" {
		return "", errors.New("grant: JWT.Issuer or JWT.Audience is empty; set both")
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
			return "", fmt.Errorf("grant: JWT.Claims has %q, which is set by a field; remove it", name)
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
		return "", errors.New("Key.Signer is nil; set it to the private key")
	}
	// The standard library's keys panic where they are nil pointers or incomplete. What they say
	// then is not repeated: it is about the key.
	defer func() {
		if recover() != nil {
			assertion, err = "", fmt.Errorf("Key.Signer is a nil or broken %T; set it to the private key", k.Signer)
		}
	}()
	opaque := cryptosigner.Opaque(salted{k.Signer})
	algorithms := opaque.Algs()
	if len(algorithms) == 0 {
		return "", errors.New("Key.Signer is of a kind that cannot sign a JWT; use RSA, ECDSA with P-256, P-384 or P-521, or Ed25519")
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

// salted is a key whose PS256 and its like have a salt as long as the hash (RFC 7518 section 3.5).
// go-jose leaves the length to the key, which then makes it as long as it can, and strict servers
// refuse that.
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
