package bearertest

import (
	"io"
	"net/http"
	"strings"
)

// Echo is what the API answers, as JSON, to a request with a good token: the
// request as it arrived, so that a test can see that a body was sent whole.
type Echo struct {
	Method   string `json:"method"`
	Path     string `json:"path"`
	Length   int64  `json:"length"`         // of the body
	Body     []byte `json:"body,omitempty"` // its first MiB
	ClientID string `json:"client_id"`
	Subject  string `json:"sub"`
	Scope    string `json:"scope,omitempty"`
}

func (s *Server) serveAPI(w http.ResponseWriter, r *http.Request, q request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	rest, err2 := io.Copy(io.Discard, r.Body)
	if err != nil || err2 != nil {
		panic(http.ErrAbortHandler) // the client left in the middle of it
	}
	token, sent := bearerToken(r)
	holder, ok := s.admit(token)
	if !ok {
		reject(w, q.cfg, sent)
		return
	}
	writeJSON(w, http.StatusOK, Echo{
		Method: r.Method, Path: r.URL.Path,
		Length: int64(len(body)) + rest, Body: body,
		ClientID: holder.client, Subject: holder.subject, Scope: holder.scope,
	})
}

// bearerToken is the token of the Authorization header (RFC 6750 section
// 2.1), and whether there is one.
func bearerToken(r *http.Request) (string, bool) {
	scheme, token, ok := strings.Cut(r.Header.Get("Authorization"), " ")
	return token, ok && strings.EqualFold(scheme, "Bearer")
}

// admit counts an API request, and says who sends it if its token is good.
func (s *Server) admit(token string) (grantee, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.state.goodAccess(token)
	if t == nil {
		s.counts.Rejected++
		return grantee{}, false
	}
	s.counts.Accepted++
	return t.grantee, true
}

// reject is RFC 6750 section 3: no error code for a request without a token.
func reject(w http.ResponseWriter, cfg *Config, sent bool) {
	challenge := cfg.Challenge
	if challenge == "" {
		challenge = `Bearer realm="bearertest"`
		if sent {
			challenge += `, error="invalid_token", error_description="the access token is unknown, expired or revoked"`
		}
	}
	if challenge != "-" {
		w.Header().Set("WWW-Authenticate", challenge)
	}
	code := ""
	if sent {
		code = "invalid_token"
	}
	writeJSON(w, cfg.RejectStatus, oauthError{Code: code})
}
