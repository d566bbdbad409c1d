package grant

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"golang.org/x/oauth2"

	"example.com/bearer/internal/oauthcode"
	"example.com/bearer/internal/retryafter"
)

const (
	maxText = 300 // bytes of a server's text in an error: room for a sentence, not for a page
	maxCode = 64
)

// refusal returns the error that the answer is, nil if it is none: a status
// other than 2xx, or an error code, which some servers send with 200.
func (a *answer) refusal() *Error {
	m, problem := a.members()
	code, _ := m.text("error")
	if code == "" && a.status/100 == 2 {
		return nil
	}
	e := a.error("")
	e.Code = code
	if !oauthcode.Permanent(code) && !oauthcode.Transient(code) { // those are shown in any case
		e.Code = a.quote(code, maxCode)
	}
	description, _ := m.text("error_description")
	e.Description = a.quote(description, maxText)
	uri, _ := m.text("error_uri")
	e.URI = a.quote(uri, maxText)
	if after, ok := retryafter.Parse(a.header, time.Now()); ok {
		e.RetryAfter = after
	}
	switch {
	case a.status/100 == 3:
		e.problem = "it redirects" + a.target() + "; redirects are not followed, as they would take secrets along"
	case code == "" && problem != nil && len(a.body) > 0:
		e.problem = problem.Error() + " where an OAuth error was expected"
	}
	switch {
	case e.Code == "invalid_client":
		e.hint = a.clientHint()
	case code == "" && !e.Temporary():
		e.hint = "there is no such endpoint; check the URL"
	}
	return e
}

// clientHint returns what to check when the server does not accept the client.
// It names what was sent, as that is what servers leave out.
func (a *answer) clientHint() string {
	switch {
	case mutualTLS(a.auth) != nil:
		return "grant.TLS was used; check its ID, and that the server knows the certificate"
	case a.Params.Has("client_assertion"):
		hint := "an assertion was sent"
		if audience := claimedAudience(a.Params.Get("client_assertion")); audience != "" {
			hint += fmt.Sprintf(" with the audience %q", printable(audience, maxText))
		}
		return hint + "; check the key and its ID, and set Audience if the server expects another one, such as its token URL"
	case a.Params.Has("client_secret"):
		return "the secret was sent in the body (grant.Post); check ID and Secret, or use grant.Basic if the server wants a header"
	case strings.HasPrefix(a.Header.Get("Authorization"), "Basic "):
		return "the secret was sent in a header (grant.Basic); check ID and Secret, or use grant.Post if the server wants it in the body"
	case a.Params.Has("client_id"):
		return "no secret was sent; check the client's id, or set Auth if the client is confidential"
	}
	return ""
}

// claimedAudience returns the aud claim of a JWT, "" if it has not exactly one.
func claimedAudience(assertion string) string {
	parts := strings.Split(assertion, ".")
	if len(parts) != 3 {
		return ""
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return ""
	}
	var claims struct {
		Audience string `json:"aud"`
	}
	if json.Unmarshal(payload, &claims) != nil {
		return ""
	}
	return claims.Audience
}

// unprocessed reports whether the answer proves that the server did not act on
// the request: by its status, or by an error code that some servers send with
// 200. A 503 alone does not: gateways answer it after an upstream time-out, when
// the server may have spent what it was sent.
func (a *answer) unprocessed() bool {
	m, _ := a.members()
	code, _ := m.text("error")
	if a.status/100 == 2 {
		return code != "" && !oauthcode.Transient(code)
	}
	if a.status != http.StatusServiceUnavailable {
		return a.status/100 == 3 || a.status/100 == 4
	}
	_, asked := retryafter.Parse(a.header, time.Now())
	return asked || code == "temporarily_unavailable"
}

// error returns the error for an answer that no error code describes.
func (a *answer) error(problem string) *Error {
	return &Error{
		Status: a.status, from: a.host, endpoint: a.endpoint, contentType: a.contentType(),
		problem: problem, superseded: a.superseded,
	}
}

// contentType returns what the body is. Servers call HTML by other names, and
// name a type for a body that they do not send.
func (a *answer) contentType() string {
	switch body := a.trimmed(); {
	case len(body) == 0:
		return ""
	case body[0] == '<':
		return "text/html"
	}
	return a.quote(a.header.Get("Content-Type"), maxText)
}

// quote returns text from the server as an error may show it. Only what could
// be shown is searched for secrets, with a margin for one that is cut in two.
func (a *answer) quote(text string, max int) string {
	const margin = 1 << 10
	text = printable(text, max+margin)
	if a.repeats(text) {
		return redacted
	}
	return printable(text, max)
}

// target names the host that a redirect goes to, but not the rest of the URL,
// which may hold a secret.
func (a *answer) target() string {
	u, err := url.Parse(a.header.Get("Location"))
	if err != nil || u.Host == "" {
		return ""
	}
	return fmt.Sprintf(" to %q", a.quote(u.Host, maxText))
}

// token reads a token answer (RFC 6749 section 5.1). types are the token types
// allowed besides Bearer.
func (a *answer) token(types ...string) (*oauth2.Token, error) {
	if e := a.refusal(); e != nil {
		return nil, e
	}
	m, err := a.members()
	if err != nil {
		return nil, a.error(err.Error() + " where a token was expected")
	}
	m = a.Server.Answers.translate(m)
	m.adopt(a.extras)
	var scopes []string
	switch raw := string(m["scope"]); {
	case (raw == "" || raw == "null") && a.Params.Has("scope"):
		m["scope"], _ = json.Marshal(a.Params.Get("scope")) // granted as requested, RFC 6749 section 5.1
	case json.Unmarshal(m["scope"], &scopes) == nil && scopes != nil: // Twitch's array, as the RFC would have it
		m["scope"], _ = json.Marshal(strings.Join(scopes, " "))
	}
	t, err := m.token(a.sent, types, a.Server.Answers)
	if err != nil {
		return nil, a.error(err.Error())
	}
	return t, nil
}

// known are the members of a token answer that Token has fields for. The others
// become its extras.
var known = []string{"access_token", "token_type", "refresh_token", "expires_in"}

func (m members) token(sent time.Time, types []string, dialect AnswerDialect) (*oauth2.Token, error) {
	access, err := m.text("access_token")
	if err == nil {
		err = checkAccessToken(access)
	}
	if err != nil {
		return nil, err
	}
	kind, err := m.tokenType(types)
	if err != nil {
		return nil, err
	}
	refresh := ""
	if string(m["refresh_token"]) != "false" { // for none
		if refresh, err = m.text("refresh_token"); err != nil {
			return nil, err
		}
	}
	// With the reading of the monotonic clock, so that a change of the wall
	// clock can be noticed.
	expiry := dialect.expiry(m, access, sent)
	t := &oauth2.Token{AccessToken: access, TokenType: kind, RefreshToken: refresh, Expiry: expiry}
	if lifetime := expiry.Sub(sent); lifetime > 0 {
		t.ExpiresIn = int64(lifetime / time.Second)
	}
	if extra := m.extra(); len(extra) > 0 {
		t = t.WithExtra(extra)
	}
	return t, nil
}

// checkAccessToken rejects a token that cannot be sent in a header: RFC 6750
// section 2.1 allows neither spaces nor anything beyond ASCII. The error does
// not show the token.
func checkAccessToken(token string) error {
	if token == "" {
		return errors.New("access_token is missing")
	}
	for i := range len(token) {
		if c := token[i]; c <= ' ' || c >= 0x7f {
			return fmt.Errorf("access_token has a byte at position %d that cannot be sent in a header", i)
		}
	}
	return nil
}

// tokenType returns the token type, which must be Bearer or one of types. A
// client must not use a token of a type that it does not understand (RFC 6749
// section 7.1). Servers omit the type, and write it in either case.
func (m members) tokenType(types []string) (string, error) {
	kind, err := m.text("token_type")
	if err != nil {
		return "", err
	}
	if kind = strings.TrimSpace(kind); kind == "" {
		return "Bearer", nil
	}
	for _, allowed := range append([]string{"Bearer"}, types...) {
		if strings.EqualFold(kind, allowed) {
			return allowed, nil
		}
	}
	for _, other := range []string{"DPoP", "mac", "PoP", "N_A", "Basic"} {
		if strings.EqualFold(kind, other) {
			return "", fmt.Errorf("token_type is %s; only Bearer is supported", other)
		}
	}
	return "", errors.New("token_type is not Bearer, the only one supported") // its value could be anything
}

// extra returns the members that have no field, as [oauth2.Token.Extra] expects
// them.
func (m members) extra() map[string]any {
	extra := map[string]any{}
	for name, raw := range m {
		var value any
		if !slices.Contains(known, name) && json.Unmarshal(raw, &value) == nil {
			extra[name] = value
		}
	}
	return extra
}
