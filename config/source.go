package config

import (
	"context"
	"crypto/tls"
	"net/http"
	"net/url"

	"example.com/bearer"
	"example.com/bearer/grant"
)

// A builder makes the grant of a client.
type builder struct {
	Client
	dir    string // where commands run
	loader *Loader
	tls    *tls.Config // to the authorization server; nil: the default
	proxy  proxy       // the same
	chain  *chain      // nil without one
	extras extras      // what its tokens keep
	lender lender      // nil unless the program may have the client's secret
}

// server returns the authorization server.
func (b *builder) server() grant.Server {
	s := grant.Server{
		Issuer: b.url(b.Issuer), AuthURL: b.url(b.AuthURL), TokenURL: b.url(b.TokenURL),
		RevokeURL: b.url(b.RevokeURL), DeviceAuthURL: b.url(b.DeviceAuthURL),
		InsecureAllowHTTP: is(b.InsecureAllowHTTP, false),
		RefreshURL:        b.url(b.RefreshURL), ScopeSeparator: b.ScopeSeparator, CodeParam: b.CodeParam,
		ReuseGrace: duration(b.ReuseGrace),
	}
	if r := b.TokenRequest; r != nil {
		s.JSON, s.Timeout = r.Body == "json", duration(r.Timeout)
		s.Requests = &grant.RequestDialect{Rename: r.Rename, Query: r.Body == "query", Get: r.Method == "GET", Header: http.Header{}}
		for name, value := range r.Headers {
			s.Requests.Header.Set(name, string(value))
		}
	}
	if a := b.TokenResponse; a != nil {
		s.Answers = grant.AnswerDialect{
			AccessToken: a.AccessToken, RefreshToken: a.RefreshToken, TokenType: a.TokenType, Scope: a.Scope,
			ExpiresIn: a.ExpiresIn, ExpiresAt: a.ExpiresAt,
			Milliseconds: is(a.Milliseconds, false), JWTExpiry: is(a.JWTExpiry, false),
		}
	}
	switch {
	case b.loader.Base != nil:
		s.Transport = b.loader.Base
	case b.mutualTLS() && b.proxy.usual():
		// The transport of grant.TLS has the configuration.
	default:
		if t := network(b.tls, b.proxy); t != nil {
			// Token requests are rare. One that can be spent once must not meet
			// an idle connection that the server is about to close.
			t.DisableKeepAlives = true
			s.Transport = t
		}
	}
	return s
}

// url returns a URL with what connection says in it.
func (b *builder) url(u URL) string {
	filled, _ := connect(string(u), b.Connection)
	return filled
}

func (b *builder) mutualTLS() bool {
	m := b.authMethod()
	return m == "tls_client_auth" || m == "self_signed_tls_client_auth"
}

// auth returns how the client authenticates.
func (b *builder) auth() grant.ClientAuth { return b.authBy(b.authMethod()) }

func (b *builder) authBy(method string) grant.ClientAuth {
	secret, ask := b.secret(b.clientSecret())
	switch method {
	case "client_secret_post":
		return grant.Post{ID: b.ClientID, Secret: secret, SecretFunc: ask}
	case "client_secret_jwt":
		return grant.ClientSecretJWT{ID: b.ClientID, Secret: secret, SecretFunc: ask, Audience: b.AssertionAudience}
	case "private_key_jwt":
		return grant.PrivateKeyJWT{ID: b.ClientID, KeyFunc: b.signingKey, Audience: b.AssertionAudience}
	case "tls_client_auth", "self_signed_tls_client_auth":
		auth := &grant.TLS{ID: b.ClientID}
		if b.loader.Base == nil && b.proxy.usual() {
			auth.Config = b.tls
		}
		return auth
	case "none":
		return grant.None{ID: b.ClientID}
	}
	return grant.Basic{ID: b.ClientID, Secret: secret, SecretFunc: ask, Raw: b.BasicFormat == "raw", SecretOnly: b.BasicFormat == "secret_only"}
}

// secret returns a secret as grant takes it: as it is, or as a func that asks
// for it.
func (b *builder) secret(s secretSource) (grant.Secret, func(context.Context) (string, error)) {
	switch {
	case s.value == "" && s.file == "" && len(s.command) == 0 && b.lender != nil:
		return "", b.lender
	case s.file == "" && len(s.command) == 0:
		return grant.Secret(s.value), nil
	}
	return "", b.from(s).get
}

func (b *builder) signingKey(ctx context.Context) (grant.SigningKey, error) {
	return b.from(b.privateKey()).signingKey(ctx, b.PrivateKeyID, b.SignatureAlgorithm)
}

// source returns the grant at that server.
func (b *builder) source(s grant.Server) bearer.Source {
	params := values(b.EndpointParams)
	// A client without an id has no credentials: what it exchanges is enough.
	auth := b.auth()
	if b.ClientID == "" {
		auth = nil
	}
	switch b.grantType() {
	case "authorization_code":
		return b.authorizationCode(s)
	case "device_code":
		return b.device(s)
	case "jwt_bearer":
		return grant.JWTBearer{
			Server: s, Auth: auth, Assertion: b.assertionFunc(s),
			Scopes: b.Scopes, Audience: b.Audience, Resource: b.Resource, Params: params,
		}
	case "token_exchange":
		x := grant.TokenExchange{
			Server: s, Auth: auth, Subject: b.given(b.subjectToken()), SubjectType: long("token-type", b.SubjectTokenType),
			RequestedType: long("token-type", b.RequestedTokenType),
			Scopes:        b.Scopes, Audience: b.Audience, Resource: b.Resource, Params: params,
		}
		if b.chain != nil {
			x.Subject = b.chain.token
		}
		if b.actorToken().set() {
			x.Actor, x.ActorType = b.given(b.actorToken()), long("token-type", b.ActorTokenType)
		}
		return x
	}
	return grant.ClientCredentials{
		Server: s, Auth: auth, Scopes: b.Scopes, Audience: b.Audience, Resource: b.Resource, Params: params,
	}
}

// refreshAuth returns how the client authenticates with a refresh token, nil if
// as it does otherwise.
func (b *builder) refreshAuth() grant.ClientAuth {
	if b.RefreshAuth == "" {
		return nil
	}
	return b.authBy(b.RefreshAuth)
}

func (b *builder) authorizationCode(s grant.Server) grant.AuthorizationCode {
	if b.IssuerInCall != nil { // else as discovered
		s.IssuerInCallback = *b.IssuerInCall && s.Issuer != ""
	}
	return grant.AuthorizationCode{
		Server: s, ClientID: b.ClientID, Auth: b.auth(), RefreshAuth: b.refreshAuth(), RedirectURL: string(b.RedirectURL),
		Scopes: b.Scopes, Audience: b.Audience, Resource: b.Resource,
		Params:         shown(b.AuthParams),
		ExchangeParams: values(b.EndpointParams, b.ExchangeParams),
		RefreshParams:  values(b.EndpointParams, b.RefreshParams),
		RefreshScopes:  is(b.RefreshScopes, false), NoPKCE: !is(b.PKCE, true),
		Extras: b.extras.answer, CallbackExtras: b.extras.callback,
	}
}

func (b *builder) device(s grant.Server) grant.Device {
	return grant.Device{
		Server: s, ClientID: b.ClientID, Auth: b.auth(), RefreshAuth: b.refreshAuth(), Extras: b.extras.answer,
		Scopes: b.Scopes, Audience: b.Audience, Resource: b.Resource,
		Params: shown(b.AuthParams), RefreshParams: values(b.EndpointParams, b.RefreshParams),
		RefreshScopes: is(b.RefreshScopes, false),
	}
}

// given returns a func that returns a token which the file says where to find.
func (b *builder) given(s secretSource) func(context.Context) (string, error) {
	return b.from(s).get
}

// from returns s as the file of b may use it.
func (b *builder) from(s secretSource) secretSource {
	s.dir, s.confined = b.dir, b.loader.Confined
	return s
}

// assertionFunc returns what makes the assertions of the grant jwt_bearer.
func (b *builder) assertionFunc(s grant.Server) func(context.Context) (string, error) {
	switch {
	case b.chain != nil:
		return b.chain.token
	case b.AssertionJWT == nil:
		return b.given(b.assertion())
	}
	j := grant.JWT{
		Issuer: b.AssertionJWT.Issuer, Subject: b.AssertionJWT.Subject, Audience: b.AssertionJWT.Audience,
		Claims: b.AssertionJWT.Claims,
	}
	if b.AssertionJWT.Lifetime > 0 {
		j.Lifetime = duration(b.AssertionJWT.Lifetime)
	}
	for _, otherwise := range []struct {
		field *string
		value string
	}{
		{&j.Issuer, b.ClientID}, {&j.Audience, s.Issuer}, {&j.Audience, s.TokenURL},
	} {
		if *otherwise.field == "" {
			*otherwise.field = otherwise.value
		}
	}
	return func(ctx context.Context) (string, error) {
		key, err := b.signingKey(ctx)
		if err != nil {
			return "", err
		}
		j := j
		j.Key = key
		return j.Sign(ctx)
	}
}

// values returns parameters; a later map replaces what an earlier one says.
func values(maps ...map[string]Secret) url.Values {
	v := url.Values{}
	for _, m := range maps {
		for name, value := range m {
			v.Set(name, string(value))
		}
	}
	return v
}

func shown(m map[string]string) url.Values {
	v := url.Values{}
	for name, value := range m {
		v.Set(name, value)
	}
	return v
}
