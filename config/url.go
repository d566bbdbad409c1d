package config

import (
	"net/url"
	"regexp"
	"strings"
)

// inURL are the variables of a URL or a host that stay until the client is
// made, or until there is a token.
var inURL = regexp.MustCompile(`\$\{(connection|token)\.([A-Za-z_][A-Za-z0-9_]*)\}`)

// checkURL says what a URL is or has that it must not, "" if nothing is wrong.
// Variables may stand for any part of it.
func checkURL(raw string) string {
	if raw == "" {
		return "is empty; set it, or remove the key"
	}
	// A variable may be a host, a part of one, or a whole URL.
	plain := raw
	if at := inURL.FindStringIndex(raw); at != nil && at[0] == 0 {
		plain = "https://x" + inURL.ReplaceAllString(raw[at[1]:], "x")
	}
	plain = inURL.ReplaceAllString(plain, "x")
	u, err := url.Parse(plain)
	switch {
	case err != nil:
		return "is not a URL"
	case u.Scheme == "" && u.Host == "" && !strings.HasPrefix(plain, "/"):
		return "is not an absolute URL; write https:// before it"
	case u.Scheme != "https" && u.Scheme != "http", u.Host == "":
		return "is not an absolute https URL"
	case strings.Contains(plain, "#"):
		return "has a fragment; remove it"
	}
	return ""
}

// fill replaces the variables of that kind, and reports the name of one that
// has no value.
func fill(raw, kind string, value func(name string) string) (filled, missing string) {
	filled = inURL.ReplaceAllStringFunc(raw, func(match string) string {
		parts := inURL.FindStringSubmatch(match)
		if parts[1] != kind {
			return match
		}
		v := value(parts[2])
		if v == "" {
			missing = parts[2]
		}
		return v
	})
	return filled, missing
}
