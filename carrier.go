package bearer

import (
	"fmt"
	"net/http"
	"strings"
)

// A carrier is the header that carries the token, and how.
type carrier struct {
	name   string // canonical
	prefix string // what stands before the token
	usual  bool   // as RFC 6750 section 2.1 has it: an entry has the value ready
}

const authorization = "Authorization"

func newCarrier(name, scheme string) (carrier, error) {
	if bad := strings.IndexFunc(name, notToken); bad >= 0 || unsent[http.CanonicalHeaderKey(name)] {
		return carrier{}, fmt.Errorf("bearer: Transport.Header is %q: want the name of a header that net/http sends, such as X-Api-Token", name)
	}
	if bad := strings.IndexFunc(scheme, notToken); bad >= 0 {
		return carrier{}, fmt.Errorf("bearer: Transport.Scheme is %q: want one word, such as Token, without the space that follows it", scheme)
	}
	switch {
	case name == "" && scheme == "":
		return carrier{authorization, "Bearer ", true}, nil
	case name == "":
		name = authorization
	}
	if scheme != "" {
		scheme += " "
	}
	return carrier{name: http.CanonicalHeaderKey(name), prefix: scheme}, nil
}

// unsent are the headers that net/http writes itself, whatever a request's map
// says, or that are about the connection: no token would arrive.
var unsent = map[string]bool{
	"Host": true, "Content-Length": true, "Transfer-Encoding": true, "Trailer": true, "Connection": true,
	"Keep-Alive": true, "Proxy-Connection": true, "Te": true, "Upgrade": true, "User-Agent": true,
}

// notToken reports whether r cannot stand in the name of a header, or of a
// scheme (RFC 9110 section 5.6.2).
func notToken(r rune) bool {
	return r <= ' ' || r >= 0x7f || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, r)
}

// value returns what the header says.
func (c *carrier) value(e *entry) string {
	if c.usual {
		return e.header[0]
	}
	return c.prefix + e.token.AccessToken
}

// is reports whether k, in any case, is the header's name: net/http writes keys
// as they are.
func (c *carrier) is(k string) bool {
	return len(k) == len(c.name) && k[0]|0x20 == c.name[0]|0x20 && strings.EqualFold(k, c.name)
}

// copyHeader copies the map, with room for one more key, and shares the values
// in a way that appending to one does not write into the caller's array. It
// also reports whether the caller has set the header that carries the token.
// One loop does both because most of a RoundTrip's time is spent here.
func (c *carrier) copyHeader(h http.Header) (out http.Header, authorized bool) {
	out = make(http.Header, len(h)+1)
	for k, v := range h {
		if c.is(k) {
			return nil, true
		}
		out[k] = v[:len(v):len(v)]
	}
	return out, false
}

// sendOwn sends a request that has the header already.
//
// http.Client copies the headers of the first request to those that redirects
// lead to, and where a chain leaves it removes only those that it knows to
// authorize. Another one is removed here: that it was copied does not mean that
// the caller wants it there.
func (t *Transport) sendOwn(req *http.Request) (*http.Response, error) {
	if t.carrier.name == authorization || stayed(req) || t.decide(req) == inject {
		return t.pass(req, req)
	}
	out := *req
	out.Header = make(http.Header, len(req.Header))
	for k, v := range req.Header {
		if !t.carrier.is(k) {
			out.Header[k] = v[:len(v):len(v)]
		}
	}
	return t.pass(&out, req)
}
