package grant

import (
	"encoding/base64"
	"html"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// public are the parameters whose values an error may repeat. It is a list of
// what is allowed, so that a parameter it does not know counts as a secret.
var public = []string{
	"grant_type", "client_id", "scope", "audience", "resource", "redirect_uri", "token_type_hint",
	"client_assertion_type", "requested_token_type", "subject_token_type", "actor_token_type",
	"code_challenge_method",
}

const (
	shortest = 4  // a shorter value is a word, not a secret: else a server could not even say "a"
	part     = 16 // a text that has so many characters in common with a secret repeats a part of it
)

// repeats reports whether text holds a secret that this request carries, or a
// part of one. Servers do echo the token that they refuse.
func (r *Request) repeats(text string) bool {
	if text == "" {
		return false
	}
	texts := squeezed(text)
	return slices.ContainsFunc(r.secrets(), func(secret string) bool { return holds(texts, secret) })
}

// secrets returns what the request carries and is not known to be public.
func (r *Request) secrets() []string {
	var secrets []string
	_, query, _ := strings.Cut(r.URL, "?") // some servers have a key there
	inURL, _ := url.ParseQuery(query)
	for _, params := range []url.Values{r.Params, inURL} {
		for name, values := range params {
			if !slices.Contains(public, name) {
				secrets = append(secrets, values...)
			}
		}
	}
	for name, values := range r.Header { // a caller's ClientAuth may have its own header
		if name == "Accept" || name == "Content-Type" {
			continue
		}
		for _, value := range values {
			scheme, credential, _ := strings.Cut(value, " ")
			secrets = append(secrets, value, credential)
			if pair, err := base64.StdEncoding.DecodeString(credential); err == nil && strings.EqualFold(scheme, "Basic") {
				user, secret, _ := strings.Cut(string(pair), ":")
				if secret == "" { // Basic.SecretOnly
					secret = user
				}
				decoded, _ := url.QueryUnescape(secret)
				secrets = append(secrets, secret, decoded)
			}
		}
	}
	return secrets
}

// holds reports whether a text, given as squeezed, holds secret or a part of
// it: as it is, or as a URL, a page or a log has it.
func holds(texts [2]string, secret string) bool {
	if len(secret) < shortest {
		return false
	}
	quoted := strconv.Quote(secret)
	for _, form := range []string{
		secret, url.QueryEscape(secret), url.PathEscape(secret), html.EscapeString(secret), quoted[1 : len(quoted)-1],
	} {
		for i, squeezed := range squeezed(form) {
			if len(squeezed) >= shortest && strings.Contains(texts[i], squeezed) || overlap(texts[i], squeezed) {
				return true
			}
		}
	}
	return false
}

// squeezed returns text in lower case, first without what cannot be seen, then
// without all but letters and digits: so that line breaks, spaces, hyphens or
// capitals do not hide a secret.
func squeezed(text string) [2]string {
	text = strings.ToLower(text)
	keep := func(wanted func(rune) bool) string {
		return strings.Map(func(r rune) rune {
			if wanted(r) {
				return r
			}
			return -1
		}, text)
	}
	return [2]string{
		keep(func(r rune) bool { return unicode.IsPrint(r) && r != ' ' }),
		keep(func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }),
	}
}

// overlap reports whether text and secret have part bytes in a row in common.
func overlap(text, secret string) bool {
	parts := map[string]bool{}
	for i := 0; i+part <= len(secret); i++ {
		parts[secret[i:i+part]] = true
	}
	for i := 0; len(parts) > 0 && i+part <= len(text); i++ {
		if parts[text[i:i+part]] {
			return true
		}
	}
	return false
}

// printable makes text from a server fit for a log line or a terminal: it holds
// no control characters, which could forge lines, no invisible and no
// direction-changing ones, which could disguise words, and at most max bytes.
func printable(text string, max int) string {
	text = strings.Map(func(r rune) rune {
		switch {
		case unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector):
			return -1
		case unicode.IsPrint(r):
			return r
		case unicode.In(r, unicode.Cc, unicode.Z): // they separate words
			return ' '
		}
		return -1 // format characters, private use, unassigned
	}, strings.ToValidUTF8(text, "?"))
	if len(text) > max {
		text = strings.ToValidUTF8(text[:max], "") + "..."
	}
	return strings.TrimSpace(text)
}
