package bearer

import (
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
)

// A passage says how a request goes on.
type passage int

const (
	withToken    passage = iota
	withoutToken         // the token is not for this host
	refused              // the token is, but would travel in plaintext
)

// passageOf decides where a token may go (RFC 6750 section 5.3, RFC 9700
// section 4.11).
func (t *Transport) passageOf(req *http.Request) passage {
	if len(t.allowed) > 0 {
		if !t.allows(req.URL) {
			return withoutToken
		}
	} else if req.Response != nil && leftOrigin(req) {
		return withoutToken
	}
	if req.URL.Scheme != "https" && !t.InsecureAllowHTTP && !isLoopback(req.URL.Hostname()) {
		return refused
	}
	return withToken
}

// leftOrigin reports whether one of the redirects that led to req left req's
// origin. http.Client notes in Request.Response which answer a redirected
// request comes from. Like http.Client, which strips the header for good, it
// does not trust a way that leads back: another origin chose where.
func leftOrigin(req *http.Request) bool {
	for r := req; r.Response != nil; r = r.Response.Request {
		if from := r.Response.Request; from == nil || from.URL == nil || !sameOrigin(from.URL, req.URL) {
			return true
		}
	}
	return false
}

// sameOrigin compares scheme, host and port (RFC 6454 section 5).
func sameOrigin(a, b *url.URL) bool {
	return a.Scheme == b.Scheme && strings.EqualFold(a.Hostname(), b.Hostname()) && portOf(a) == portOf(b)
}

func portOf(u *url.URL) string {
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

// isLoopback reports whether host is this machine, to which nothing travels.
func isLoopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.IsLoopback()
}

// A hostPort is an element of Transport.Hosts. An empty port is any port.
type hostPort struct{ host, port string }

func parseHosts(hosts []string) ([]hostPort, error) {
	var out []hostPort
	for i, h := range hosts {
		u, err := url.Parse("//" + h)
		if err != nil || u.Host != h || u.Hostname() == "" || strings.ContainsAny(h, "*,") ||
			strings.Contains(u.Hostname(), ":") && h[0] != '[' {
			return nil, fmt.Errorf("bearer: Transport.Hosts[%d] is %q: it must be one host, or host:port, without scheme, path and wildcard; IPv6 in brackets", i, h)
		}
		out = append(out, hostPort{u.Hostname(), u.Port()})
	}
	return out, nil
}

func (t *Transport) allows(u *url.URL) bool {
	for _, a := range t.allowed {
		if strings.EqualFold(a.host, u.Hostname()) && (a.port == "" || a.port == portOf(u)) {
			return true
		}
	}
	return false
}
