package bearer

import (
	"net/http"
	"testing"
)

// RFC 6750 section 3.1: after which challenges a new token might be accepted.
// Only Bearer and DPoP challenges can rule it out.
func TestNewTokenMightHelp(t *testing.T) {
	for _, c := range []struct {
		lines []string
		want  bool
	}{
		{nil, true},
		{[]string{``}, true},
		{[]string{`???`}, true},
		{[]string{`Bearer`}, true},
		{[]string{`Bearer realm="api"`}, true},
		{[]string{`Bearer error="invalid_token"`}, true},
		{[]string{`Bearer error="something_new"`}, true},
		{[]string{`Bearer error="insufficient_scope", scope="a b"`}, false},
		{[]string{`bearer error=invalid_request`}, false},
		{[]string{`DPoP error="invalid_token", algs="ES256"`}, true},
		{[]string{`DPoP error="insufficient_scope"`}, false},
		{[]string{`Basic realm="a"`}, true},
		{[]string{`Basic realm="a"`, `Bearer realm="b"`}, true},
		{[]string{`Basic realm="a", Bearer error="insufficient_scope"`}, false},
		{[]string{`Bearer error="insufficient_scope", DPoP algs="ES256"`}, true},
		{[]string{`Bearer error="insufficient_scope"`, `Bearer realm="b"`}, true},
		{[]string{`Bearer error="insufficient_scope"`, `Bearer error="invalid_request"`}, false},
		{[]string{`Token error="insufficient_scope"`}, true},
		{[]string{`Basic realm="Bearer error=invalid_token"`}, true},
		{[]string{`Negotiate, NTLM`, `Digest realm="a", nonce="b"`}, true},
		{[]string{`Token`}, true},
		{[]string{`OAuth realm='api', error='invalid_token'`}, true},
		{[]string{`Bearer error="insufficient_scope`}, true}, // cut off: rather one renewal too many
	} {
		h := http.Header{"Www-Authenticate": c.lines}
		if got := newTokenMightHelp(h); got != c.want {
			t.Errorf("%q: got %v, want %v", c.lines, got, c.want)
		}
	}
}
