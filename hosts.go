package bearer

import (
	"net/http"
	"net/url"

	"example.com/bearer/internal/origin"
)

// A decision is what Transport does with a request.
type decision int

const (
	inject   decision = iota // send it with the token
	withhold                 // send it without: its host must not get the token
	refuse                   // do not send it: its host may, but in plaintext
)

// decide decides where a token may go (RFC 6750 section 5.3, RFC 9700 section
// 4.11).
func (t *Transport) decide(req *http.Request) decision {
	if len(t.allowed) > 0 && !t.allowed.Has(req.URL) || req.Response != nil && !t.trusted(req) {
		return withhold
	}
	if req.URL.Scheme != "https" && !t.InsecureAllowHTTP && !origin.Loopback(req.URL.Hostname()) {
		return refuse
	}
	return inject
}

// trusted reports whether every request of the redirect chain that led to req
// went to one of Hosts or, if there are none, to req's origin. A chain that
// left is not trusted again, because another origin chose where it went since
// (http.Client strips the headers of such a chain for good, CVE-2024-45336).
func (t *Transport) trusted(req *http.Request) bool {
	if len(t.allowed) > 0 {
		return wayOf(req, t.allowed.Has)
	}
	return stayed(req)
}

// stayed reports whether the redirect chain that led to req never left req's
// origin.
func stayed(req *http.Request) bool {
	return wayOf(req, func(u *url.URL) bool { return origin.Same(u, req.URL) })
}

// wayOf reports whether every request of the redirect chain before req went to
// a URL that is good.
//
// http.Client records in Request.Response the response that caused a request,
// and pass sees to it that Response.Request is the request before. If a link is
// missing, so is the proof, and if the chain does not end: a handmade one can be
// a circle.
func wayOf(req *http.Request, good func(*url.URL) bool) bool {
	const longest = 1000 // http.Client stops after 10 unless CheckRedirect is set
	n := 0
	for r := req; r.Response != nil; n++ {
		r = r.Response.Request
		if r == nil || r.URL == nil || n == longest || !good(r.URL) {
			return false
		}
	}
	return true
}
