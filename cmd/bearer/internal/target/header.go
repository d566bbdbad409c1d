package target

import (
	"cmp"
	"fmt"
	"net/http"
	"strings"

	"golang.org/x/net/http/httpguts"

	"example.com/bearer/config"
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
	case strings.EqualFold(name, t.carrier.name), strings.EqualFold(name, "Authorization"):
		return fmt.Errorf("the header %s is for the client's token: remove it", name)
	case strings.EqualFold(name, "Host"):
		return fmt.Errorf("the header %s would lead the token to another site than the URL: write that site in the URL", name)
	}
	h.Add(name, value)
	return nil
}

// Header returns the header that carries a token.
func (t *Target) Header(token string) (name, value string) { return t.carrier.header(token) }

// Header returns the header that carries a token of that client, wherever its
// requests go.
func Header(c config.Client, token string) (name, value string) { return carrierOf(c).header(token) }

// A carrier is how a client's requests carry the token.
type carrier struct {
	name   string // of the header
	scheme string // before the token there; empty: none
}

func carrierOf(c config.Client) carrier {
	if c.TokenHeader == "" {
		return carrier{"Authorization", cmp.Or(c.TokenScheme, "Bearer")}
	}
	return carrier{c.TokenHeader, c.TokenScheme}
}

func (c carrier) header(token string) (name, value string) {
	if c.scheme == "" {
		return c.name, token
	}
	return c.name, c.scheme + " " + token
}

// ValidMethod reports whether a request may have that method: one in capitals,
// since servers tell get from GET, and not CONNECT, which asks for a connection
// and not for a resource.
func ValidMethod(method string) bool {
	return httpguts.ValidHeaderFieldName(method) && method == strings.ToUpper(method) && method != http.MethodConnect
}
