// Package origin compares the origins of URLs (RFC 6454), matches them with
// lists of hosts, and recognizes this machine's own addresses.
package origin

import (
	"net/netip"
	"net/url"
	"strings"
)

// Same reports whether a and b have the same scheme, host and port (RFC 6454
// section 5).
func Same(a, b *url.URL) bool {
	return a.Scheme == b.Scheme && strings.EqualFold(a.Hostname(), b.Hostname()) && Port(a) == Port(b)
}

// Port returns u's port, or the default port of its scheme. It is empty if
// the scheme is neither http nor https.
func Port(u *url.URL) string {
	if p := u.Port(); p != "" {
		return p
	}
	switch u.Scheme {
	case "https":
		return "443"
	case "http":
		return "80"
	}
	return ""
}

// Loopback reports whether host, without a port, is this machine. "localhost"
// is taken at its word, as browsers do (RFC 6761 section 6.3). Other names are
// not looked up: the answer could change.
func Loopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.IsLoopback()
}
