package bearer

import (
	"net/http"
	"strings"
)

// A challenge is one of those in WWW-Authenticate fields (RFC 9110 section
// 11.6.1): an authentication scheme with its parameters.
type challenge struct {
	scheme string            // lower case
	params map[string]string // names in lower case; nil with a token68
}

// newTokenMightHelp reports whether the challenges of a 401 leave it open that
// another token is accepted (RFC 6750 section 3.1). It is also true without any
// challenge: many APIs send none.
func newTokenMightHelp(h http.Header) bool {
	cs := parseChallenges(h.Values("WWW-Authenticate"))
	if len(cs) == 0 {
		return true
	}
	for _, c := range cs {
		if c.scheme != "bearer" && c.scheme != "dpop" {
			continue
		}
		switch c.params["error"] {
		case "insufficient_scope", "invalid_request":
		default:
			return true
		}
	}
	return false
}

// parseChallenges reads all challenges in the field lines. What does not follow
// the grammar ends its line; what came before it counts.
//
//	challenge  = auth-scheme [ 1*SP ( token68 / #auth-param ) ]
//	auth-param = token BWS "=" BWS ( token / quoted-string )
//
// Challenges and parameters are both separated by commas. A parameter is told
// from the scheme of the next challenge by the "=" that follows it.
func parseChallenges(lines []string) []challenge {
	var cs []challenge
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
			cs = append(cs, challenge{scheme: strings.ToLower(word)})
			s.token68()
		}
	}
	return cs
}

// set sets a parameter; the first of a name counts, as none may come twice.
func (c *challenge) set(name, value string) {
	if c.params == nil {
		c.params = make(map[string]string)
	}
	name = strings.ToLower(name)
	if _, twice := c.params[name]; !twice {
		c.params[name] = value
	}
}

// A scanner reads a field line from the left.
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

// equals reads the "=" of a parameter, if one follows.
func (s *scanner) equals() bool {
	t := strings.TrimLeft(s.rest, " \t")
	if !strings.HasPrefix(t, "=") {
		return false
	}
	s.rest = t[1:]
	s.spaces()
	return true
}

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

// token68 skips one, if it follows: it is all there is up to the next comma,
// and unlike a parameter has nothing behind its "=".
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
