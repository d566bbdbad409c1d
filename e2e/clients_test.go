package e2e

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"maps"
	"sync"

	"example.com/bearer/grant"

	"github.com/go-jose/go-jose/v4"
)

// The clients that the server knows. The id and the secret of Basic have what
// goes wrong without the form-encoding of RFC 6749 section 2.3.1.
const (
	basicID     = "basic:client/1"
	basicSecret = `a+b c%2Bd&e=f:g/"h"?`
	plainSecret = "a secret of more than thirty-two bytes"
	callbackURL = "http://127.0.0.1/callback" // any port, RFC 8252 section 7.3
)

// keys are those of the client private-key, by algorithm.
var keys = sync.OnceValue(func() map[string]grant.SigningKey {
	ec, err1 := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	rs, err2 := rsa.GenerateKey(rand.Reader, 2048)
	_, ed, err3 := ed25519.GenerateKey(rand.Reader)
	if err := errors.Join(err1, err2, err3); err != nil {
		panic(err)
	}
	return map[string]grant.SigningKey{
		"ES256": {Signer: ec, ID: "ec"},
		"RS256": {Signer: rs, ID: "rs"},
		"EdDSA": {Signer: ed, ID: "ed"},
	}
})

// metadata is a client as RFC 7591 section 2 describes it.
type metadata map[string]any

func clients(cert tls.Certificate) []metadata {
	const deviceCode = "urn:ietf:params:oauth:grant-type:device_code"
	machine := func(id, method string, more metadata) metadata {
		return client(id, method, []string{"client_credentials"}, more)
	}
	user := func(id, method string, more metadata) metadata {
		c := client(id, method, []string{"authorization_code", "refresh_token"}, more)
		c["application_type"] = "native"
		c["redirect_uris"] = []string{callbackURL}
		c["response_types"] = []string{"code"}
		return c
	}
	var public jose.JSONWebKeySet
	for algorithm, key := range keys() {
		public.Keys = append(public.Keys, jose.JSONWebKey{Key: key.Signer.Public(), KeyID: key.ID, Algorithm: algorithm, Use: "sig"})
	}
	shown := jose.JSONWebKeySet{Keys: []jose.JSONWebKey{
		{Key: cert.Leaf.PublicKey, KeyID: "cert", Certificates: []*x509.Certificate{cert.Leaf}, Use: "sig"},
	}}

	return []metadata{
		machine(basicID, "client_secret_basic", metadata{"client_secret": basicSecret}),
		machine("post", "client_secret_post", metadata{"client_secret": plainSecret}),
		machine("secret-jwt", "client_secret_jwt", metadata{"client_secret": plainSecret}),
		machine("private-key", "private_key_jwt", metadata{"jwks": public}),
		machine("certificate", "self_signed_tls_client_auth", metadata{"jwks": shown}),
		machine("wrong", "client_secret_basic", metadata{"client_secret": plainSecret}),
		machine("batch", "client_secret_basic", metadata{"client_secret": plainSecret, "access_token_ttl": 2}),
		user("public", "none", nil),
		user("confidential", "client_secret_basic", metadata{"client_secret": plainSecret}),
		user("rotating", "none", nil),
		user("processes", "client_secret_basic", metadata{"client_secret": plainSecret, "access_token_ttl": 2}),
		client("device", "none", []string{deviceCode, "refresh_token"}, nil),
	}
}

func client(id, method string, grants []string, more metadata) metadata {
	c := metadata{
		"client_id":                  id,
		"token_endpoint_auth_method": method,
		"grant_types":                grants,
		"redirect_uris":              []string{},
		"response_types":             []string{},
	}
	maps.Copy(c, more)
	return c
}
