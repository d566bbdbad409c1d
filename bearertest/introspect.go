package bearertest

import (
	"net/http"
	"time"
)

// introspection is RFC 7662 section 2.2.
type introspection struct {
	Active   bool   `json:"active"`
	ClientID string `json:"client_id,omitempty"`
	Subject  string `json:"sub,omitempty"`
	Scope    string `json:"scope,omitempty"`
	Type     string `json:"token_type,omitempty"`
	Expires  int64  `json:"exp,omitempty"`
}

func (s *Server) serveIntrospect(w http.ResponseWriter, r *http.Request, q request) {
	answer, err := s.introspect(r, q)
	if err != nil {
		err.write(w)
		return
	}
	writeJSON(w, http.StatusOK, answer)
}

func (s *Server) introspect(r *http.Request, q request) (introspection, *oauthError) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := s.authenticate(r, q); err != nil {
		return introspection{}, err
	}
	token := q.body.get("token")
	if t := s.state.goodAccess(token); t != nil {
		return active(t.grantee, t.expires, "Bearer"), nil
	}
	if t := s.state.refresh[token]; t != nil && !t.used && good(t.family, t.expires) {
		return active(t.grantee, t.expires, ""), nil
	}
	return introspection{}, nil
}

func active(g grantee, expires time.Time, kind string) introspection {
	i := introspection{Active: true, ClientID: g.client, Subject: g.subject, Scope: g.scope, Type: kind}
	if !expires.IsZero() {
		i.Expires = expires.Unix()
	}
	return i
}
