package bearertest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

var longSecret = "0123456789abcdef0123456789abcdef"

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func sign(t *testing.T, alg jose.SignatureAlgorithm, key any, c jwt.Claims) string {
	t.Helper()
	return signWith(t, alg, key, "", c)
}

// signWith is sign with a kid, none if it is empty.
func signWith(t *testing.T, alg jose.SignatureAlgorithm, key any, kid string, c jwt.Claims) string {
	t.Helper()
	options := new(jose.SignerOptions)
	if kid != "" {
		options = options.WithHeader("kid", kid)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, options)
	if err != nil {
		t.Fatal(err)
	}
	text, err := jwt.Signed(signer).Claims(c).Serialize()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// claims returns claims of the client that s accepts.
func claims(s *Server) jwt.Claims {
	return jwt.Claims{
		Issuer: "client", Subject: "client", ID: rand.Text(),
		Audience: jwt.Audience{s.Endpoint(TokenEndpoint)},
		Expiry:   jwt.NewNumericDate(time.Now().Add(time.Minute)),
	}
}

func withAssertion(t *testing.T, s *Server, assertion string, more ...string) reply {
	t.Helper()
	return mustDo(t, s, form(t, s, TokenEndpoint, append(more, "grant_type", "client_credentials",
		"client_assertion_type", assertionType, "client_assertion", assertion)...))
}

func TestPrivateKeyJWT(t *testing.T) {
	key := newKey(t)
	cfg := Config{Clients: []Client{{ID: "client", Key: key.Public()}}}
	for name, row := range map[string]struct {
		change func(*jwt.Claims)
		want   string
	}{
		"good":           {func(*jwt.Claims) {}, ""},
		"issuer as aud":  {func(c *jwt.Claims) { c.Audience = jwt.Audience{c.Audience[0][:len(c.Audience[0])-len("/token")]} }, ""},
		"other aud":      {func(c *jwt.Claims) { c.Audience = jwt.Audience{"https://other.test"} }, "invalid_client"},
		"no aud":         {func(c *jwt.Claims) { c.Audience = nil }, "invalid_client"},
		"no jti":         {func(c *jwt.Claims) { c.ID = "" }, "invalid_client"},
		"no exp":         {func(c *jwt.Claims) { c.Expiry = nil }, "invalid_client"},
		"expired":        {func(c *jwt.Claims) { c.Expiry = jwt.NewNumericDate(time.Now().Add(-time.Minute)) }, "invalid_client"},
		"not yet":        {func(c *jwt.Claims) { c.NotBefore = jwt.NewNumericDate(time.Now().Add(time.Minute)) }, "invalid_client"},
		"an hour":        {func(c *jwt.Claims) { c.Expiry = jwt.NewNumericDate(time.Now().Add(time.Hour)) }, ""},
		"over an hour":   {func(c *jwt.Claims) { c.Expiry = jwt.NewNumericDate(time.Now().Add(time.Hour + 2*time.Second)) }, "invalid_client"},
		"a year":         {func(c *jwt.Claims) { c.Expiry = jwt.NewNumericDate(time.Now().AddDate(1, 0, 0)) }, "invalid_client"},
		"a year old":     {func(c *jwt.Claims) { c.IssuedAt = jwt.NewNumericDate(time.Now().AddDate(-1, 0, 0)) }, "invalid_client"},
		"two audiences":  {func(c *jwt.Claims) { c.Audience = append(c.Audience, "https://other.test") }, "invalid_client"},
		"same aud twice": {func(c *jwt.Claims) { c.Audience = append(c.Audience, c.Audience[0]) }, "invalid_client"},
		"other subject":  {func(c *jwt.Claims) { c.Subject = "x" }, "invalid_client"},
		"other client":   {func(c *jwt.Claims) { c.Issuer, c.Subject = "x", "x" }, "invalid_client"},
	} {
		t.Run(name, func(t *testing.T) {
			everywhere(t, cfg, func(t *testing.T, s *Server) {
				c := claims(s)
				row.change(&c)
				if got := withAssertion(t, s, sign(t, jose.ES256, key, c)).text(t, "error"); got != row.want {
					t.Errorf("got error %q, want %q", got, row.want)
				}
			})
		})
	}
	inMemory(t, cfg, func(t *testing.T, s *Server) {
		assertion := sign(t, jose.ES256, key, claims(s))
		wantStatus(t, withAssertion(t, s, assertion, "client_id", "client"), 200)
		wantStatus(t, withAssertion(t, s, assertion), 401) // its jti is used
		wantStatus(t, withAssertion(t, s, sign(t, jose.ES256, newKey(t), claims(s))), 401)
		wantStatus(t, withAssertion(t, s, sign(t, jose.ES256, key, claims(s)), "client_id", "other"), 401)
		wantStatus(t, withAssertion(t, s, sign(t, jose.ES256, key, claims(s)), "client_secret", "x"), 400)
		wantStatus(t, withAssertion(t, s, "garbage"), 401)
	})
}

// RFC 7515 section 4.1.4: the kid says which of the registered keys to use. An
// assertion with an unknown kid is refused.
func TestAssertionsByKeyID(t *testing.T) {
	one, two := newKey(t), newKey(t)
	named := func(key *ecdsa.PrivateKey, id string) jose.JSONWebKey {
		return jose.JSONWebKey{Key: key.Public(), KeyID: id}
	}
	set := jose.JSONWebKeySet{Keys: []jose.JSONWebKey{named(one, "one"), named(two, "two")}}
	for name, row := range map[string]struct {
		registered crypto.PublicKey
		signer     *ecdsa.PrivateKey
		kid        string
		want       string
	}{
		"no names":            {one.Public(), one, "", ""},
		"unknown to a key":    {one.Public(), one, "one", "invalid_client"},
		"named":               {named(one, "one"), one, "one", ""},
		"named, by pointer":   {func() any { k := named(one, "one"); return &k }(), one, "one", ""},
		"unknown to a name":   {named(one, "one"), one, "two", "invalid_client"},
		"name left out":       {named(one, "one"), one, "", ""},
		"in a set":            {set, two, "two", ""},
		"in a set by pointer": {&set, one, "one", ""},
		"another of the set":  {set, two, "one", "invalid_client"},
		"unknown to a set":    {set, two, "three", "invalid_client"},
		"set, name left out":  {set, one, "", "invalid_client"},
		"set of one":          {jose.JSONWebKeySet{Keys: set.Keys[:1]}, one, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			inMemory(t, Config{
				Clients: []Client{{ID: "client", Key: row.registered}},
				Issuers: map[string]crypto.PublicKey{"client": row.registered},
			}, func(t *testing.T, s *Server) {
				r := withAssertion(t, s, signWith(t, jose.ES256, row.signer, row.kid, claims(s)))
				if got := r.text(t, "error"); got != row.want {
					t.Errorf("client assertion: got %s, want error %q", r.body, row.want)
				}
				want := strings.ReplaceAll(row.want, "client", "grant")
				r = mustDo(t, s, form(t, s, TokenEndpoint, "grant_type", jwtBearerGrant, "assertion", signWith(t, jose.ES256, row.signer, row.kid, claims(s))))
				if got := r.text(t, "error"); got != want {
					t.Errorf("JWT bearer grant: got %s, want error %q", r.body, want)
				}
			})
		})
	}
}

func TestClientSecretJWT(t *testing.T) {
	cfg := Config{Clients: []Client{
		{ID: "client", Secret: longSecret},
		{ID: "keyed", Key: newKey(t).Public()},
	}}
	everywhere(t, cfg, func(t *testing.T, s *Server) {
		wantStatus(t, withAssertion(t, s, sign(t, jose.HS256, []byte(longSecret), claims(s))), 200)
		wantStatus(t, withAssertion(t, s, sign(t, jose.HS256, []byte(longSecret+"x"), claims(s))), 401)
		c := claims(s)
		c.Issuer, c.Subject = "keyed", "keyed"
		wantStatus(t, withAssertion(t, s, sign(t, jose.HS256, []byte(longSecret), c)), 401)
		s.Update(func(c *Config) { c.Clients[0].Auth = []string{"private_key_jwt"} })
		wantStatus(t, withAssertion(t, s, sign(t, jose.HS256, []byte(longSecret), claims(s))), 401)
	})
}

func TestJWTBearerGrant(t *testing.T) {
	key := newKey(t)
	cfg := Config{Issuers: map[string]crypto.PublicKey{"idp": key.Public()}}
	everywhere(t, cfg, func(t *testing.T, s *Server) {
		c := claims(s)
		c.Issuer, c.Subject = "idp", "bob"
		assertion := sign(t, jose.ES256, key, c)
		ask := func(assertion string) reply {
			return mustDo(t, s, asClient(t, s, TokenEndpoint, "grant_type", jwtBearerGrant, "assertion", assertion, "scope", "read"))
		}
		r := ask(assertion)
		wantStatus(t, r, 200)
		if got := call(t, s, r.text(t, "access_token")).text(t, "sub"); got != "bob" {
			t.Errorf("got subject %q, want bob", got)
		}
		for name, bad := range map[string]string{"replayed": assertion, "garbage": "x", "unknown issuer": sign(t, jose.ES256, key, claims(s))} {
			if got := ask(bad).text(t, "error"); got != "invalid_grant" {
				t.Errorf("%s: got error %q, want invalid_grant", name, got)
			}
		}
		if got := ask("").text(t, "error"); got != "invalid_request" {
			t.Errorf("none: got error %q, want invalid_request", got)
		}
		c.ID = rand.Text() // without any client: RFC 7523 section 3.1
		wantStatus(t, mustDo(t, s, form(t, s, TokenEndpoint, "grant_type", jwtBearerGrant, "assertion", sign(t, jose.ES256, key, c))), 200)
	})
}

func TestTokenExchange(t *testing.T) {
	key := newKey(t)
	cfg := Config{Issuers: map[string]crypto.PublicKey{"idp": key.Public()}}
	everywhere(t, cfg, func(t *testing.T, s *Server) {
		subject, _ := s.Issue("client", "read write")
		ask := func(pairs ...string) reply {
			return mustDo(t, s, asClient(t, s, TokenEndpoint, append(pairs, "grant_type", exchangeGrant, "audience", "a", "audience", "b")...))
		}
		r := ask("subject_token", subject, "subject_token_type", accessTokenType, "scope", "read")
		wantStatus(t, r, 200)
		if r.text(t, "issued_token_type") != accessTokenType || r.text(t, "scope") != "read" {
			t.Errorf("got %s", r.body)
		}
		if got := call(t, s, r.text(t, "access_token")).text(t, "sub"); got != "alice" {
			t.Errorf("got subject %q, want alice", got)
		}
		c := claims(s)
		c.Issuer, c.Subject = "idp", "bob"
		wantStatus(t, ask("subject_token", sign(t, jose.ES256, key, c), "subject_token_type", jwtType,
			"actor_token", subject, "actor_token_type", accessTokenType), 200)
		for name, row := range map[string]struct {
			pairs []string
			want  string
		}{
			"none":       {nil, "invalid_request"},
			"no type":    {[]string{"subject_token", subject}, "invalid_request"},
			"unknown":    {[]string{"subject_token", "x", "subject_token_type", accessTokenType}, "invalid_request"},
			"more scope": {[]string{"subject_token", subject, "subject_token_type", accessTokenType, "scope", "admin"}, "invalid_scope"},
			"bad actor":  {[]string{"subject_token", subject, "subject_token_type", accessTokenType, "actor_token", "x"}, "invalid_request"},
			"other type": {[]string{"subject_token", subject, "subject_token_type", accessTokenType, "requested_token_type", jwtType}, "invalid_request"},
		} {
			if got := ask(row.pairs...).text(t, "error"); got != row.want {
				t.Errorf("%s: got error %q, want %q", name, got, row.want)
			}
		}
	})
}

func TestMutualTLS(t *testing.T) {
	key := newKey(t)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	s := Start(t, Config{TLS: true, Clients: []Client{{ID: "client", Certificate: cert}}})
	ask := func() int {
		return mustDo(t, s, form(t, s, TokenEndpoint, "grant_type", "client_credentials", "client_id", "client")).status
	}
	if got := ask(); got != 401 {
		t.Errorf("without the certificate: got %d, want 401", got)
	}
	own := s.Transport().(*http.Transport)
	own.CloseIdleConnections()
	own.TLSClientConfig.Certificates = []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}
	if got := ask(); got != 200 {
		t.Errorf("with the certificate: got %d, want 200", got)
	}
}
