package grant

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"golang.org/x/oauth2"

	"example.com/bearer/internal/retryafter"
)

const (
	maxText = 300 // bytes of a server's text in an error: enough for a sentence, not for a page
	maxCode = 64
)

// refusal gives the error that the answer is, nil if it is none: a status other than 2xx, or an
// error code, which some servers send with 200.
func (a *answer) refusal() *Error {
	m, problem := a.members()
	code, _ := m.text("error")
	if code == "" && a.status/100 == 2 {
		return nil
	}
	e := a.error("")
	e.Code = a.quote(code, maxCode)
	if slices.Contains(permanent, code) {
		e.Code = code // a word of the protocol, whatever the secret is
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
		e.problem = "it redirects" + a.target() + ", and redirects are not followed, for they would take the secrets along"
	case code == "" && problem != nil && len(a.body) > 0:
		e.problem = problem.Error() + " where an OAuth error was expected"
	}
	return e
}

// error makes an error of an answer that no error code describes.
func (a *answer) error(problem string) *Error {
	return &Error{Status: a.status, from: a.host, problem: problem, superseded: a.superseded}
}

// quote gives the server's text as an error may show it.
func (a *answer) quote(text string, max int) string {
	if a.repeats(text) {
		return redacted
	}
	return printable(text, max)
}

// target names the host that a redirect goes to, and no more of the URL, which may hold a secret.
func (a *answer) target() string {
	u, err := url.Parse(a.header.Get("Location"))
	if err != nil || u.Host == "" {
		return ""
	}
	return fmt.Sprintf(" to %q", a.quote(u.Host, maxText))
}

// token reads a token answer (RFC 6749 section 5.1). types are allowed token types beside Bearer.
func (a *answer) token(types ...string) (*oauth2.Token, error) {
	if e := a.refusal(); e != nil {
		return nil, e
	}
	m, err := a.members()
	if err != nil {
		return nil, a.error(err.Error() + " where a token was expected")
	}
	if raw := string(m["scope"]); (raw == "" || raw == "null") && a.Params.Has("scope") {
		m["scope"], _ = json.Marshal(a.Params.Get("scope")) // granted as requested, RFC 6749 section 5.1
	}
	t, err := m.token(a.sent, types)
	if err != nil {
		return nil, a.error(err.Error())
	}
	return t, nil
}

// known are the members of a token answer that a Token has fields for. The others are its extras.
var known = []string{"access_token", "token_type", "refresh_token", "expires_in"}

func (m members) token(sent time.Time, types []string) (*oauth2.Token, error) {
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
	refresh, err := m.text("refresh_token")
	if err != nil {
		return nil, err
	}
	lifetime, err := m.lifetime("expires_in")
	if err != nil {
		return nil, err
	}
	t := &oauth2.Token{AccessToken: access, TokenType: kind, RefreshToken: refresh}
	if lifetime > 0 {
		// With the monotonic clock's reading, so that a change of the wall clock can be seen.
		t.Expiry = sent.Add(lifetime)
		t.ExpiresIn = int64(lifetime / time.Second)
	}
	if extra := m.extra(); len(extra) > 0 {
		t = t.WithExtra(extra)
	}
	return t, nil
}

// checkAccessToken refuses a token that cannot stand in a header: RFC 6750 section 2.1 has no
// space in it and nothing beyond ASCII. The error does not show it.
func checkAccessToken(token string) error {
	if token == "" {
		return fmt.Errorf("access_token is missing")
	}
	for i := range len(token) {
		if c := token[i]; c <= ' ' || c >= 0x7f {
			return fmt.Errorf("access_token has a byte at position %d that cannot stand in a header", i)
		}
	}
	return nil
}

// tokenType gives the kind of token, which is Bearer unless one of types is allowed too. Another
// kind needs more than a header, so to send it would be wrong (RFC 6749 section 7.1). Servers
// leave it out, and write it in any case.
func (m members) tokenType(types []string) (string, error) {
	kind, err := m.text("token_type")
	if err != nil {
		return "", err
	}
	if kind == "" {
		return "Bearer", nil
	}
	for _, allowed := range append([]string{"Bearer"}, types...) {
		if strings.EqualFold(kind, allowed) {
			return allowed, nil
		}
	}
	for _, other := range []string{"DPoP", "mac", "PoP", "N_A", "Basic"} {
		if strings.EqualFold(kind, other) {
			return "", fmt.Errorf("token_type is %s, only Bearer can be used", other)
		}
	}
	return "", fmt.Errorf("token_type is not Bearer, only that can be used") // its value could be anything
}

// extra gives the members that have no field, as [oauth2.Token.Extra] expects them.
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
