package login

import (
	"context"
	"net/http"
	"strings"
)

type returnToKey struct{}

func withReturnTo(r *http.Request, path string) *http.Request {
	return r.WithContext(context.WithValue(r.Context(), returnToKey{}, path))
}

// ReturnTo returns where the user wanted to go when the login began, for use in
// the funcs of a [Handler]: the value of return_to in the query of the start,
// as in /login?return_to=/wallets. It is always a path of this site, so that a
// link cannot make a login end at another one, and "/" if there was none or it
// leads elsewhere.
func ReturnTo(r *http.Request) string {
	if path, ok := r.Context().Value(returnToKey{}).(string); ok {
		return path
	}
	return "/"
}

// maxReturnTo keeps maxPending cookies well below the 8 KiB of headers at which
// some servers refuse a request.
const maxReturnTo = 512

// local returns path if a browser that follows it stays on this site, else "/".
//
// Browsers read a backslash as a slash and drop tabs and newlines, so that
// "/\evil.example" and "/\t/evil.example" are "//evil.example" to them, which
// is another host.
func local(path string) string {
	if len(path) > maxReturnTo || !strings.HasPrefix(path, "/") || strings.HasPrefix(path, "//") {
		return "/"
	}
	if strings.ContainsFunc(path, func(r rune) bool { return r <= ' ' || r == '\\' || r == 0x7f }) {
		return "/"
	}
	return path
}
