package challenge

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// show writes challenges as text that tests can compare.
func show(cs []Challenge) string {
	var out []string
	for _, c := range cs {
		var params []string
		for k, v := range c.Params {
			params = append(params, fmt.Sprintf("%s=%q", k, v))
		}
		slices.Sort(params)
		out = append(out, strings.Join(append([]string{c.Scheme}, params...), " "))
	}
	return strings.Join(out, " | ")
}

// What RFC 9110 section 11.6.1 allows, and what servers send instead.
func TestParse(t *testing.T) {
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
		if got := show(Parse(c.lines)); got != c.want {
			t.Errorf("%s: got  %s\nwant %s", c.name, got, c.want)
		}
	}
}

// A response may have megabytes of header, and the time to parse it must not
// grow with the square of its length: both sizes show about the same MB/s.
func BenchmarkParse(b *testing.B) {
	for _, size := range []int{1 << 10, 1 << 20} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			lines := []string{strings.Repeat("a ", size/2)}
			b.SetBytes(int64(size))
			for b.Loop() {
				Parse(lines)
			}
		})
	}
}

// Whatever the fields hold, Parse does not panic, returns no scheme that is not
// a token, and parses its result, properly written, to the same challenges.
func FuzzParse(f *testing.F) {
	f.Add(`Basic realm="simple", Newauth realm="apps", type=1, title="Login to \"apps\""`, "")
	f.Add(`Negotiate YIIB==, Bearer error="insufficient_scope"`, `Basic realm="a, b"`)
	f.Add("Bearer realm=\"a\\", "error=x,,")
	f.Fuzz(func(t *testing.T, a, b string) {
		cs := Parse([]string{a, b})
		var lines []string
		for _, c := range cs {
			line := c.Scheme
			if c.Scheme == "" || strings.ContainsFunc(c.Scheme, func(r rune) bool { return r > 0x7f || !isTokenByte(byte(r)) }) {
				t.Errorf("scheme %q is no token", c.Scheme)
			}
			sep := " "
			for k, v := range c.Params {
				line += sep + k + `="` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(v) + `"`
				sep = ", "
			}
			lines = append(lines, line)
		}
		if got, want := show(Parse(lines)), show(cs); got != want {
			t.Errorf("read again: got  %s\nwant %s", got, want)
		}
	})
}
