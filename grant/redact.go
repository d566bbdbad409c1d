package grant

import (
	"encoding/base64"
	"net/url"
	"slices"
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

// repeats reports whether text holds a secret that this request carries, as it is or
// URL-encoded. Servers do echo the token they refuse.
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
	scheme, credential, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if holds(text, credential) {
		return true
	}
	if strings.EqualFold(scheme, "Basic") {
		if pair, err := base64.StdEncoding.DecodeString(credential); err == nil {
			_, secret, _ := strings.Cut(string(pair), ":")
			decoded, _ := url.QueryUnescape(secret)
			return holds(text, secret) || holds(text, decoded)
		}
	}
	return false
}

func holds(text, secret string) bool {
	return len(secret) >= shortest && (strings.Contains(text, secret) || strings.Contains(text, url.QueryEscape(secret)))
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
