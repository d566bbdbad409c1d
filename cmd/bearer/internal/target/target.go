// Package target decides where the requests of a declared client may go: to its
// hosts or, if it declares none, below its base_url. A list of URLs, or a
// program that asks for credentials, must not decide where a token goes.
package target

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"example.com/bearer/config"
	"example.com/bearer/internal/origin"
)

// A Target is where the requests of one client may go. It may be used
// concurrently.
type Target struct {
	client    string
	base      *url.URL     // nil without base_url
	hosts     origin.Hosts // that get the token
	names     []string     // hosts, as they are declared
	whole     bool         // hosts are declared: each path of them will do
	plaintext bool         // insecure_allow_http
	carrier   carrier
}

// Of returns the target of a client. If the server's answers say where the API
// is, it obtains a token, or waits for one until ctx ends.
func Of(ctx context.Context, set *config.Set, client string) (*Target, error) {
	declared, err := set.Declaration(client)
	if err != nil {
		return nil, err
	}
	t := &Target{
		client: client, whole: len(declared.Hosts) > 0,
		plaintext: declared.InsecureAllowHTTP != nil && *declared.InsecureAllowHTTP,
		carrier:   carrierOf(declared),
	}
	if t.base, err = set.BaseURL(ctx, client); err != nil {
		return nil, err
	}
	if t.names, err = set.Hosts(ctx, client); err != nil {
		return nil, err
	}
	if len(t.names) == 0 {
		return nil, fmt.Errorf("%s declares neither base_url nor hosts: set one of them, so that it is certain where its token may go", client)
	}
	if t.hosts, err = origin.ParseHosts(t.names); err != nil {
		return nil, fmt.Errorf("hosts%w", err)
	}
	return t, nil
}

// URL returns the URL that raw stands for: an absolute one, or a path that is
// added to base_url, with or without a slash in front. The error says why the
// client's requests may not go there; it shows neither a password nor a query.
func (t *Target) URL(raw string) (*url.URL, error) {
	if strings.Contains(raw, `\`) {
		return nil, errors.New(`the URL has a backslash, which some programs take for a slash: write / or %5C`)
	}
	u, err := url.Parse(raw)
	switch {
	case err != nil:
		return nil, errors.New("this is not a URL: " + reason(err))
	case u.Scheme == "" && u.Host != "" || u.Scheme == "" && strings.HasPrefix(raw, "//"):
		return nil, fmt.Errorf("%s names a host without a scheme: write https: before it", show(u))
	case u.Scheme == "" && t.base == nil:
		return nil, fmt.Errorf("%s is a path, and %s has no base_url that it could be relative to: write the whole URL", show(u), t.client)
	case u.Scheme == "":
		u = t.join(u)
	case u.Host == "":
		return nil, fmt.Errorf("%s: is not an absolute URL: write https:// and the host, or / before a path", u.Scheme)
	}
	u.Fragment, u.RawFragment = "", ""
	if Climbs(u.Path) {
		return nil, fmt.Errorf("%s has a segment . or .., by which a server may leave the path: write the path that it stands for", show(u))
	}
	if err := t.Host(u); err != nil {
		return nil, err
	}
	if !t.whole && !t.below(u) {
		return nil, fmt.Errorf("%s is not below the base_url of %s, %s: declare hosts to allow all of the host", show(u), t.client, t.base.Redacted())
	}
	return u, nil
}

// Host returns why the token may not go to u's scheme, host and port.
func (t *Target) Host(u *url.URL) error {
	switch {
	case u.User != nil:
		return fmt.Errorf("%s has a user name before the host: remove it, since the token is all that is sent", show(u))
	case !t.whole && !origin.Same(t.base, u):
		return fmt.Errorf("%s://%s is not where %s is, whose token goes only to %s://%s", u.Scheme, u.Host, t.client, t.base.Scheme, t.base.Host)
	case t.whole && !t.hosts.Has(u):
		return fmt.Errorf("%s is not a host of %s, whose token goes only to %s", u.Host, t.client, strings.Join(t.names, " and "))
	case u.Scheme == "https":
		return nil
	case u.Scheme != "http":
		return fmt.Errorf("%s has the scheme %s: use https", show(u), u.Scheme)
	case !t.plaintext && !origin.Loopback(u.Hostname()):
		return fmt.Errorf("%s would show the token to everyone on the path: use https, or declare insecure_allow_http", show(u))
	}
	return nil
}

// Prefixes returns the https URLs below which the token may be sent, as far as
// they can be written without naming each port.
func (t *Target) Prefixes() []string {
	if t.base != nil && !t.whole {
		if t.base.Scheme != "https" {
			return nil
		}
		return []string{"https://" + t.base.Host + strings.TrimSuffix(t.base.EscapedPath(), "/")}
	}
	var prefixes []string
	for _, name := range t.names {
		prefixes = append(prefixes, "https://"+strings.TrimSuffix(name, ":443"))
	}
	return prefixes
}

// join adds the path and the query of a relative URL to those of base_url.
func (t *Target) join(u *url.URL) *url.URL {
	joined := *t.base
	if path := u.EscapedPath(); path != "" {
		raw := strings.TrimSuffix(t.base.EscapedPath(), "/") + "/" + strings.TrimPrefix(path, "/")
		joined.Path, joined.RawPath = strings.TrimSuffix(t.base.Path, "/")+"/"+strings.TrimPrefix(u.Path, "/"), raw
	}
	if t.base.RawQuery == "" || u.RawQuery == "" {
		joined.RawQuery = t.base.RawQuery + u.RawQuery
	} else {
		joined.RawQuery = t.base.RawQuery + "&" + u.RawQuery
	}
	return &joined
}

// below reports whether u's path is that of base_url or below it. They are
// compared as they are sent: an escaped slash is no slash.
func (t *Target) below(u *url.URL) bool {
	base := strings.TrimSuffix(t.base.EscapedPath(), "/")
	path := u.EscapedPath()
	return path == base || strings.HasPrefix(path, base+"/")
}

// Climbs reports whether a server may take a segment of the path, which has been
// unescaped once, for . or ..: it may unescape it again, take a backslash for a
// slash, drop what follows a semicolon, or ignore spaces. A path that is escaped
// still more often counts as one that climbs.
func Climbs(path string) bool {
	for range mostEscapes {
		for segment := range strings.FieldsFuncSeq(path, func(r rune) bool { return r == '/' || r == '\\' }) {
			segment, _, _ = strings.Cut(segment, ";")
			if segment = strings.TrimSpace(segment); segment == "." || segment == ".." {
				return true
			}
		}
		more := unescape(path)
		if more == path {
			return false
		}
		path = more
	}
	return true
}

// mostEscapes is how often a path is unescaped in search of what is hidden in
// it. Without a limit, %252525... would take a time that is quadratic.
const mostEscapes = 5

// unescape is [url.PathUnescape] as a lenient server has it: an escape that is
// faulty stays, and the others are unescaped.
func unescape(path string) string {
	var b strings.Builder
	for {
		before, after, found := strings.Cut(path, "%")
		if !found && b.Len() == 0 {
			return path // as most are
		}
		b.WriteString(before)
		if !found {
			return b.String()
		}
		c, err := url.PathUnescape("%" + after[:min(2, len(after))])
		if path = after; err == nil {
			path = after[2:]
		} else {
			c = "%"
		}
		b.WriteString(c)
	}
}

// show returns a URL without a password and a query, which may be secret.
func show(u *url.URL) string {
	bare := *u
	bare.User, bare.RawQuery, bare.ForceQuery, bare.Fragment, bare.RawFragment = nil, "", false, "", ""
	return bare.String()
}

// reason returns why a URL could not be parsed, without the URL.
func reason(err error) string {
	if e, ok := errors.AsType[*url.Error](err); ok {
		err = e.Err
	}
	if _, ok := errors.AsType[url.EscapeError](err); ok {
		return "a % is not followed by two hexadecimal digits"
	}
	if _, ok := errors.AsType[url.InvalidHostError](err); ok {
		return "the host has a character that it cannot have"
	}
	if strings.Contains(err.Error(), "port") {
		return "the port is not a number"
	}
	if strings.Contains(err.Error(), "colon") {
		return "a path whose first segment has a colon needs / before it"
	}
	return "it has a character that a URL cannot have"
}
