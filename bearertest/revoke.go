package bearertest

import "net/http"

// serveRevoke is RFC 7009: 200 whether the token was known or not.
func (s *Server) serveRevoke(w http.ResponseWriter, r *http.Request, q request) {
	if err := s.revokeFor(r, q); err != nil {
		err.write(w)
		return
	}
	w.WriteHeader(http.StatusOK)
}

func (s *Server) revokeFor(r *http.Request, q request) *oauthError {
	s.mu.Lock()
	defer s.mu.Unlock()
	client, err := s.authenticate(r, q)
	if err != nil {
		return err
	}
	token := q.body.get("token")
	if token == "" {
		return refuse("invalid_request", "token is missing")
	}
	if s.state.owner(token) != client.ID {
		return nil // unknown or another client's, and which is not told
	}
	if s.state.revoke(token) {
		s.counts.Revoked++
	}
	return nil
}

// owner returns the client that a token was issued to, empty if the token is
// unknown.
func (st *state) owner(token string) string {
	if t := st.access[token]; t != nil {
		return t.ClientID
	}
	if t := st.refresh[token]; t != nil {
		return t.ClientID
	}
	return ""
}
