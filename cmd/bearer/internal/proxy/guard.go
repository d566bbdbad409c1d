package proxy

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// A guard refuses what comes from a web page. Any page may send requests to
// this machine from the user's browser. Two things betray them: a browser says
// that it is one (Sec-Fetch-Site, and Origin for all that is not a plain GET),
// and a page whose own name leads here, after its DNS answer was changed (DNS
// rebinding), says that name in Host.
type guard struct {
	names       map[string]bool // in lower case
	certificate *Certificate    // nil: none
}

func newGuard(names []string, c *Certificate) guard {
	g := guard{map[string]bool{}, c}
	for _, name := range names {
		g.names[strings.ToLower(strings.TrimSuffix(name, "."))] = true
	}
	return g
}

// refuse returns why r is refused, nil if it is not. Only below /-/, where the
// page is, may a browser send requests, and only of that page.
func (g guard) refuse(r *http.Request, ours bool) *problem {
	if !g.knows(r) {
		return foreignHost(r.Host)
	}
	site, origins := r.Header.Get("Sec-Fetch-Site"), r.Header["Origin"]
	if !ours {
		if site != "" || len(origins) > 0 {
			return fromBrowser()
		}
		return nil
	}
	if site != "" && site != "none" && site != "same-origin" {
		return fromBrowser()
	}
	scheme := "http://"
	if r.TLS != nil {
		scheme = "https://"
	}
	for _, origin := range origins {
		if !strings.EqualFold(origin, scheme+r.Host) {
			return fromBrowser()
		}
	}
	return nil
}

// knows reports whether r's Host is this proxy. Any port will do, since a port
// may be forwarded; and any address that the request came in on, since only
// names can be rebound.
func (g guard) knows(r *http.Request) bool {
	local, ok := localAddr(r)
	if !ok {
		return true // a socket, which no browser reaches
	}
	host := r.Host
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.ToLower(strings.TrimSuffix(strings.Trim(host, "[]"), "."))
	if addr, err := netip.ParseAddr(host); err == nil {
		addr = addr.Unmap().WithZone("")
		return addr == local || addr.IsLoopback() && local.IsLoopback() || g.names[host]
	}
	switch {
	case host == "":
		return false
	case host == "localhost" && local.IsLoopback(), g.names[host]:
		return true
	}
	return g.certificate != nil && g.certificate.has(host)
}

// localAddr returns the address that r came in on; not ok if it is no TCP
// address.
func localAddr(r *http.Request) (netip.Addr, bool) {
	tcp, ok := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr)
	if !ok {
		return netip.Addr{}, false
	}
	addr, ok := netip.AddrFromSlice(tcp.IP)
	return addr.Unmap(), ok
}
