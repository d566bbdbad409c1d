package bearertest

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
)

// Echo is what the API answers, as JSON, to a request with a valid token: the
// request as it arrived, so that a test can see that a body was sent whole.
type Echo struct {
	Method string `json:"method"`
	Path   string `json:"path"`
	Length int64  `json:"length"`         // of the body
	Body   []byte `json:"body,omitempty"` // its first MiB
	Grantee
}

// Grantee says for whom a token was issued, and what it permits.
type Grantee struct {
	ClientID string   `json:"client_id"`
	Subject  string   `json:"sub"`             // a user; without one the client itself
	Scope    string   `json:"scope,omitempty"` // separated by spaces
	Audience []string `json:"aud,omitempty"`   // the resources it is for; empty: not restricted
}

// granteeKey is the context key of Protect.
type granteeKey struct{}

// GranteeFrom returns the Grantee of the request that a handler under
// [Server.Protect] serves, from the request's context. The result is false in
// any other context.
func GranteeFrom(ctx context.Context) (Grantee, bool) {
	g, ok := ctx.Value(granteeKey{}).(Grantee)
	return g, ok
}

// Protect returns a handler that passes requests with a valid token to next
// and answers all others as the API does, without reading their bodies. It
// is an [APIEndpoint] like the built-in one: its requests are delayed, meet
// that endpoint's faults and are counted in the same way. next learns from
// [GranteeFrom] who calls. A nil next is the built-in API, which answers with
// an [Echo].
//
// Serve it from a host of a [Network], or from a net/http/httptest.Server.
func (s *Server) Protect(next http.Handler) http.Handler {
	if next == nil {
		return s.handle(APIEndpoint, s.serveAPI)
	}
	return s.handle(APIEndpoint, func(w http.ResponseWriter, r *http.Request, q request) {
		if g, ok := s.admit(w, r, q.cfg); ok {
			// A clone, since the log keeps r's header and next may write to
			// the one that it gets.
			next.ServeHTTP(w, r.Clone(context.WithValue(r.Context(), granteeKey{}, g)))
		}
	})
}

// serveAPI reads the whole body first, so that a rejection never arrives
// while the client still writes.
func (s *Server) serveAPI(w http.ResponseWriter, r *http.Request, q request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	rest, err2 := io.Copy(io.Discard, r.Body)
	if err != nil || err2 != nil {
		panic(http.ErrAbortHandler) // the client left before the end of its body
	}
	if g, ok := s.admit(w, r, q.cfg); ok {
		writeJSON(w, http.StatusOK, Echo{
			Method: r.Method, Path: r.URL.Path,
			Length: int64(len(body)) + rest, Body: body,
			Grantee: g,
		})
	}
}

// apiToken returns the token of a request to the API (RFC 6750 section 2.1),
// and whether there is one.
func (c *Config) apiToken(r *http.Request) (string, bool) {
	if c.APIHeader != "" && c.APIScheme == "" {
		token := r.Header.Get(c.APIHeader)
		return token, token != ""
	}
	scheme, token, ok := strings.Cut(r.Header.Get(cmp.Or(c.APIHeader, "Authorization")), " ")
	return token, ok && strings.EqualFold(scheme, cmp.Or(c.APIScheme, "Bearer"))
}

// admit counts an API request and returns whose token it has. If the token
// is not sufficient, admit answers the request and returns false.
func (s *Server) admit(w http.ResponseWriter, r *http.Request, cfg *Config) (Grantee, bool) {
	// The test's own functions run without the lock.
	audience, scope := required(cfg.RequiredAudience, r), required(cfg.RequiredScope, r)
	token, sent := cfg.apiToken(r)
	var g Grantee
	s.mu.Lock()
	t := s.state.validAccess(token)
	valid := t != nil && (audience == "" || slices.Contains(t.Audience, audience))
	permitted := valid && within(scope, t.Scope)
	if permitted {
		s.counts.Accepted++
		g = t.Grantee
	} else {
		s.counts.Rejected++
	}
	s.mu.Unlock()
	switch {
	case !valid:
		reject(w, cfg, sent)
	case !permitted:
		rejectScope(w, scope)
	}
	return g, permitted
}

// required returns what a Config function says about r; nil says nothing.
func required(f func(*http.Request) string, r *http.Request) string {
	if f == nil {
		return ""
	}
	return f(r)
}

// reject answers a request without a valid token. One without any token gets
// a challenge without an error code (RFC 6750 section 3.1).
func reject(w http.ResponseWriter, cfg *Config, sent bool) {
	challenge, code := `Bearer realm="bearertest"`, ""
	if sent {
		code = "invalid_token"
		challenge += `, error="invalid_token", error_description="the access token is unknown, expired, revoked or for another audience"`
	}
	if cfg.Challenge != "" {
		challenge = cfg.Challenge
	}
	if challenge != "-" {
		w.Header().Set("WWW-Authenticate", challenge)
	}
	writeJSON(w, cfg.RejectStatus, oauthError{Code: code})
}

// rejectScope answers a request whose token is valid but does not permit it
// (RFC 6750 section 3.1).
func rejectScope(w http.ResponseWriter, scope string) {
	w.Header().Set("WWW-Authenticate", fmt.Sprintf(
		`Bearer realm="bearertest", error="insufficient_scope", error_description="the access token lacks a scope", scope="%s"`, scope))
	writeJSON(w, http.StatusForbidden, oauthError{Code: "insufficient_scope"})
}
