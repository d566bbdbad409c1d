package grant

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"strings"
	"testing"
)

// RFC 7518 section 3.5: the salt is as long as the hash. Go's default is longer,
// and strict servers refuse it.
func TestPSSHasTheSaltOfTheRFC(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	assertion, err := JWT{Issuer: "me", Audience: "you", Key: SigningKey{Signer: key, Algorithm: "PS256"}}.Sign(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	dot := strings.LastIndexByte(assertion, '.')
	hash := sha256.Sum256([]byte(assertion[:dot]))
	signature, err := base64.RawURLEncoding.DecodeString(assertion[dot+1:])
	if err != nil {
		t.Fatal(err)
	}
	strict := &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}
	if err := rsa.VerifyPSS(&key.PublicKey, crypto.SHA256, hash[:], signature, strict); err != nil {
		t.Errorf("PS256 at a strict server: got %v, want a good signature", err)
	}
}
