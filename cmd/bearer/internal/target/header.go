package target

import (
	"fmt"
	"net/http"
	"strings"

	"golang.org/x/net/http/httpguts"
)

// SetHeader adds a header that the user wrote to h. It refuses those that would
// replace the token, or send it to another site than the URL says. The error
// does not show the value.
func (t *Target) SetHeader(h http.Header, name, value string) error {
	switch {
	case !httpguts.ValidHeaderFieldName(name):
		return fmt.Errorf("%q is not the name of a header", name)
	case !httpguts.ValidHeaderFieldValue(value):
		return fmt.Errorf("the value of the header %s has a character that a header cannot have", name)
	case strings.EqualFold(name, t.header), strings.EqualFold(name, "Authorization"):
		return fmt.Errorf("the header %s is for the client's token: remove it", name)
	case strings.EqualFold(name, "Host"):
		return fmt.Errorf("the header %s would lead the token to another site than the URL: write that site in the URL", name)
	}
	h.Add(name, value)
	return nil
}

// Header returns the header that carries a token.
func (t *Target) Header(token string) (name, value string) {
	if t.scheme == "" {
		return t.header, token
	}
	return t.header, t.scheme + " " + token
}

// ValidMethod reports whether a request may have that method: one in capitals,
// since servers tell get from GET, and not CONNECT, which asks for a connection
// and not for a resource.
func ValidMethod(method string) bool {
	return httpguts.ValidHeaderFieldName(method) && method == strings.ToUpper(method) && method != http.MethodConnect
}
