package bearertest

import (
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// maxAssertionLifetime is how far ahead an exp may be. An assertion is used at
// once; RFC 7523 section 3 lets a server refuse one that lives unreasonably
// long, and strict ones allow minutes to an hour.
const maxAssertionLifetime = time.Hour

var (
	publicKeyAlgorithms = []jose.SignatureAlgorithm{
		jose.RS256, jose.RS384, jose.RS512, jose.PS256, jose.PS384, jose.PS512,
		jose.ES256, jose.ES384, jose.ES512, jose.EdDSA,
	}
	secretAlgorithms = []jose.SignatureAlgorithm{jose.HS256, jose.HS384, jose.HS512}
)

// parseAssertion reads a JWT whose signature is still to be verified.
func parseAssertion(assertion string, algorithms []jose.SignatureAlgorithm) (*jwt.JSONWebToken, jwt.Claims, error) {
	token, err := jwt.ParseSigned(assertion, algorithms)
	if err != nil {
		return nil, jwt.Claims{}, err
	}
	var c jwt.Claims
	err = token.UnsafeClaimsWithoutVerification(&c)
	return token, c, err
}

// keyFor returns the registered key that verifies token: the one that its kid
// names, or the only one if it has no kid (RFC 7515 section 4.1.4).
func keyFor(registered any, token *jwt.JSONWebToken) (any, error) {
	var keys []jose.JSONWebKey
	switch k := registered.(type) {
	case jose.JSONWebKey:
		keys = []jose.JSONWebKey{k}
	case *jose.JSONWebKey:
		if k != nil {
			keys = []jose.JSONWebKey{*k}
		}
	case jose.JSONWebKeySet:
		keys = k.Keys
	case *jose.JSONWebKeySet:
		if k != nil {
			keys = k.Keys
		}
	default:
		keys = []jose.JSONWebKey{{Key: k}}
	}
	kid := token.Headers[0].KeyID
	switch {
	case kid == "" && len(keys) == 1:
		return keys[0].Key, nil
	case kid == "":
		return nil, errors.New("kid is required unless exactly one key is registered")
	}
	i := slices.IndexFunc(keys, func(k jose.JSONWebKey) bool { return k.KeyID == kid })
	if i < 0 {
		return nil, errors.New("its kid is not registered")
	}
	return keys[i].Key, nil
}

// verify checks what RFC 7523 section 3 requires: the signature, that the
// assertion is for this server alone and neither expired nor long-lived, and
// that its jti is new. It is called with s.mu held.
func (s *Server) verify(token *jwt.JSONWebToken, registered any, r *http.Request) (jwt.Claims, error) {
	var c jwt.Claims
	key, err := keyFor(registered, token)
	if err != nil {
		return c, err
	}
	if err := token.Claims(key, &c); err != nil {
		return c, errors.New("its signature does not match")
	}
	if c.Issuer == "" || c.Subject == "" || c.Expiry == nil || c.ID == "" {
		return c, errors.New("iss, sub, exp and jti are required")
	}
	// A second audience could present the assertion here in the client's
	// name.
	if len(c.Audience) != 1 {
		return c, errors.New("aud must be one value, the issuer or the token endpoint")
	}
	here := jwt.Audience{s.URL, s.Endpoint(TokenEndpoint), requestURL(r)}
	if err := c.ValidateWithLeeway(jwt.Expected{AnyAudience: here}, 0); err != nil {
		return c, errors.New("wrong aud, exp, nbf or iat")
	}
	from := time.Now()
	if c.IssuedAt != nil {
		from = c.IssuedAt.Time()
	}
	if c.Expiry.Time().Sub(from) > maxAssertionLifetime {
		return c, errors.New("exp is more than an hour ahead")
	}
	id := c.Issuer + "\x00" + c.ID
	if _, replayed := s.state.assertions[id]; replayed {
		return c, errors.New("its jti was used before")
	}
	s.state.assertions[id] = struct{}{}
	return c, nil
}

// requestURL returns the URL that a request was sent to.
func requestURL(r *http.Request) string {
	scheme := "http://"
	if r.TLS != nil {
		scheme = "https://"
	}
	return scheme + r.Host + r.URL.Path
}

// assertedClient returns the client that a client assertion authenticates
// (RFC 7523 section 2.2), and the name of the method. It is called with s.mu
// held.
func (s *Server) assertedClient(r *http.Request, q request) (*Client, string, error) {
	if q.body.get("client_assertion_type") != assertionType {
		return nil, "", errors.New("client_assertion_type must be " + assertionType)
	}
	assertion := q.body.get("client_assertion")
	method := "private_key_jwt"
	token, c, err := parseAssertion(assertion, publicKeyAlgorithms)
	if err != nil {
		method = "client_secret_jwt"
		token, c, err = parseAssertion(assertion, secretAlgorithms)
	}
	if err != nil {
		return nil, "", errors.New("it is not a signed JWT")
	}
	client := q.cfg.client(c.Issuer)
	if client == nil || c.Subject != c.Issuer {
		return nil, "", errors.New("iss and sub must be the client_id")
	}
	registered := any(client.Key)
	if method == "client_secret_jwt" {
		registered = nil // an HMAC made with a public key proves nothing
		if client.Secret != "" {
			registered = []byte(client.Secret)
		}
	}
	if registered == nil {
		return nil, "", errors.New("the client has no key for its algorithm")
	}
	_, err = s.verify(token, registered, r)
	return client, method, err
}

// jwtBearer is RFC 7523 section 2.1: a trusted issuer vouches for a subject.
func jwtBearer(s *Server, q grantRequest) (*tokenAnswer, *oauthError) {
	assertion := q.body.get("assertion")
	if assertion == "" {
		return nil, refuse("invalid_request", "assertion is missing")
	}
	c, err := s.vouched(assertion, q)
	if err != nil {
		return nil, refuse("invalid_grant", "the assertion is not accepted: "+err.Error())
	}
	g := Grantee{ClientID: q.client.ID, Subject: c.Subject, Scope: q.scope, Audience: q.audience}
	return s.access(q.cfg, g, new(family)), nil
}

// vouched verifies an assertion of one of Config.Issuers.
func (s *Server) vouched(assertion string, q grantRequest) (jwt.Claims, error) {
	token, c, err := parseAssertion(assertion, publicKeyAlgorithms)
	if err != nil {
		return c, errors.New("it is not a JWT with a public-key signature")
	}
	registered := q.cfg.Issuers[c.Issuer]
	if registered == nil {
		return c, errors.New("its iss is unknown")
	}
	return s.verify(token, registered, q.r)
}
