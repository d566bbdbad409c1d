package proxy

import (
	"net/http"
	"net/url"
	"strings"
)

// bringHome makes the cookies that an API sets come back to it and, although all
// APIs have one host here, to no other: their paths become those at the proxy,
// and they lose the domain, which is not the proxy's. One for a path that does
// not lead to base_url would never come back, and is removed.
func (x *exchange) bringHome(resp *http.Response) {
	lines := resp.Header["Set-Cookie"]
	if len(lines) == 0 {
		return
	}
	var kept []string
	for _, line := range lines {
		attributes := strings.Split(line, ";")
		cookie := attributes[:1]
		if strings.HasPrefix(strings.TrimSpace(cookie[0]), cookiePrefix) {
			continue // the name of one of ours
		}
		path := resp.Request.URL.EscapedPath() // RFC 6265 section 5.1.4
		path = path[:max(strings.LastIndexByte(path, '/'), 0)]
		for _, attribute := range attributes[1:] {
			name, value, _ := strings.Cut(attribute, "=")
			switch strings.ToLower(strings.TrimSpace(name)) {
			case "domain":
			case "path":
				if value = strings.TrimSpace(value); strings.HasPrefix(value, "/") {
					path = value
				}
			default:
				cookie = append(cookie, attribute)
			}
		}
		if path, ok := x.route.home(x.base, path); ok {
			kept = append(kept, strings.Join(append(cookie, " Path="+path), ";"))
		}
	}
	resp.Header["Set-Cookie"] = kept
}

// home returns the path at the proxy of a cookie's path at the API; not ok if
// no request below base has the cookie.
func (r *route) home(base *url.URL, path string) (string, bool) {
	below, path := strings.TrimSuffix(base.EscapedPath(), "/")+"/", strings.TrimSuffix(path, "/")+"/"
	switch {
	case strings.HasPrefix(below, path): // all of base
		path = ""
	case strings.HasPrefix(path, below):
		path = strings.TrimSuffix(path[len(below)-1:], "/")
	default:
		return "", false
	}
	if path = r.prefix + path; path == "" {
		path = "/"
	}
	return path, true
}
