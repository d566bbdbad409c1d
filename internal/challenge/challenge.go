// Package challenge parses the WWW-Authenticate fields of a response (RFC 9110
// section 11.6.1).
package challenge

import "strings"

// A Challenge is an authentication scheme with its parameters.
type Challenge struct {
	Scheme string            // in lower case
	Params map[string]string // names in lower case; nil if there are none, or a token68
}

// Parse returns all challenges in the field lines. A line ends where it departs
// from the grammar; what precedes that point counts.
//
//	challenge  = auth-scheme [ 1*SP ( token68 / #auth-param ) ]
//	auth-param = token BWS "=" BWS ( token / quoted-string )
//
// Commas separate challenges as well as parameters. A word is a parameter's
// name if "=" follows it, and the scheme of the next challenge otherwise.
func Parse(lines []string) []Challenge {
	var cs []Challenge
	for _, line := range lines {
		s := scanner{line}
		for s.commas(); s.rest != ""; s.commas() {
			word := s.token()
			if word == "" {
				break
			}
			if s.equals() {
				value, ok := s.value()
				if !ok || len(cs) == 0 {
					break
				}
				cs[len(cs)-1].set(word, value)
				continue
			}
			cs = append(cs, Challenge{Scheme: strings.ToLower(word)})
			s.token68()
		}
	}
	return cs
}

// set sets a parameter. If a name is repeated, which the RFC forbids, the first
// value counts.
func (c *Challenge) set(name, value string) {
	if c.Params == nil {
		c.Params = make(map[string]string)
	}
	name = strings.ToLower(name)
	if _, repeated := c.Params[name]; !repeated {
		c.Params[name] = value
	}
}

// A scanner reads a field line from left to right.
type scanner struct{ rest string }

func (s *scanner) spaces() { s.rest = strings.TrimLeft(s.rest, " \t") }

func (s *scanner) commas() { s.rest = strings.TrimLeft(s.rest, " \t,") }

func (s *scanner) token() string {
	n := 0
	for n < len(s.rest) && isTokenByte(s.rest[n]) {
		n++
	}
	t := s.rest[:n]
	s.rest = s.rest[n:]
	return t
}

// equals skips the "=" of a parameter and reports whether there was one.
func (s *scanner) equals() bool {
	t := strings.TrimLeft(s.rest, " \t")
	if !strings.HasPrefix(t, "=") {
		return false
	}
	s.rest = t[1:]
	s.spaces()
	return true
}

// value reads a token or a quoted-string.
func (s *scanner) value() (string, bool) {
	if !strings.HasPrefix(s.rest, `"`) {
		v := s.token()
		return v, v != ""
	}
	var v strings.Builder
	for i := 1; i < len(s.rest); i++ {
		switch b := s.rest[i]; b {
		case '"':
			s.rest = s.rest[i+1:]
			return v.String(), true
		case '\\':
			if i++; i == len(s.rest) {
				return "", false
			}
			v.WriteByte(s.rest[i])
		default:
			v.WriteByte(b)
		}
	}
	return "", false
}

// token68 skips a token68. It extends to the next comma, and unlike a
// parameter has no value after its "=".
func (s *scanner) token68() {
	s.spaces()
	n := 0
	for n < len(s.rest) && isToken68Byte(s.rest[n]) {
		n++
	}
	after := strings.TrimLeft(strings.TrimLeft(s.rest[n:], "="), " \t")
	if n > 0 && (after == "" || after[0] == ',') {
		s.rest = after
	}
}

func isTokenByte(b byte) bool {
	return isAlphaNum(b) || strings.IndexByte("!#$%&'*+-.^_`|~", b) >= 0
}

func isToken68Byte(b byte) bool { return isAlphaNum(b) || strings.IndexByte("-._~+/", b) >= 0 }

func isAlphaNum(b byte) bool {
	return '0' <= b && b <= '9' || 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z'
}
