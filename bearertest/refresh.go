package bearertest

import "strings"

// refresh is RFC 6749 section 6, with rotation and reuse detection as RFC
// 9700 section 4.14.2 asks for.
func refresh(s *Server, q grantRequest) (*tokenAnswer, *oauthError) {
	token := q.body.get("refresh_token")
	if token == "" {
		return nil, refuse("invalid_request", "refresh_token is missing")
	}
	old := s.state.refresh[token]
	if old == nil || old.client != q.client.ID || !good(old.family, old.expires) {
		return nil, refuse("invalid_grant", "the refresh token is unknown, expired or revoked")
	}
	if old.used {
		old.family.revoked = true
		s.counts.ReuseDetected++
		return nil, refuse("invalid_grant", "the refresh token was used before; its family is revoked")
	}
	g := old.grantee
	if q.scope != "" {
		if !within(q.scope, g.scope) {
			return nil, refuse("invalid_scope", "more scope than was granted")
		}
		g.scope = q.scope
	}
	answer := s.access(q.cfg, g, old.family)
	if !q.cfg.NoRotation {
		old.used = true
		// The new one keeps the scope that the user granted, whatever was
		// asked for this time.
		answer.RefreshToken = s.state.newRefresh(old.grantee, old.family, q.cfg.RefreshLifetime)
	}
	return answer, nil
}

// within reports whether all of scope was granted.
func within(scope, granted string) bool {
	list := strings.Fields(granted)
	for _, one := range strings.Fields(scope) {
		if len(list) == 0 || !allows(list, one) {
			return false
		}
	}
	return true
}
