package bearertest

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"time"
)

// code is an authorization code: valid once, and for a short time.
type code struct {
	Grantee
	redirectURI string
	challenge   string
	expires     time.Time
	family      *family // of the tokens that were issued for it; nil: not used yet
}

func (s *Server) newCode(a *authorization, user string, cfg *Config) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	text := "code-" + rand.Text()
	s.state.codes[text] = &code{
		Grantee:     Grantee{ClientID: a.client.ID, Subject: user, Scope: a.scope, Audience: a.audience},
		redirectURI: a.redirectURI,
		challenge:   a.challenge,
		expires:     time.Now().Add(cfg.CodeLifetime),
	}
	return text
}

// authorizationCode is RFC 6749 section 4.1.3, with PKCE (RFC 7636).
func authorizationCode(s *Server, q grantRequest) (*tokenAnswer, *oauthError) {
	text := q.body.get("code")
	if text == "" {
		return nil, refuse("invalid_request", "code is missing")
	}
	c := s.state.codes[text]
	if c == nil || c.ClientID != q.client.ID {
		return nil, refuse("invalid_grant", "the code is unknown")
	}
	if c.family != nil {
		c.family.revoked = true // RFC 6749 section 4.1.2: it may be stolen
		return nil, refuse("invalid_grant", "the code was used before; its tokens are revoked")
	}
	if !time.Now().Before(c.expires) {
		return nil, refuse("invalid_grant", "the code has expired")
	}
	if q.body.get("redirect_uri") != c.redirectURI {
		return nil, refuse("invalid_grant", "redirect_uri is not the one of the authorization request")
	}
	if err := c.proof(q.body.get("code_verifier")); err != nil {
		return nil, err
	}
	f := new(family)
	answer, err := s.consented(q, c.Grantee, f)
	if err == nil {
		c.family = f
	}
	return answer, err
}

// proof is RFC 7636 section 4.6.
func (c *code) proof(verifier string) *oauthError {
	switch sum := sha256.Sum256([]byte(verifier)); {
	case c.challenge == "" && verifier == "":
		return nil
	case c.challenge == "":
		return refuse("invalid_grant", "code_verifier without a code_challenge")
	case len(verifier) < 43 || len(verifier) > 128:
		return refuse("invalid_grant", "code_verifier must have 43 to 128 characters")
	case base64.RawURLEncoding.EncodeToString(sum[:]) != c.challenge:
		return refuse("invalid_grant", "code_verifier does not match")
	}
	return nil
}

// consented answers where a user has consented: with a refresh token too, if
// the client may use one. That one is for all that the user granted, even if
// this request is for less.
func (s *Server) consented(q grantRequest, granted Grantee, f *family) (*tokenAnswer, *oauthError) {
	g, err := q.narrowed(granted)
	if err != nil {
		return nil, err
	}
	answer := s.access(q.cfg, g, f)
	if allows(q.client.Grants, "refresh_token") {
		answer.RefreshToken = s.state.newRefresh(granted, f, q.cfg.RefreshLifetime)
	}
	return answer, nil
}
