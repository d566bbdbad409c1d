package grant

import (
	"encoding/base64"
	"html"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// public are the parameters whose values may be repeated in an error. It is a list of what is
// allowed: a parameter that nobody thought of is taken for a secret.
var public = []string{
	"grant_type", "client_id", "scope", "audience", "resource", "redirect_uri", "token_type_hint",
	"client_assertion_type", "requested_token_type", "subject_token_type", "actor_token_type",
	"code_challenge_method",
}

// shortest is the length below which a value is taken for a word, not a secret: else a server
// could not say "a" any more.
const shortest = 4

// repeats reports whether text holds a secret that this request carries. Servers do echo the token
// they refuse.
func (r *Request) repeats(text string) bool {
	if text == "" {
		return false
	}
	_, query, _ := strings.Cut(r.URL, "?") // some servers have a key there
	inURL, _ := url.ParseQuery(query)
	for _, params := range []url.Values{r.Params, inURL} {
		for name, values := range params {
			if !slices.Contains(public, name) && slices.ContainsFunc(values, func(v string) bool { return holds(text, v) }) {
				return true
			}
		}
	}
	for name, values := range r.Header { // a ClientAuth of the caller's may have a header of its own
		if name != "Accept" && name != "Content-Type" && slices.ContainsFunc(values, func(v string) bool { return holdsCredential(text, v) }) {
			return true
		}
	}
	return false
}

// holdsCredential reports whether text holds the value of a header, with its scheme or without, or
// the secret in it if it is HTTP Basic.
func holdsCredential(text, value string) bool {
	scheme, credential, _ := strings.Cut(value, " ")
	if holds(text, value) || holds(text, credential) {
		return true
	}
	pair, err := base64.StdEncoding.DecodeString(credential)
	if err != nil || !strings.EqualFold(scheme, "Basic") {
		return false
	}
	_, secret, _ := strings.Cut(string(pair), ":")
	decoded, _ := url.QueryUnescape(secret)
	return holds(text, secret) || holds(text, decoded)
}

// holds reports whether text has secret in it, as it is or as a URL, a page or a log has it.
func holds(text, secret string) bool {
	if len(secret) < shortest {
		return false
	}
	quoted := strconv.Quote(secret)
	return slices.ContainsFunc([]string{
		secret, url.QueryEscape(secret), url.PathEscape(secret), html.EscapeString(secret), quoted[1 : len(quoted)-1],
	}, func(form string) bool { return strings.Contains(text, form) })
}

// printable makes text from a server fit for a log line: no control characters, which could
// forge lines or drive a terminal, and no more than max bytes.
func printable(text string, max int) string {
	text = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 || r == '\u2028' || r == '\u2029' || r >= '\u202a' && r <= '\u202e' || r >= '\u2066' && r <= '\u2069' {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "?"))
	if len(text) > max {
		text = strings.ToValidUTF8(text[:max], "") + "..."
	}
	return strings.TrimSpace(text)
}
