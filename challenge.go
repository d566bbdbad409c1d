package bearer

import (
	"net/http"

	"example.com/bearer/internal/challenge"
)

// newTokenMightHelp reports whether a new token might be accepted where a 401
// with header h rejected one. It is false only if every Bearer and DPoP
// challenge says that the token is not the fault (RFC 6750 section 3.1). Other
// schemes prove nothing: APIs challenge with Basic, Token or nothing at all and
// accept bearer tokens all the same.
func newTokenMightHelp(h http.Header) bool {
	declined := false
	for _, c := range challenge.Parse(h.Values("WWW-Authenticate")) {
		if c.Scheme != "bearer" && c.Scheme != "dpop" {
			continue
		}
		switch c.Params["error"] {
		case "insufficient_scope", "invalid_request":
			declined = true
		default:
			return true
		}
	}
	return !declined
}
