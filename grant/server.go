package grant

import (
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"
)

// Server is an authorization server as data: where its endpoints are and how they want to be
// spoken to. Only the endpoints that are used need to be set. Copy it freely.
type Server struct {
	Issuer        string // the server's own name for itself (RFC 8414 section 2); compared, never called
	AuthURL       string // where the user's browser is sent (RFC 6749 section 3.1)
	TokenURL      string // where tokens are asked for (section 3.2)
	RevokeURL     string // where tokens are revoked (RFC 7009)
	DeviceAuthURL string // where a device asks for a user code (RFC 8628 section 3.1)

	// IssuerInCallback says that the server names itself in each callback (RFC 9207), so that one
	// without its name is refused; Issuer is required then. [Server.Discover] finds out.
	IssuerInCallback bool

	// JSON sends parameters as a JSON object instead of a form, for servers that want it so.
	JSON bool

	// Transport carries the requests. Nil is one of this package's own, shared by all servers.
	// Its idle connections are left alone, so that it may be the one your other requests use.
	Transport http.RoundTripper

	// Timeout limits one attempt, from the dial to the last byte of the answer.
	// 0 is 10 seconds, negative no limit but the context's.
	Timeout time.Duration

	// Retries is how many more attempts may follow the first one. 0 is 2, negative none.
	Retries int

	// InsecureAllowHTTP allows plaintext http to hosts other than this machine. Whoever is on
	// the way then reads the client's secret and every token.
	InsecureAllowHTTP bool
}

const (
	defaultTimeout = 10 * time.Second // a token endpoint that thinks longer is not well
	defaultRetries = 2                // three attempts pass over a blip; an outage is for a breaker
)

func (s Server) timeout() time.Duration {
	switch {
	case s.Timeout == 0:
		return defaultTimeout
	case s.Timeout < 0:
		return 0 // http.Client's own "none"
	}
	return s.Timeout
}

func (s Server) retries() int {
	if s.Retries == 0 {
		return defaultRetries
	}
	return max(s.Retries, 0)
}

// endpoint checks the URL in the named field before anything is sent to it.
//
// No error quotes the URL or the parser's words about it: a URL that is wrong may well hold a
// password, in its userinfo or where its author thought that the userinfo was.
func (s Server) endpoint(field, raw string) (*url.URL, error) {
	if raw == "" {
		return nil, fmt.Errorf("grant: %s is empty; set it to the server's endpoint", field)
	}
	u, err := url.Parse(raw)
	switch {
	case err != nil:
		return nil, fmt.Errorf("grant: %s cannot be parsed as a URL", field)
	case u.Scheme != "https" && u.Scheme != "http", u.Host == "":
		return nil, fmt.Errorf("grant: %s is no absolute https URL", field)
	case u.User != nil:
		return nil, fmt.Errorf("grant: %s has a user name or password in it; credentials belong in Auth", field)
	case u.Fragment != "" || strings.Contains(raw, "#"):
		return nil, fmt.Errorf("grant: %s has a fragment, which RFC 6749 section 3.2 forbids; remove it", field)
	case u.Scheme == "http" && !s.InsecureAllowHTTP && !loopback(u.Hostname()):
		return nil, fmt.Errorf("grant: %s is plaintext http to %q, which would show secrets to the network; use https", field, u.Host)
	}
	return u, nil
}

// loopback reports whether host is this machine. "localhost" is taken at its word, as browsers
// do (RFC 6761 section 6.3); another name is not looked up, for the answer could change.
func loopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.IsLoopback()
}
