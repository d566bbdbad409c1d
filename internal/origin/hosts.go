package origin

import (
	"fmt"
	"net/url"
	"strings"
)

// Hosts is a list of hosts that may get a token.
type Hosts []hostPort

// A hostPort is an element of Hosts. An empty port is any port.
type hostPort struct{ host, port string }

// ParseHosts parses a list whose elements are "host", for any port, or
// "host:port". The text of its error begins with the index of the element.
func ParseHosts(hosts []string) (Hosts, error) {
	var out Hosts
	for i, h := range hosts {
		u, err := url.Parse("//" + h)
		want := h
		bracketed := strings.HasPrefix(h, "[")
		if bracketed {
			want = strings.Replace(h, "%25", "%", 1) // before a zone (RFC 6874)
		}
		if err != nil || u.Host != want || u.Hostname() == "" || strings.ContainsAny(h, "*,") ||
			strings.Contains(u.Hostname(), ":") && !bracketed {
			return nil, fmt.Errorf(`[%d] is %q: want a host or host:port, without scheme, path or wildcard; IPv6 addresses in brackets, a zone after "%%25"`, i, h)
		}
		out = append(out, hostPort{u.Hostname(), u.Port()})
	}
	return out, nil
}

// Has reports whether u's host is in the list. Names are compared as they are
// written, in any case.
func (h Hosts) Has(u *url.URL) bool {
	for _, a := range h {
		if strings.EqualFold(a.host, u.Hostname()) && (a.port == "" || a.port == Port(u)) {
			return true
		}
	}
	return false
}
