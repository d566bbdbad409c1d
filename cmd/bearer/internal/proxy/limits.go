package proxy

import (
	"net/http"
	"net/url"
)

// limits are the patterns of a client's allow, each in a ServeMux of its own,
// since two patterns of one may conflict. None allow everything.
type limits []*http.ServeMux

// allowed is the handler of each pattern; others are those with which a
// ServeMux answers by itself.
type allowed struct{}

func (allowed) ServeHTTP(http.ResponseWriter, *http.Request) {}

// newLimits makes limits of patterns, which have been checked.
func newLimits(patterns []string) limits {
	var l limits
	for _, pattern := range patterns {
		mux := http.NewServeMux()
		mux.Handle(pattern, allowed{})
		l = append(l, mux)
	}
	return l
}

// allow reports whether a request below base_url is allowed. A path with an
// encoded slash must be allowed in both of its readings.
func (l limits) allow(method string, rest *url.URL) bool {
	return len(l) == 0 || l.match(method, rest) &&
		(rest.RawPath == "" || l.match(method, &url.URL{Path: rest.Path}))
}

func (l limits) match(method string, path *url.URL) bool {
	for _, mux := range l {
		handler, _ := mux.Handler(&http.Request{Method: method, URL: path})
		if _, ok := handler.(allowed); ok {
			return true
		}
	}
	return false
}

// overrides are headers by which some frameworks take a request for one with
// another method or path than it says.
var overrides = []string{"X-Http-Method", "X-Http-Method-Override", "X-Method-Override", "X-Original-Url", "X-Rewrite-Url"}

// overridden returns the header with which a request may get around l, empty
// if it has none.
func (l limits) overridden(h http.Header) string {
	for _, name := range overrides {
		if len(l) > 0 && len(h[name]) > 0 {
			return name
		}
	}
	return ""
}
