package bearertest

import "time"

// refresh is RFC 6749 section 6, with rotation and reuse detection as RFC
// 9700 section 4.14.2 recommends.
func refresh(s *Server, q grantRequest) (*tokenAnswer, *oauthError) {
	token := q.body.get("refresh_token")
	if token == "" {
		return nil, refuse("invalid_request", "refresh_token is missing")
	}
	old := s.state.refresh[token]
	if old == nil || old.ClientID != q.client.ID || !valid(old.family, old.expires) {
		return nil, refuse("invalid_grant", "the refresh token is unknown, expired or revoked")
	}
	if old.spent(q.cfg.ReuseGrace) {
		old.family.revoked = true
		s.counts.ReuseDetected++
		return nil, refuse("invalid_grant", "the refresh token was used before; its family is revoked")
	}
	g, err := q.narrowed(old.Grantee)
	if err != nil {
		return nil, err
	}
	if q.scope != "" {
		if !within(q.scope, g.Scope) {
			return nil, refuse("invalid_scope", "more scope than was granted")
		}
		g.Scope = q.scope
	}
	answer := s.access(q.cfg, g, old.family)
	if !q.cfg.NoRotation {
		if old.rotated.IsZero() {
			old.rotated = time.Now()
		}
		// The new one keeps the scope and the audience that the user
		// granted, not those of this request.
		answer.RefreshToken = s.state.newRefresh(old.Grantee, old.family, q.cfg.RefreshLifetime)
	}
	return answer, nil
}

// spent reports whether using t again is reuse: it was rotated, and the grace
// since then is over.
func (t *refreshToken) spent(grace time.Duration) bool {
	return !t.rotated.IsZero() && !time.Now().Before(t.rotated.Add(grace))
}
