package proxy

import (
	"net/http"
	"net/url"
	"strings"

	"example.com/bearer/internal/origin"
)

// relocate makes an answer's Location lead through the proxy, if it stays below
// base_url. Otherwise it becomes absolute: at the proxy, a relative one would
// lead to another place.
func (x *exchange) relocate(resp *http.Response) {
	location := resp.Header.Get("Location")
	if location == "" {
		return
	}
	to, err := resp.Request.URL.Parse(location)
	if err != nil {
		return
	}
	resp.Header.Set("Location", x.route.through(x.base, to))
}

// through returns the address at the proxy of a URL below base, and of others
// their own.
func (r *route) through(base, to *url.URL) string {
	below := strings.TrimSuffix(base.EscapedPath(), "/")
	rest, ok := strings.CutPrefix(to.EscapedPath(), below)
	if !ok || !origin.Same(base, to) || rest != "" && rest[0] != '/' {
		return to.String()
	}
	here := r.prefix + rest
	switch {
	case here == "":
		here = "/"
	case strings.HasPrefix(here, "//"): // the beginning of a host
		return to.String()
	}
	if to.RawQuery != "" {
		here += "?" + to.RawQuery
	}
	if to.Fragment != "" {
		here += "#" + to.EscapedFragment()
	}
	return here
}
