package grant

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// RequestDialect is how the requests of a [Server] differ from RFC 6749. It
// holds for all requests but those for metadata, and Rename for the
// authorization URL too. Zero fields change nothing.
type RequestDialect struct {
	// Header has further headers, such as an API key. They count as secrets.
	Header http.Header `json:"-"`

	// Rename maps the RFC's names of parameters to the server's, such as
	// client_id to app_key. An empty name leaves the parameter out.
	Rename map[string]string

	// Query sends the parameters in the URL's query, and no body. Secrets then
	// are in the logs of everything on the path; use it only if the server
	// accepts nothing else.
	Query bool

	// Get sends GET requests. It implies Query.
	Get bool
}

// Format implements [fmt.Formatter]. It shows the names of headers and not their
// values.
func (d RequestDialect) Format(w fmt.State, _ rune) {
	fmt.Fprintf(w, "{Header:%v Rename:%v Query:%t Get:%t}", slices.Sorted(maps.Keys(d.Header)), d.Rename, d.Query, d.Get)
}

// AnswerDialect is how the token answers of a [Server] differ from RFC 6749.
// Its first six fields are paths: names of members with dots between, such as
// authed_user.access_token. Zero fields change nothing.
type AnswerDialect struct {
	AccessToken  string // empty: access_token
	RefreshToken string // empty: refresh_token
	TokenType    string // empty: token_type
	Scope        string // empty: scope
	ExpiresIn    string // empty: expires_in
	ExpiresAt    string // the time of expiry, a Unix time or RFC 3339; empty: there is none

	Milliseconds bool // ExpiresIn and a Unix time have milliseconds, not seconds

	// JWTExpiry takes the exp claim of an access token that is a JWT for its
	// expiry if the answer has no lifetime. The token is not verified: it is
	// the API that must trust it, not the client.
	JWTExpiry bool
}

// requests returns how requests differ.
func (s Server) requests() RequestDialect {
	if s.Requests == nil {
		return RequestDialect{}
	}
	return *s.Requests
}

// onTheWire returns parameters as the server wants them; params itself is
// unchanged, since errors and hints speak of the RFC's names.
func (s Server) onTheWire(params url.Values) url.Values {
	if s.ScopeSeparator == "" && len(s.requests().Rename) == 0 {
		return params
	}
	wire := make(url.Values, len(params))
	for name, values := range params {
		if name == "scope" && s.ScopeSeparator != "" {
			joined := make([]string, len(values))
			for i, scopes := range values {
				joined[i] = strings.ReplaceAll(scopes, " ", s.ScopeSeparator)
			}
			values = joined
		}
		other, renamed := s.requests().Rename[name]
		switch {
		case !renamed:
			other = name
		case other == "":
			continue
		}
		wire[other] = append(wire[other], values...)
	}
	return wire
}

// translate returns the members of an answer under the RFC's names.
func (d AnswerDialect) translate(m members) members {
	paths := map[string]string{
		"access_token": d.AccessToken, "refresh_token": d.RefreshToken, "token_type": d.TokenType,
		"scope": d.Scope, "expires_in": d.ExpiresIn,
	}
	translated := maps.Clone(m)
	for name, path := range paths {
		if path == "" {
			continue
		}
		delete(translated, name) // what is not at the path is absent, whatever else has the name
		if raw := m.at(path); raw != nil {
			translated[name] = raw
		}
	}
	return translated
}

// at returns the member that a path leads to, nil if there is none.
func (m members) at(path string) json.RawMessage {
	if raw, ok := m[path]; ok {
		return raw
	}
	first, rest, deeper := strings.Cut(path, ".")
	if !deeper {
		return nil
	}
	inner, err := object(m[first])
	if err != nil {
		return nil
	}
	return inner.at(rest)
}

// expiry returns when the token expires, zero if that is not known. A lifetime
// that cannot be read is not known either: the answer may hold the only copy of
// a new refresh token, which must not be lost for a word beside it.
func (d AnswerDialect) expiry(m members, access string, sent time.Time) time.Time {
	lifetime, _ := m.lifetime("expires_in")
	if d.Milliseconds {
		lifetime /= 1000
	}
	if lifetime > 0 {
		return sent.Add(lifetime)
	}
	if raw := m.at(d.ExpiresAt); d.ExpiresAt != "" && len(raw) > 0 && string(raw) != "null" {
		return d.time(raw, sent)
	}
	if d.JWTExpiry {
		return jwtExpiry(access, sent)
	}
	return time.Time{}
}

// time parses a time of expiry: a Unix time or RFC 3339. It is zero if it is
// neither.
func (d AnswerDialect) time(raw json.RawMessage, sent time.Time) time.Time {
	text := strings.Trim(string(raw), `" `)
	if at, err := time.Parse(time.RFC3339, text); err == nil {
		return later(sent, at)
	}
	unix, err := strconv.ParseFloat(text, 64)
	if err != nil || strings.Trim(text, "0123456789+-.eE") != "" {
		return time.Time{}
	}
	if d.Milliseconds {
		unix /= 1000
	}
	return unixTime(unix, sent)
}

// unixTime returns the time of that many seconds since 1970. One that is
// farther away than maxLifetime means "for ever".
func unixTime(seconds float64, sent time.Time) time.Time {
	last := sent.Add(maxLifetime)
	if seconds > float64(last.Unix()) {
		return last
	}
	if seconds < 0 {
		seconds = 0
	}
	return later(sent, time.Unix(0, int64(seconds*float64(time.Second))))
}

// later returns at with sent's reading of the monotonic clock, so that a change
// of the wall clock can be noticed.
func later(sent, at time.Time) time.Time { return sent.Add(at.Sub(sent.Round(0))) }

// jwtExpiry returns the exp claim of a JWT (RFC 7519 section 4.1.4), zero if
// token is none or has none.
func jwtExpiry(token string, sent time.Time) time.Time {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return time.Time{}
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return time.Time{}
	}
	var claims struct {
		Expiry float64 `json:"exp"`
	}
	if json.Unmarshal(payload, &claims) != nil || claims.Expiry <= 0 {
		return time.Time{}
	}
	return unixTime(claims.Expiry, sent)
}
