package bearertest

import (
	"errors"
	"net/http"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

var (
	publicKeyAlgorithms = []jose.SignatureAlgorithm{
		jose.RS256, jose.RS384, jose.RS512, jose.PS256, jose.PS384, jose.PS512,
		jose.ES256, jose.ES384, jose.ES512, jose.EdDSA,
	}
	secretAlgorithms = []jose.SignatureAlgorithm{jose.HS256, jose.HS384, jose.HS512}
)

// parseAssertion reads a JWT that is not to be believed yet.
func parseAssertion(assertion string, algorithms []jose.SignatureAlgorithm) (*jwt.JSONWebToken, jwt.Claims, error) {
	token, err := jwt.ParseSigned(assertion, algorithms)
	if err != nil {
		return nil, jwt.Claims{}, err
	}
	var c jwt.Claims
	err = token.UnsafeClaimsWithoutVerification(&c)
	return token, c, err
}

// believe checks what RFC 7523 section 3 asks for: the signature, that the
// assertion is for this server and not expired, and that its jti is new. It
// is called with s.mu held.
func (s *Server) believe(token *jwt.JSONWebToken, key any, r *http.Request) (jwt.Claims, error) {
	var c jwt.Claims
	if err := token.Claims(key, &c); err != nil {
		return c, errors.New("the signature does not match")
	}
	if c.Issuer == "" || c.Subject == "" || c.Expiry == nil || c.ID == "" {
		return c, errors.New("iss, sub, exp and jti are needed")
	}
	here := jwt.Audience{s.URL, s.Endpoint(TokenEndpoint), requestURL(r)}
	if err := c.ValidateWithLeeway(jwt.Expected{AnyAudience: here}, 0); err != nil {
		return c, errors.New("wrong aud, exp, nbf or iat")
	}
	id := c.Issuer + "\x00" + c.ID
	if _, replayed := s.state.assertions[id]; replayed {
		return c, errors.New("this jti was used before")
	}
	s.state.assertions[id] = struct{}{}
	return c, nil
}

// requestURL is the URL that a request was sent to.
func requestURL(r *http.Request) string {
	scheme := "http://"
	if r.TLS != nil {
		scheme = "https://"
	}
	return scheme + r.Host + r.URL.Path
}

// assertedClient finds the client that a client assertion speaks for (RFC
// 7523 section 2.2), and the name of the method; nil if it is not believed.
func (s *Server) assertedClient(r *http.Request, q request) (*Client, string) {
	assertion := q.body.get("client_assertion")
	if q.body.get("client_assertion_type") != assertionType {
		return nil, ""
	}
	method := "private_key_jwt"
	token, c, err := parseAssertion(assertion, publicKeyAlgorithms)
	if err != nil {
		method = "client_secret_jwt"
		token, c, err = parseAssertion(assertion, secretAlgorithms)
	}
	if err != nil || c.Issuer != c.Subject {
		return nil, ""
	}
	client := q.cfg.client(c.Issuer)
	if client == nil {
		return nil, ""
	}
	var key any = client.Key
	if method == "client_secret_jwt" && client.Secret != "" {
		key = []byte(client.Secret)
	}
	if key == nil {
		return nil, ""
	}
	if _, err := s.believe(token, key, r); err != nil {
		return nil, ""
	}
	return client, method
}

// jwtBearer is RFC 7523 section 2.1: somebody we trust vouches for a subject.
func jwtBearer(s *Server, q grantRequest) (*tokenAnswer, *oauthError) {
	assertion := q.body.get("assertion")
	if assertion == "" {
		return nil, refuse("invalid_request", "assertion is missing")
	}
	c, err := s.vouched(assertion, q)
	if err != nil {
		return nil, refuse("invalid_grant", "the assertion is not accepted: "+err.Error())
	}
	return s.access(q.cfg, grantee{client: q.client.ID, subject: c.Subject, scope: q.scope}, new(family)), nil
}

// vouched believes an assertion of one of Config.Issuers.
func (s *Server) vouched(assertion string, q grantRequest) (jwt.Claims, error) {
	token, c, err := parseAssertion(assertion, publicKeyAlgorithms)
	if err != nil {
		return c, errors.New("it is no JWT with a public-key signature")
	}
	key := q.cfg.Issuers[c.Issuer]
	if key == nil {
		return c, errors.New("its iss is unknown")
	}
	return s.believe(token, key, q.r)
}
