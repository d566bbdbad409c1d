package bearer

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// show writes challenges as text that tests can compare.
func show(cs []challenge) string {
	var out []string
	for _, c := range cs {
		var params []string
		for k, v := range c.params {
			params = append(params, fmt.Sprintf("%s=%q", k, v))
		}
		slices.Sort(params)
		out = append(out, strings.Join(append([]string{c.scheme}, params...), " "))
	}
	return strings.Join(out, " | ")
}

// RFC 9110 section 11.6.1, and what servers send instead.
func TestParseChallenges(t *testing.T) {
	for _, c := range []struct {
		name  string
		lines []string
		want  string
	}{
		{"none", nil, ``},
		{"empty field", []string{"", " , ,"}, ``},
		{"scheme alone", []string{`Bearer`}, `bearer`},
		{"a parameter", []string{`Bearer realm="api"`}, `bearer realm="api"`},
		{"a token", []string{`Bearer error=invalid_token`}, `bearer error="invalid_token"`},
		{"the RFC's example", []string{`Basic realm="simple", Newauth realm="apps", type=1, title="Login to \"apps\""`},
			`basic realm="simple" | newauth realm="apps" title="Login to \"apps\"" type="1"`},
		{"several in one field", []string{`Negotiate, Bearer realm="a", error="invalid_token", Basic realm="b"`}, `negotiate | bearer error="invalid_token" realm="a" | basic realm="b"`},
		{"several fields", []string{`Basic realm="b"`, `Bearer error="invalid_token"`}, `basic realm="b" | bearer error="invalid_token"`},
		{"a list cut in two fields", []string{`Bearer realm="b"`, `error="invalid_token"`}, `bearer error="invalid_token" realm="b"`},
		{"commas in quotes", []string{`Bearer realm="a, Basic b=c, d", error="x"`}, `bearer error="x" realm="a, Basic b=c, d"`},
		{"escapes", []string{`Bearer realm="a\"b\\c\d"`}, `bearer realm="a\"b\\cd"`},
		{"empty quotes", []string{`Bearer realm=""`}, `bearer realm=""`},
		{"upper and lower case", []string{`BEARER Error="Invalid_Token"`}, `bearer error="Invalid_Token"`},
		{"spaces round =", []string{"Bearer realm = \"a\" ,\terror=\t\"b\""}, `bearer error="b" realm="a"`},
		{"no space after comma", []string{`Bearer realm="a",error="b"`}, `bearer error="b" realm="a"`},
		{"empty elements", []string{`,, Bearer realm="a",, ,error="b",`}, `bearer error="b" realm="a"`},
		{"token68", []string{`Negotiate YIIB+/-._~==`}, `negotiate`},
		{"token68 before another", []string{`NTLM TlRMTVNTUAAC=, Bearer error="x"`}, `ntlm | bearer error="x"`},
		{"token68 with spaces", []string{`Negotiate abc== , Bearer`}, `negotiate | bearer`},
		{"one = is token68 at the end", []string{`Negotiate abc=`}, `negotiate`},
		{"first parameter counts", []string{`Bearer error="a", error="b", ERROR="c"`}, `bearer error="a"`},
		{"missing commas", []string{`Bearer realm="a" error="b"`}, `bearer error="b" realm="a"`},
		{"unquoted URL ends the line", []string{`Bearer realm=https://a.test, error="b"`, `Basic`}, `bearer realm="https" | basic`},
		{"open quote", []string{`Bearer realm="a", error="b`}, `bearer realm="a"`},
		{"escape at the end", []string{`Bearer realm="a\`}, `bearer`},
		{"no value", []string{`Bearer realm=, error="b"`}, `bearer error="b"`},
		{"no scheme", []string{`realm="a"`}, ``},
		{"garbage", []string{`"Bearer"`, `=`, `Bearer`, "\x00", `ä`}, `bearer`},
	} {
		if got := show(parseChallenges(c.lines)); got != c.want {
			t.Errorf("%s: got  %s\nwant %s", c.name, got, c.want)
		}
	}
}

// RFC 6750 section 3.1: which answers a new token might change.
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
		{[]string{`Basic realm="a"`}, false},
		{[]string{`Basic realm="a"`, `Bearer realm="b"`}, true},
		{[]string{`Basic realm="a", Bearer error="insufficient_scope"`}, false},
		{[]string{`Bearer error="insufficient_scope", DPoP algs="ES256"`}, true},
		{[]string{`Basic realm="Bearer error=invalid_token"`}, false},
		{[]string{`Negotiate, NTLM`, `Digest realm="a", nonce="b"`}, false},
		{[]string{`Token`}, false}, // an API with a scheme of its own needs a Transport.Rejected of its own
		{[]string{`OAuth realm='api', error='invalid_token'`}, false},
		{[]string{`Bearer error="insufficient_scope`}, true}, // cut off: better one refresh too many
	} {
		h := http.Header{"Www-Authenticate": c.lines}
		if got := newTokenMightHelp(h); got != c.want {
			t.Errorf("%q: got %v, want %v", c.lines, got, c.want)
		}
	}
}

// An answer may have 10 MB of header, and reading it must not take time that
// grows with the square of its length: the sizes show about the same MB/s.
func BenchmarkParseChallenges(b *testing.B) {
	for _, size := range []int{1 << 10, 1 << 20} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			lines := []string{strings.Repeat("a ", size/2)}
			b.SetBytes(int64(size))
			for b.Loop() {
				parseChallenges(lines)
			}
		})
	}
}

// Whatever the field holds: no panic, no scheme or name that is not a token, and
// what was parsed reads the same when it is written properly.
func FuzzParseChallenges(f *testing.F) {
	f.Add(`Basic realm="simple", Newauth realm="apps", type=1, title="Login to \"apps\""`, "")
	f.Add(`Negotiate YIIB==, Bearer error="insufficient_scope"`, `Basic realm="a, b"`)
	f.Add("Bearer realm=\"a\\", "error=x,,")
	f.Fuzz(func(t *testing.T, a, b string) {
		cs := parseChallenges([]string{a, b})
		var lines []string
		for _, c := range cs {
			line := c.scheme
			if c.scheme == "" || strings.ContainsFunc(c.scheme, func(r rune) bool { return r > 0x7f || !isTokenByte(byte(r)) }) {
				t.Errorf("scheme %q is no token", c.scheme)
			}
			sep := " "
			for k, v := range c.params {
				line += sep + k + `="` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(v) + `"`
				sep = ", "
			}
			lines = append(lines, line)
		}
		if got, want := show(parseChallenges(lines)), show(cs); got != want {
			t.Errorf("read again: got  %s\nwant %s", got, want)
		}
		newTokenMightHelp(http.Header{"Www-Authenticate": {a, b}})
	})
}
