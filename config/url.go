package config

import (
	"net/url"
	"reflect"
	"regexp"
	"strings"

	"example.com/bearer/internal/origin"
)

// inURL are the variables of a URL or a host that stay until the client is
// made (connection), or until there is a token (token and callback).
var inURL = regexp.MustCompile(`\$\{(connection|token|callback)\.([A-Za-z_][A-Za-z0-9_]*)\}`)

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

// connect replaces ${connection.NAME}, and reports the name of one that has no
// value.
func connect(raw string, connection map[string]string) (filled, missing string) {
	filled = inURL.ReplaceAllStringFunc(raw, func(match string) string {
		parts := inURL.FindStringSubmatch(match)
		if parts[1] != "connection" {
			return match
		}
		value := connection[parts[2]]
		if value == "" {
			missing = parts[2]
		}
		return value
	})
	return filled, missing
}

// A need is a variable that has a value only once there is a token.
type need struct {
	kind, name string // token or callback, and the name of the member or parameter
	start, end int    // where it stands
	inHost     bool   // it decides which host is meant
}

// needsOf returns those in a URL or a host in which connection has been filled
// in.
func needsOf(raw string) []need {
	var needs []need
	path := pathOf(raw)
	for _, at := range inURL.FindAllStringSubmatchIndex(raw, -1) {
		if kind := raw[at[2]:at[3]]; kind != "connection" {
			needs = append(needs, need{kind, raw[at[4]:at[5]], at[0], at[1], at[0] < path})
		}
	}
	return needs
}

// pathOf returns where the path of a URL begins. A host, or a variable in place
// of one, ends there too.
func pathOf(raw string) int {
	host := 0
	if scheme := strings.Index(raw, "://"); scheme >= 0 {
		host = scheme + len("://")
	}
	if path := strings.IndexAny(raw[host:], "/?#"); path >= 0 {
		return host + path
	}
	return len(raw)
}

// urls checks each URL for what would show a secret.
func (k *checker) urls(c *declared) {
	v := reflect.ValueOf(c.Client)
	for _, f := range fieldsOf(v.Type()) {
		if f.typ != urlType || v.FieldByIndex(f.index).IsZero() {
			continue
		}
		raw := v.FieldByIndex(f.index).String()
		if inURL.MatchString(raw) {
			filled, missing := connect(raw, c.Connection)
			if missing != "" {
				k.wrong(c, f.name, "${connection."+missing+"} has no value; set connection."+missing+" of client "+c.name)
				continue
			}
			if needs := needsOf(filled); len(needs) > 0 {
				if f.name != "base_url" {
					k.wrong(c, f.name, "${"+needs[0].kind+"."+needs[0].name+"} can only stand in base_url and hosts: there is no token yet")
				}
				continue
			}
			if problem := checkURL(filled); problem != "" {
				k.wrong(c, f.name, "with what connection says, this "+problem)
				continue
			}
			raw = filled
		}
		u, err := url.Parse(raw)
		switch {
		case err != nil || f.name == "proxy_url" || f.name == "redirect_url":
		case u.User != nil:
			k.wrong(c, f.name, "this URL has a user name or password in it; remove them, and use client_id and client_secret")
		case u.Scheme == "http" && !is(c.InsecureAllowHTTP, false) && !origin.Loopback(u.Hostname()):
			k.wrong(c, f.name, "this is plaintext http, which would show secrets to the network; use https, or set insecure_allow_http")
		}
	}
}

// connections checks that what stands for a part of a host cannot lead to
// another one.
func (k *checker) connections(c *declared) {
	for _, name := range sorted(c.Connection) {
		if strings.ContainsAny(c.Connection[name], "@?#\\ ${}") {
			k.wrong(c, "connection."+name, `this has a character that changes where a URL leads; remove it`)
		}
	}
}
