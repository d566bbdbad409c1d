package bearertest

import (
	"net/http"
	"time"
)

// introspection is RFC 7662 section 2.2.
type introspection struct {
	Active   bool     `json:"active"`
	ClientID string   `json:"client_id,omitempty"`
	Subject  string   `json:"sub,omitempty"`
	Scope    string   `json:"scope,omitempty"`
	Type     string   `json:"token_type,omitempty"`
	Expires  int64    `json:"exp,omitempty"`
	Audience []string `json:"aud,omitempty"`
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
	client, err := s.authenticate(r, q)
	if err != nil {
		return introspection{}, err
	}
	token := q.body.get("token")
	if client.public() && s.state.owner(token) != client.ID {
		// RFC 7662 section 2.1 requires authorization, which a public client
		// lacks. Section 2.2: who may not ask learns only this.
		return introspection{}, nil
	}
	if t := s.state.validAccess(token); t != nil {
		return active(t.Grantee, t.expires, "Bearer"), nil
	}
	if t := s.state.refresh[token]; t != nil && !t.spent(q.cfg.ReuseGrace) && valid(t.family, t.expires) {
		return active(t.Grantee, t.expires, ""), nil
	}
	return introspection{}, nil
}

func active(g Grantee, expires time.Time, kind string) introspection {
	i := introspection{Active: true, ClientID: g.ClientID, Subject: g.Subject, Scope: g.Scope, Audience: g.Audience, Type: kind}
	if !expires.IsZero() {
		i.Expires = expires.Unix()
	}
	return i
}
