package grant_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"math/big"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"
	"golang.org/x/oauth2"

	"example.com/bearer/bearertest"
	"example.com/bearer/grant"
)

const longSecret = "a-secret-of-more-than-thirty-two-bytes"

// start returns a server in memory, and the same server for a client.
func start(t *testing.T, cfg bearertest.Config) (*bearertest.Server, grant.Server) {
	if cfg.Network == nil && !cfg.TLS {
		cfg.Network = new(bearertest.Network)
	}
	srv := bearertest.Start(t, cfg)
	return srv, grant.Server{
		Issuer:        srv.URL,
		AuthURL:       srv.Endpoint(bearertest.AuthorizeEndpoint),
		TokenURL:      srv.Endpoint(bearertest.TokenEndpoint),
		RevokeURL:     srv.Endpoint(bearertest.RevokeEndpoint),
		DeviceAuthURL: srv.Endpoint(bearertest.DeviceEndpoint),
		Transport:     srv.Transport(),
	}
}

// browse follows the authorization URL as a browser does, and returns the query
// that comes back.
func browse(t *testing.T, srv *bearertest.Server, address string) url.Values {
	t.Helper()
	client := srv.Client()
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	resp, err := client.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	back, err := resp.Location()
	if err != nil {
		t.Fatalf("got %s without a location, want a redirect", resp.Status)
	}
	return back.Query()
}

// login goes through a whole login.
func login(t *testing.T, srv *bearertest.Server, flow grant.AuthorizationCode) (*oauth2.Token, error) {
	t.Helper()
	verifier := oauth2.GenerateVerifier()
	if flow.NoPKCE {
		verifier = ""
	}
	address, err := flow.AuthCodeURL(t.Context(), "the-state", verifier)
	if err != nil {
		t.Fatal(err)
	}
	code, err := flow.Callback(browse(t, srv, address), "the-state")
	if err != nil {
		return nil, err
	}
	return flow.Exchange(t.Context(), code, verifier)
}

func TestAuthorizationCodeAndRefresh(t *testing.T) {
	for _, row := range []struct {
		name   string
		client bearertest.Client
		flow   grant.AuthorizationCode
	}{
		{"public", bearertest.Client{ID: "app"}, grant.AuthorizationCode{ClientID: "app"}},
		{"confidential", bearertest.Client{ID: "app", Secret: "s3cret", RequirePKCE: true}, grant.AuthorizationCode{Auth: grant.Basic{ID: "app", Secret: "s3cret"}}},
		{"without PKCE", bearertest.Client{ID: "app", Secret: "s3cret"}, grant.AuthorizationCode{Auth: grant.Post{ID: "app", Secret: "s3cret"}, NoPKCE: true}},
	} {
		synctest.Test(t, func(t *testing.T) {
			srv, server := start(t, bearertest.Config{Clients: []bearertest.Client{row.client}})
			flow := row.flow
			flow.Server, flow.RedirectURL, flow.Scopes = server, "https://app.test/callback", []string{"a", "b"}
			first, err := login(t, srv, flow)
			if err != nil {
				t.Fatalf("%s: %v", row.name, err)
			}
			if first.Extra("scope") != "a b" || first.RefreshToken == "" {
				t.Errorf("%s: got scope %v, want a b and a refresh token", row.name, first.Extra("scope"))
			}
			token := first
			for range 100 { // each rotation spends the token before
				if token, err = flow.Refresh(t.Context(), token); err != nil {
					t.Fatalf("%s: %v", row.name, err)
				}
			}
			if token.RefreshToken == first.RefreshToken || srv.Counts().ReuseDetected != 0 {
				t.Errorf("%s: got reuse %d, want new refresh tokens and no reuse", row.name, srv.Counts().ReuseDetected)
			}

			_, err = flow.Refresh(t.Context(), first)
			var refusal *grant.Error
			var retrieve *oauth2.RetrieveError
			if !errors.Is(err, grant.ErrLoginRequired) || !errors.As(err, &refusal) || refusal.Code != "invalid_grant" ||
				!errors.As(err, &retrieve) || retrieve.ErrorCode != "invalid_grant" {
				t.Errorf("%s: an old refresh token: got %v, want ErrLoginRequired with invalid_grant", row.name, err)
			}
			if strings.Contains(err.Error(), first.RefreshToken) {
				t.Errorf("%s: got %q, want no token in it", row.name, err)
			}
		})
	}
}

func TestNoUserNoToken(t *testing.T) {
	flow := grant.AuthorizationCode{ClientID: "app"}
	if _, err := flow.Token(t.Context()); !errors.Is(err, grant.ErrLoginRequired) {
		t.Errorf("Token: got %v, want ErrLoginRequired", err)
	}
	for _, prev := range []*oauth2.Token{nil, {AccessToken: "at"}} {
		if _, err := flow.Refresh(t.Context(), prev); !errors.Is(err, grant.ErrLoginRequired) {
			t.Errorf("Refresh without a refresh token: got %v, want ErrLoginRequired", err)
		}
	}
	if _, err := (grant.Device{ClientID: "app"}).Token(t.Context()); !errors.Is(err, grant.ErrLoginRequired) {
		t.Errorf("Device.Token: got %v, want ErrLoginRequired", err)
	}
}

// A refresh answer without refresh_token keeps the old one.
func TestRefreshTokenThatDoesNotRotateIsKept(t *testing.T) {
	srv, server := start(t, bearertest.Config{NoRotation: true})
	_, refresh := srv.Issue("client", "")
	flow := grant.AuthorizationCode{Server: server, Auth: grant.Basic{ID: "client", Secret: "secret"}}
	token := &oauth2.Token{RefreshToken: refresh}
	for range 3 {
		var err error
		if token, err = flow.Refresh(t.Context(), token); err != nil {
			t.Fatal(err)
		}
	}
	if token.RefreshToken != refresh {
		t.Error("refresh token: got another one, want the old one")
	}
}

// G16: the answer to a refresh is lost. The token may have been spent, so it is
// not sent again, and the error says so.
func TestLostRefreshIsNotSentAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv, server := start(t, bearertest.Config{})
		_, refresh := srv.Issue("client", "")
		flow := grant.AuthorizationCode{Server: server, Auth: grant.Basic{ID: "client", Secret: "secret"}}
		srv.Fault(bearertest.TokenEndpoint, bearertest.Fault{Drop: true, Processed: true})
		_, err := flow.Refresh(t.Context(), &oauth2.Token{RefreshToken: refresh})
		if err == nil || !strings.Contains(err.Error(), "was lost after the request had been sent") || !strings.Contains(err.Error(), "refresh token may have been spent") {
			t.Errorf("got %v, want it to say that the answer was lost and the token may be spent", err)
		}
		var retrieve *oauth2.RetrieveError
		if errors.As(err, &retrieve) {
			t.Error("got a RetrieveError, want none: the server refused nothing")
		}
		if c := srv.Counts(); c.TokenRequests() != 1 || c.ReuseDetected != 0 {
			t.Errorf("got %d token requests and reuse %d, want 1 and 0", c.TokenRequests(), c.ReuseDetected)
		}
	})
}

// A declined consent, a foreign callback and one of another server are distinct
// errors.
func TestCallbackErrors(t *testing.T) {
	srv, server := start(t, bearertest.Config{Consent: bearertest.ConsentDeny, Clients: []bearertest.Client{{ID: "app"}}})
	flow := grant.AuthorizationCode{Server: server, ClientID: "app", RedirectURL: "https://app.test/callback"}
	if _, err := login(t, srv, flow); !errors.Is(err, grant.ErrAccessDenied) || !strings.Contains(err.Error(), "the user said no") {
		t.Errorf("declined: got %v, want ErrAccessDenied with the server's words", err)
	}
	flow.Server.IssuerInCallback = true
	for _, row := range []struct {
		query string
		state string
		want  error
		text  string
	}{
		{"code=c&state=other&iss=" + srv.URL, "s", grant.ErrStateMismatch, "start again"},
		{"code=c&iss=" + srv.URL, "s", grant.ErrStateMismatch, ""},
		{"code=c&state=", "", grant.ErrStateMismatch, ""},
		{"error=access_denied&state=other", "s", grant.ErrStateMismatch, ""},
		{"code=c&state=s&iss=https://evil.test", "s", grant.ErrIssuerMismatch, ""},
		{"code=c&state=s", "s", grant.ErrIssuerMismatch, ""},
		{"state=s&iss=" + srv.URL, "s", nil, "neither a code nor an error"},
		{"code=c&code=d&state=s&iss=" + srv.URL, "s", nil, `"code" twice`},
		{"error=server_error&error_description=a%0Ab&state=s&iss=" + srv.URL, "s", nil, `refused: server_error "a b"`},
	} {
		query, _ := url.ParseQuery(row.query)
		code, err := flow.Callback(query, row.state)
		if code != "" || err == nil || row.want != nil && !errors.Is(err, row.want) || !strings.Contains(err.Error(), row.text) {
			t.Errorf("%s: got %q and %v, want %v %s", row.query, code, err, row.want, row.text)
		}
	}
	// With IssuerInCallback the issuer must be known.
	flow.Server.Issuer = ""
	if _, err := flow.Callback(url.Values{"code": {"c"}, "state": {"s"}, "iss": {srv.URL}}, "s"); !errors.Is(err, grant.ErrIssuerMismatch) {
		t.Errorf("IssuerInCallback without Issuer: got %v, want ErrIssuerMismatch", err)
	}
}

// An expired code is ErrCodeExpired.
func TestCodeThatExpired(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv, server := start(t, bearertest.Config{Clients: []bearertest.Client{{ID: "app"}}})
		flow := grant.AuthorizationCode{Server: server, ClientID: "app", RedirectURL: "https://app.test/callback"}
		verifier := oauth2.GenerateVerifier()
		address, _ := flow.AuthCodeURL(t.Context(), "s", verifier)
		code, err := flow.Callback(browse(t, srv, address), "s")
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(61 * time.Second)
		_, err = flow.Exchange(t.Context(), code, verifier)
		if !errors.Is(err, grant.ErrCodeExpired) || !errors.Is(err, grant.ErrLoginRequired) || !strings.Contains(err.Error(), "AuthCodeURL again") {
			t.Errorf("got %v, want ErrCodeExpired and what to do", err)
		}
	})
}

func TestRevoke(t *testing.T) {
	srv, server := start(t, bearertest.Config{})
	access, refresh := srv.Issue("client", "")
	flow := grant.AuthorizationCode{Server: server, Auth: grant.Basic{ID: "client", Secret: "secret"}}
	if err := flow.Revoke(t.Context(), access, "access_token"); err != nil {
		t.Error(err)
	}
	if err := flow.Revoke(t.Context(), "unknown", ""); err != nil {
		t.Errorf("unknown token: got %v, want no error, as RFC 7009 says", err)
	}
	if err := flow.Revoke(t.Context(), refresh, "refresh_token"); err != nil {
		t.Error(err)
	}
	if _, err := flow.Refresh(t.Context(), &oauth2.Token{RefreshToken: refresh}); !errors.Is(err, grant.ErrLoginRequired) {
		t.Errorf("refresh with a revoked token: got %v, want ErrLoginRequired", err)
	}
	last := srv.Requests(bearertest.RevokeEndpoint)[2]
	if last.Form.Get("token_type_hint") != "refresh_token" {
		t.Errorf("hint: got %q, want refresh_token", last.Form.Get("token_type_hint"))
	}

	if err := flow.Revoke(t.Context(), "", ""); err == nil || !strings.Contains(err.Error(), "token is empty") {
		t.Errorf("empty token: got %v, want an error that says so", err)
	}
	flow.Auth = grant.Basic{ID: "client", Secret: "wrong"}
	var refusal *grant.Error
	if err := flow.Revoke(t.Context(), access, ""); !errors.As(err, &refusal) || refusal.Code != "invalid_client" {
		t.Errorf("wrong secret: got %v, want invalid_client", err)
	}
}

// A client revokes its own token with the secret that it used to obtain it.
func TestRevokeOfTheClientsOwnToken(t *testing.T) {
	srv, server := start(t, bearertest.Config{})
	own := grant.ClientCredentials{Server: server, Auth: grant.Basic{ID: "client", Secret: "secret"}}
	token, err := own.Token(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := own.Revoke(t.Context(), token.AccessToken, "access_token"); err != nil {
		t.Error(err)
	}
	if n := srv.Counts().Revoked; n != 1 {
		t.Errorf("got %d tokens revoked, want 1", n)
	}
	own.Auth = nil
	if err := own.Revoke(t.Context(), token.AccessToken, ""); err == nil || !strings.Contains(err.Error(), "Auth is nil") {
		t.Errorf("no Auth: got %v, want an error that names it", err)
	}
}

// Each client authentication is accepted, twice in a row and after a retry. The
// server would refuse a jti that it has seen.
func TestClientAuthentication(t *testing.T) {
	rsaKey, _ := rsa.GenerateKey(rand.Reader, 2048)
	ecKey, _ := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	public, edKey, _ := ed25519.GenerateKey(rand.Reader)
	for _, row := range []struct {
		name   string
		client bearertest.Client
		auth   grant.ClientAuth
	}{
		{"basic", bearertest.Client{ID: "c:ä", Secret: "p+ ä"}, grant.Basic{ID: "c:ä", Secret: "p+ ä"}},
		{"raw basic", bearertest.Client{ID: "c", Secret: "p+%:", RawBasic: true}, grant.Basic{ID: "c", Secret: "p+%:", Raw: true}},
		{"post", bearertest.Client{ID: "c", Secret: "p+ ä"}, grant.Post{ID: "c", Secret: "p+ ä"}},
		{"RS256", bearertest.Client{ID: "c", Key: &rsaKey.PublicKey}, grant.PrivateKeyJWT{ID: "c", Key: grant.SigningKey{Signer: rsaKey}}},
		{"PS384", bearertest.Client{ID: "c", Key: jose.JSONWebKey{Key: &rsaKey.PublicKey, KeyID: "k1"}}, grant.PrivateKeyJWT{ID: "c", Key: grant.SigningKey{Signer: rsaKey, Algorithm: "PS384", ID: "k1"}}},
		{"ES384", bearertest.Client{ID: "c", Key: &ecKey.PublicKey}, grant.PrivateKeyJWT{ID: "c", Key: grant.SigningKey{Signer: ecKey}}},
		{"EdDSA", bearertest.Client{ID: "c", Key: public}, grant.PrivateKeyJWT{ID: "c", Key: grant.SigningKey{Signer: edKey}, Audience: "https://auth.test/token"}},
		{"client_secret_jwt", bearertest.Client{ID: "c", Secret: longSecret}, grant.ClientSecretJWT{ID: "c", Secret: longSecret}},
	} {
		synctest.Test(t, func(t *testing.T) {
			srv, server := start(t, bearertest.Config{JSON: true, Clients: []bearertest.Client{row.client}})
			source := grant.ClientCredentials{Server: server, Auth: row.auth}
			for range 2 {
				srv.Fault(bearertest.TokenEndpoint, bearertest.Fault{Processed: true, Status: 500})
				if _, err := source.Token(t.Context()); err != nil {
					t.Errorf("%s: got %v, want a token", row.name, err)
				}
			}
			server.JSON = true
			if _, err := (grant.ClientCredentials{Server: server, Auth: row.auth}).Token(t.Context()); err != nil {
				t.Errorf("%s in JSON: got %v, want a token", row.name, err)
			}
		})
	}
}

func TestAssertionsThatCannotBeSigned(t *testing.T) {
	small, _ := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	rsaKey, _ := rsa.GenerateKey(rand.Reader, 2048)
	for _, row := range []struct {
		auth grant.ClientAuth
		want string
	}{
		{grant.PrivateKeyJWT{}, "PrivateKeyJWT.ID is empty"},
		{grant.PrivateKeyJWT{ID: "c"}, "PrivateKeyJWT.Key.Signer is nil"},
		{grant.PrivateKeyJWT{ID: "c", Key: grant.SigningKey{Signer: small}}, "PrivateKeyJWT.Key.Signer is of a kind"},
		{grant.PrivateKeyJWT{ID: "c", Key: grant.SigningKey{Signer: rsaKey, Algorithm: "ES256"}}, "PrivateKeyJWT.Key.Signer: the assertion cannot be signed"},
		{grant.PrivateKeyJWT{ID: "c", Key: grant.SigningKey{Signer: (*rsa.PrivateKey)(nil)}}, "PrivateKeyJWT.Key.Signer is a nil or broken *rsa.PrivateKey"},
		{grant.PrivateKeyJWT{ID: "c", Key: grant.SigningKey{Signer: ed25519.PrivateKey(nil)}}, "PrivateKeyJWT.Key.Signer is a nil or broken ed25519.PrivateKey"},
		{grant.PrivateKeyJWT{ID: "c", Key: grant.SigningKey{Signer: &ecdsa.PrivateKey{PublicKey: ecdsa.PublicKey{Curve: elliptic.P256()}}}}, "PrivateKeyJWT.Key.Signer is a nil or broken *ecdsa.PrivateKey"},
		{grant.ClientSecretJWT{ID: "c", Secret: "short"}, "shorter than the 32 bytes"},
		{grant.ClientSecretJWT{ID: "c"}, "ClientSecretJWT.Secret is empty"},
		{(*grant.TLS)(nil), "Auth is a nil *grant.TLS"},
		{&grant.TLS{}, "TLS.ID is empty"},
		{&grant.TLS{ID: "c", Config: &tls.Config{}}, "TLS.Config and Server.Transport"},
	} {
		_, server := start(t, bearertest.Config{})
		_, err := grant.ClientCredentials{Server: server, Auth: row.auth}.Token(t.Context())
		if err == nil || !strings.HasPrefix(err.Error(), "grant: ") || !strings.Contains(err.Error(), row.want) {
			t.Errorf("got %v, want grant: ... %s", err, row.want)
		}
	}
}

func TestMutualTLS(t *testing.T) {
	key, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	certificate, _ := x509.ParseCertificate(der)
	srv, server := start(t, bearertest.Config{TLS: true, Clients: []bearertest.Client{{ID: "c", Certificate: certificate}}})
	roots := srv.Transport().(*http.Transport).TLSClientConfig.RootCAs
	server.Transport = nil
	auth := &grant.TLS{ID: "c", Config: &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}}
	if _, err := (grant.ClientCredentials{Server: server, Auth: auth}).Token(t.Context()); err != nil {
		t.Errorf("with the certificate: got %v, want a token", err)
	}
	exchange := grant.TokenExchange{Server: server, Auth: auth, Subject: func(context.Context) (string, error) {
		access, _ := srv.Issue("c", "")
		return access, nil
	}}
	if _, err := exchange.Token(t.Context()); err != nil {
		t.Errorf("with another grant: got %v, want a token", err)
	}
	withTransport := server
	withTransport.Transport = &http.Transport{TLSClientConfig: auth.Config}
	if _, err := (grant.ClientCredentials{Server: withTransport, Auth: &grant.TLS{ID: "c"}}).Token(t.Context()); err != nil {
		t.Errorf("with a transport that shows the certificate: got %v, want a token", err)
	}
	without := &grant.TLS{ID: "c", Config: &tls.Config{RootCAs: roots}}
	asked := srv.Counts().TokenRequests()
	if _, err := (grant.ClientCredentials{Server: server, Auth: without}).Token(t.Context()); err == nil || !strings.Contains(err.Error(), "TLS.Config has no certificate") || srv.Counts().TokenRequests() != asked {
		t.Errorf("without it: got %v, want an error that says so, and nothing sent", err)
	}
}

func TestJWTBearer(t *testing.T) {
	public, key, _ := ed25519.GenerateKey(rand.Reader)
	synctest.Test(t, func(t *testing.T) {
		srv, server := start(t, bearertest.Config{Issuers: map[string]crypto.PublicKey{"issuer": public}})
		assertion := grant.JWT{Issuer: "issuer", Subject: "service", Audience: srv.URL, Key: grant.SigningKey{Signer: key}}
		source := grant.JWTBearer{Server: server, Auth: grant.Basic{ID: "client", Secret: "secret"}, Assertion: assertion.Sign, Scopes: []string{"a"}}
		srv.Fault(bearertest.TokenEndpoint, bearertest.Fault{Processed: true, Status: 502})
		token, err := source.Token(t.Context()) // the second attempt has a new jti
		if err != nil || token.Extra("scope") != "a" {
			t.Errorf("got %v, want a token with scope a", err)
		}

		for _, row := range []struct {
			assertion func(context.Context) (string, error)
			want      string
		}{
			{nil, "JWTBearer.Assertion is nil"},
			{func(context.Context) (string, error) { return "", nil }, "JWTBearer.Assertion returned an empty token"},
			{func(context.Context) (string, error) { return "", errors.New("no key") }, "JWTBearer.Assertion: no key"},
			{grant.JWT{Audience: "a"}.Sign, "JWT.Issuer or JWT.Audience is empty"},
			{grant.JWT{Issuer: "i", Audience: "a"}.Sign, "JWT.Key.Signer is nil"},
			{grant.JWT{Issuer: "i", Audience: "a", Claims: map[string]any{"exp": 1}}.Sign, `JWT.Claims has "exp"`},
		} {
			source.Assertion = row.assertion
			_, err := source.Token(t.Context())
			if err == nil || !strings.Contains(err.Error(), row.want) || strings.Count(err.Error(), "grant: ") != 1 {
				t.Errorf("got %v, want %s with one prefix", err, row.want)
			}
		}
	})
}

func TestTokenExchange(t *testing.T) {
	srv, server := start(t, bearertest.Config{})
	access, _ := srv.Issue("client", "a b")
	source := grant.TokenExchange{
		Server: server, Auth: grant.Post{ID: "client", Secret: "secret"},
		Subject: func(context.Context) (string, error) { return access, nil },
		Scopes:  []string{"a"}, Audience: "other",
	}
	token, err := source.Token(t.Context())
	if err != nil || token.Type() != "Bearer" || token.Extra("issued_token_type") != "urn:ietf:params:oauth:token-type:access_token" {
		t.Errorf("got %v, want an access token", err)
	}
	source.Actor = source.Subject
	if _, err = source.Token(t.Context()); err != nil {
		t.Errorf("with an actor: got %v, want a token", err)
	}
	form := srv.Requests(bearertest.TokenEndpoint)[1].Form
	if form.Get("actor_token") != access || form.Get("actor_token_type") != form.Get("subject_token_type") {
		t.Errorf("got actor_token_type %q, want an access token's", form.Get("actor_token_type"))
	}

	srv.Fault(bearertest.TokenEndpoint, bearertest.Fault{Processed: true, Members: map[string]any{"token_type": "N_A"}})
	if token, err = source.Token(t.Context()); err != nil || token.TokenType != "N_A" {
		t.Errorf("no access token: got %v, want N_A, as RFC 8693 section 2.2.1 has it", err)
	}
	source.Subject = nil
	if _, err = source.Token(t.Context()); err == nil || !strings.Contains(err.Error(), "TokenExchange.Subject is nil") {
		t.Errorf("no subject: got %v, want the field's name", err)
	}
}

func TestDiscover(t *testing.T) {
	srv, full := start(t, bearertest.Config{})
	got, err := grant.Server{Issuer: srv.URL, Transport: srv.Transport(), RevokeURL: "https://mine.test/revoke"}.Discover(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got.AuthURL != full.AuthURL || got.TokenURL != full.TokenURL || got.DeviceAuthURL != full.DeviceAuthURL || got.RevokeURL != "https://mine.test/revoke" || !got.IssuerInCallback {
		t.Errorf("got %+v, want the server's endpoints, and what was set left alone", got)
	}
	if _, err := (grant.ClientCredentials{Server: got, Auth: grant.Basic{ID: "client", Secret: "secret"}}).Token(t.Context()); err != nil {
		t.Errorf("a token from what was discovered: got %v", err)
	}
}
