package bearertest

import (
	"net/http"
	"time"
)

// grant issues tokens for one grant_type. It is called with Server.mu held.
type grant func(s *Server, q grantRequest) (*tokenAnswer, *oauthError)

// grantRequest is a token request of a client that has been authenticated.
type grantRequest struct {
	request
	r      *http.Request
	client *Client

	scope    string
	audience []string // resources and audiences; empty: none requested
}

var grants = map[string]grant{
	"client_credentials": clientCredentials,
	"authorization_code": authorizationCode,
	"refresh_token":      refresh,
	deviceGrant:          deviceCode,
	jwtBearerGrant:       jwtBearer,
	exchangeGrant:        tokenExchange,
}

const (
	deviceGrant    = "urn:ietf:params:oauth:grant-type:device_code"
	jwtBearerGrant = "urn:ietf:params:oauth:grant-type:jwt-bearer"
	exchangeGrant  = "urn:ietf:params:oauth:grant-type:token-exchange"
)

// tokenAnswer is a successful answer (RFC 6749 section 5.1).
type tokenAnswer struct {
	AccessToken     string `json:"access_token"`
	TokenType       string `json:"token_type"`
	ExpiresIn       *int64 `json:"expires_in,omitempty"`
	RefreshToken    string `json:"refresh_token,omitempty"`
	Scope           string `json:"scope,omitempty"`
	IssuedTokenType string `json:"issued_token_type,omitempty"` // RFC 8693 only
}

// grantType returns the grant_type of a token request.
func grantType(p params, cfg *Config) string {
	if g := p.get("grant_type"); g != "" {
		return g
	}
	return cfg.DefaultGrant
}

func (s *Server) serveToken(w http.ResponseWriter, r *http.Request, q request) {
	answer, err := s.token(r, q)
	if err != nil {
		err.write(w)
		return
	}
	writeJSON(w, http.StatusOK, answer)
}

func (s *Server) token(r *http.Request, q request) (*tokenAnswer, *oauthError) {
	s.mu.Lock()
	defer s.mu.Unlock()
	name := grantType(q.body, q.cfg)
	client, err := s.authenticate(r, q)
	if name == jwtBearerGrant && q.err == nil && anonymous(r, q.body) {
		client, err = new(Client), nil // RFC 7523 section 3.1: optional here
	}
	if err != nil {
		return nil, err
	}
	if name == "" {
		return nil, refuse("invalid_request", "grant_type is missing")
	}
	issue := grants[name]
	if issue == nil {
		return nil, refuse("unsupported_grant_type", "this server has no such grant_type")
	}
	if !allows(client.Grants, name) {
		return nil, refuse("unauthorized_client", "the client may not use this grant_type")
	}
	scope := q.body.get("scope")
	if err := client.checkScope(scope); err != nil {
		return nil, err
	}
	audience, err := q.body.target()
	if err != nil {
		return nil, err
	}
	answer, err := issue(s, grantRequest{q, r, client, scope, audience})
	if err != nil {
		return nil, err
	}
	s.counts.Issued++
	c := s.counts.Grants[name]
	c.Issued++
	s.counts.Grants[name] = c
	return answer, nil
}

// access returns an answer with an access token only.
func (s *Server) access(cfg *Config, g Grantee, f *family) *tokenAnswer {
	a := &tokenAnswer{
		AccessToken: s.state.newAccess(g, f, cfg.TokenLifetime),
		TokenType:   "Bearer",
		Scope:       g.Scope,
	}
	if cfg.TokenLifetime > 0 {
		lifetime := seconds(cfg.TokenLifetime)
		a.ExpiresIn = &lifetime
	}
	return a
}

// seconds rounds down, so that a client does not use a token for too long, but
// not to 0, which would mean that it has expired already.
func seconds(d time.Duration) int64 { return max(1, int64(d/time.Second)) }

// clientCredentials is RFC 6749 section 4.4, which issues no refresh token.
func clientCredentials(s *Server, q grantRequest) (*tokenAnswer, *oauthError) {
	if q.client.public() {
		return nil, refuse("unauthorized_client", "a public client cannot use client_credentials")
	}
	g := Grantee{ClientID: q.client.ID, Subject: q.client.ID, Scope: q.scope, Audience: q.audience}
	return s.access(q.cfg, g, new(family)), nil
}
