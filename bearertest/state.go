package bearertest

import (
	"crypto/rand"
	"time"
)

// state is every token that the server knows. Server.mu guards it.
type state struct {
	access     map[string]*accessToken
	refresh    map[string]*refreshToken
	codes      map[string]*code
	devices    map[string]*device
	assertions map[string]struct{} // iss and jti of those that were believed
}

func newState() state {
	return state{
		access:     make(map[string]*accessToken),
		refresh:    make(map[string]*refreshToken),
		codes:      make(map[string]*code),
		devices:    make(map[string]*device),
		assertions: make(map[string]struct{}),
	}
}

// grantee is who a token speaks for and what it may.
type grantee struct {
	client  string
	subject string // a user; the client itself without one
	scope   string
}

// family is all the tokens that came of one consent.
type family struct{ revoked bool }

type accessToken struct {
	grantee
	family  *family
	expires time.Time // zero: never
}

type refreshToken struct {
	grantee
	family  *family
	expires time.Time // zero: never
	used    bool      // rotated: using it again is reuse
}

func good(f *family, expires time.Time) bool {
	return !f.revoked && (expires.IsZero() || time.Now().Before(expires))
}

// newAccess makes an access token.
func (st *state) newAccess(g grantee, f *family, lifetime time.Duration) string {
	t := &accessToken{grantee: g, family: f}
	if lifetime > 0 {
		t.expires = time.Now().Add(lifetime)
	}
	token := "at-" + rand.Text()
	st.access[token] = t
	return token
}

// newRefresh makes a refresh token; lifetime 0 means until it is revoked.
func (st *state) newRefresh(g grantee, f *family, lifetime time.Duration) string {
	t := &refreshToken{grantee: g, family: f}
	if lifetime > 0 {
		t.expires = time.Now().Add(lifetime)
	}
	token := "rt-" + rand.Text()
	st.refresh[token] = t
	return token
}

// goodAccess finds an access token that is still good.
func (st *state) goodAccess(token string) *accessToken {
	if t := st.access[token]; t != nil && good(t.family, t.expires) {
		return t
	}
	return nil
}

// revoke ends an access token, or a refresh token with its whole family.
func (st *state) revoke(token string) bool {
	if _, ok := st.access[token]; ok {
		delete(st.access, token)
		return true
	}
	if t := st.refresh[token]; t != nil && !t.family.revoked {
		t.family.revoked = true
		return true
	}
	return false
}

// Revoke ends token: an access token, or a refresh token together with all
// tokens of its family. It reports whether there was something to end.
func (s *Server) Revoke(token string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state.revoke(token)
}

// RevokeAll ends every access and refresh token issued so far.
func (s *Server) RevokeAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.state.access)
	clear(s.state.refresh)
}

// RevokeAccessTokens ends every access token issued so far. Refresh tokens
// stay good.
func (s *Server) RevokeAccessTokens() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.state.access)
}

// Issue makes an access and a refresh token for a client without a grant,
// as if a user had consented; a test may begin with them in its store.
func (s *Server) Issue(clientID, scope string) (access, refresh string) {
	cfg := s.config.Load()
	s.mu.Lock()
	defer s.mu.Unlock()
	g := grantee{client: clientID, subject: user, scope: scope}
	f := new(family)
	s.counts.Issued++
	return s.state.newAccess(g, f, cfg.TokenLifetime), s.state.newRefresh(g, f, cfg.RefreshLifetime)
}
