package bearertest

import (
	"crypto/rand"
	"slices"
	"time"
)

// state is every token that the server knows. Server.mu guards it.
type state struct {
	access     map[string]*accessToken
	refresh    map[string]*refreshToken
	codes      map[string]*code
	devices    map[string]*device
	assertions map[string]struct{} // iss and jti of those that were accepted
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

// family is all tokens that stem from one consent.
type family struct{ revoked bool }

type accessToken struct {
	Grantee
	family  *family
	expires time.Time // zero: never
}

type refreshToken struct {
	Grantee
	family  *family
	expires time.Time // zero: never
	rotated time.Time // its first use; zero: not used, or Config.NoRotation
}

// valid reports whether a token is neither expired nor revoked.
func valid(f *family, expires time.Time) bool {
	return !f.revoked && (expires.IsZero() || time.Now().Before(expires))
}

// newAccess makes an access token; a lifetime of 0 or less means forever.
func (st *state) newAccess(g Grantee, f *family, lifetime time.Duration) string {
	t := &accessToken{Grantee: g, family: f}
	if lifetime > 0 {
		t.expires = time.Now().Add(lifetime)
	}
	token := "at-" + rand.Text()
	st.access[token] = t
	return token
}

// newRefresh makes a refresh token; a lifetime of 0 or less means until it is
// revoked.
func (st *state) newRefresh(g Grantee, f *family, lifetime time.Duration) string {
	t := &refreshToken{Grantee: g, family: f}
	if lifetime > 0 {
		t.expires = time.Now().Add(lifetime)
	}
	token := "rt-" + rand.Text()
	st.refresh[token] = t
	return token
}

// validAccess returns an access token that is valid, otherwise nil.
func (st *state) validAccess(token string) *accessToken {
	if t := st.access[token]; t != nil && valid(t.family, t.expires) {
		return t
	}
	return nil
}

// revoke revokes an access token, or a refresh token with its whole family.
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

// Revoke revokes token: an access token, or a refresh token together with all
// tokens of its family. It reports whether there was something to revoke.
func (s *Server) Revoke(token string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state.revoke(token)
}

// RevokeAll revokes every access and refresh token issued so far.
func (s *Server) RevokeAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.state.access)
	clear(s.state.refresh)
}

// RevokeAccessTokens revokes every access token issued so far. Refresh tokens
// stay valid.
func (s *Server) RevokeAccessTokens() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.state.access)
}

// Issue makes an access and a refresh token for a client without a grant, as
// if the first of Config.Users had consented. A test may start with them in
// its store.
func (s *Server) Issue(clientID, scope string) (access, refresh string) {
	return s.IssueFor(Grantee{ClientID: clientID, Scope: scope})
}

// IssueFor is [Server.Issue] for any user, scope and audience; none of them
// is checked. An empty Subject means the first of Config.Users.
func (s *Server) IssueFor(g Grantee) (access, refresh string) {
	cfg := s.config.Load()
	if g.Subject == "" {
		g.Subject = cfg.user("")
	}
	g.Audience = slices.Clone(g.Audience)
	s.mu.Lock()
	defer s.mu.Unlock()
	f := new(family)
	s.counts.Issued++
	return s.state.newAccess(g, f, cfg.TokenLifetime), s.state.newRefresh(g, f, cfg.RefreshLifetime)
}
