package grant

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"example.com/bearer/internal/mistake"
	"example.com/bearer/internal/origin"
)

// Server is an authorization server as data: where its endpoints are, and how
// they want to be addressed. Only the endpoints that are used need to be set.
// Copy it freely.
type Server struct {
	Issuer        string // the server's own name for itself (RFC 8414 section 2); only Discover sends requests there
	AuthURL       string // the authorization endpoint, for the user's browser (RFC 6749 section 3.1)
	TokenURL      string // the token endpoint (section 3.2)
	RevokeURL     string // the revocation endpoint (RFC 7009)
	DeviceAuthURL string // the device authorization endpoint (RFC 8628 section 3.1)
	RefreshURL    string // where refresh tokens are redeemed; empty: TokenURL

	// MTLSAliases are the endpoints for clients that authenticate by mutual
	// TLS, if they are different (RFC 8705 section 5). Only [TLS] uses them,
	// and for an endpoint without an alias the usual one.
	MTLSAliases MTLSAliases

	// IssuerInCallback says that the server names itself in each callback (RFC
	// 9207), so that a callback without its name is refused; Issuer is required
	// then. [Server.Discover] finds out.
	IssuerInCallback bool

	// JSON sends parameters as a JSON object instead of a form, for servers
	// that want that.
	JSON bool

	// ScopeSeparator stands between scopes. Empty: a space (RFC 6749 section
	// 3.3).
	ScopeSeparator string

	// CodeParam is what a callback calls the authorization code. Empty: code.
	CodeParam string

	// ReuseGrace is how long the server accepts a refresh token again after it
	// was used, in case the answer was lost, if it rotates refresh tokens: what
	// its documentation calls a grace period, leeway or reuse interval. A
	// bearer.Cache that finds that a process died in the middle of a refresh then
	// refreshes at once. Zero: not known; a repeat may end the login (RFC 9700
	// section 4.14.2). To declare more than the server grants risks the login.
	ReuseGrace time.Duration

	// Requests and Answers are how the server differs from RFC 6749 otherwise.
	// Requests is a pointer, nil if nothing differs, so that Servers can be
	// compared.
	Requests *RequestDialect
	Answers  AnswerDialect

	// Transport carries the requests. Nil is a transport of this package,
	// shared by all servers, which sends a request that can be spent once, such
	// as a refresh, over a fresh connection. Idle connections of a Transport
	// are left alone, so that it may be the one that your other requests use;
	// but a server that closes one of them at the moment it is used makes a
	// refresh fail whose token may have been spent.
	Transport http.RoundTripper

	// Timeout limits one attempt, from the dial to the last byte of the answer.
	// 0 is 10 seconds, negative no limit but the context's.
	Timeout time.Duration

	// Retries is how many more attempts may follow the first one. 0 is 2,
	// negative none. A bearer.Cache repeats its refreshes itself, with one
	// attempt each.
	Retries int

	// InsecureAllowHTTP allows plaintext http to hosts other than this machine.
	// Anyone on the path can then read the client's secret and every token.
	InsecureAllowHTTP bool
}

// MTLSAliases are endpoints for mutual TLS; an empty one is the same as the
// [Server]'s. They are the mtls_endpoint_aliases of RFC 8705 section 5.
type MTLSAliases struct {
	TokenURL      string
	RevokeURL     string
	DeviceAuthURL string
}

const (
	defaultTimeout = 10 * time.Second // a token endpoint that takes longer is not healthy
	defaultRetries = 2                // three attempts get past a blip; an outage is for a breaker
)

func (s Server) timeout() time.Duration {
	switch {
	case s.Timeout == 0:
		return defaultTimeout
	case s.Timeout < 0:
		return 0 // no limit in http.Client
	}
	return s.Timeout
}

func (s Server) retries() int {
	if s.Retries == 0 {
		return defaultRetries
	}
	return max(s.Retries, 0)
}

// alias returns the field and the URL that a client with a certificate uses
// instead of these.
func (s Server) alias(field, url string) (string, string) {
	alias := ""
	switch field {
	case "Server.TokenURL":
		alias = s.MTLSAliases.TokenURL
	case "Server.RevokeURL":
		alias = s.MTLSAliases.RevokeURL
	case "Server.DeviceAuthURL":
		alias = s.MTLSAliases.DeviceAuthURL
	}
	if alias == "" {
		return field, url
	}
	return strings.Replace(field, ".", ".MTLSAliases.", 1), alias
}

// endpoint checks the URL in the named field before anything is sent to it.
//
// An error quotes the URL only if it cannot hold credentials. One that cannot
// be parsed is never quoted, nor are the parser's words about it: it may hold a
// password where its author thought that the userinfo was.
func (s Server) endpoint(field, raw string) (*url.URL, error) {
	if raw == "" {
		return nil, mistake.Errorf("grant: %s is empty; set it to the server's endpoint", field)
	}
	u, err := url.Parse(raw)
	if err != nil {
		return nil, mistake.Errorf("grant: %s cannot be parsed as a URL", field)
	}
	shown := ""
	if u.Opaque == "" && !strings.ContainsAny(raw, "@?#") {
		shown = fmt.Sprintf(" (it is %q)", raw)
	}
	switch {
	case u.Scheme != "https" && u.Scheme != "http", u.Host == "":
		return nil, mistake.Errorf("grant: %s is not an absolute https URL%s", field, shown)
	case u.User != nil:
		return nil, mistake.Errorf("grant: %s has a user name or password in it; credentials belong in Auth", field)
	case strings.Contains(raw, "#"):
		return nil, mistake.Errorf("grant: %s has a fragment, which RFC 6749 section 3.2 forbids; remove it", field)
	case u.Scheme == "http" && !s.InsecureAllowHTTP && !origin.Loopback(u.Hostname()):
		return nil, mistake.Errorf("grant: %s is plaintext http to %q, which would show secrets to the network; use https%s", field, u.Host, shown)
	}
	return u, nil
}
