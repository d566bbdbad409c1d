package bearertest

import (
	"crypto"
	"crypto/x509"
	"net/http"
	"slices"
	"time"
)

// Config says how a [Server] behaves. The zero value is a usable server on
// loopback TCP with one client, ID "client" and Secret "secret", and one
// user, "alice".
type Config struct {
	// Network is where the server lives; nil means TCP on 127.0.0.1.
	Network *Network
	// Host is the server's host name in Network; empty means "auth.test".
	// It has no effect over TCP.
	Host string
	// TLS makes the TCP server speak https, with a certificate that
	// [Server.Transport] trusts. In a Network the URL is https anyway.
	TLS bool
	// Routes are additional [net/http.ServeMux] patterns for endpoints, as
	// other servers have them: "/auth/v1/token", or with a host and a
	// subtree "api.example.com/v2/".
	Routes map[string]Endpoint

	// Clients are the registered clients; empty means the one named above.
	Clients []Client
	// Users are the subjects who may consent; empty means "alice" alone.
	// Without a consent page the one that the request's login_hint names
	// (OpenID Connect Core section 3.1.2.1) consents, otherwise the first.
	// The page, and [Server.DecideAs], choose any of them.
	Users []string
	// Issuers may sign assertions (RFC 7523) for the JWT bearer grant and
	// for token exchange. The value is the public key of the "iss" that it
	// stands under, in any form that [Client].Key may have.
	Issuers map[string]crypto.PublicKey

	// JSON accepts parameters as a JSON object too, as some servers do.
	// Otherwise a form is required (RFC 6749 appendix B).
	JSON bool

	// Delay is how long each endpoint takes. Requests wait concurrently.
	Delay map[Endpoint]time.Duration

	// TokenLifetime of an access token: 0 means one hour. Negative means
	// that it never expires, and the answers omit expires_in. expires_in
	// has whole seconds, rounded down, and is 1 for less than a second.
	TokenLifetime time.Duration
	// RefreshLifetime of a refresh token: 0 means until it is revoked.
	RefreshLifetime time.Duration
	// NoRotation keeps a refresh token valid after its use, and sends no
	// new one. Otherwise each use returns a new one, and using an old one
	// again revokes all tokens of its family (RFC 9700 section 4.14.2).
	NoRotation bool
	// ReuseGrace is how long after its first use a rotated refresh token
	// may be used again, by a client that lost the answer or refreshes
	// twice at once. Each use then returns another successor; all of them
	// stay valid, and none of the uses counts as reuse. 0 or negative means
	// that the first repetition is reuse.
	ReuseGrace time.Duration

	// Consent is what the user answers at the authorization endpoint and
	// for a device.
	Consent Consent
	// CodeLifetime of an authorization code: 0 means one minute.
	CodeLifetime time.Duration
	// DeviceLifetime of a device code: 0 means ten minutes.
	DeviceLifetime time.Duration
	// DeviceInterval is the least time between two polls: 0 means 5 s.
	DeviceInterval time.Duration

	// APIHeader and APIScheme are the header in which the API takes the token,
	// and the word before it there, as the Header and Scheme of a
	// bearer.Transport are. Both empty means "Authorization: Bearer TOKEN".
	APIHeader string
	APIScheme string
	// RequiredScope returns the scopes that a request to the API needs,
	// separated by spaces; nil or "" means none. A valid token that lacks
	// one of them is answered 403 with an insufficient_scope challenge (RFC
	// 6750 section 3.1), whatever RejectStatus and Challenge are. It is
	// called concurrently and must not read the body.
	RequiredScope func(*http.Request) string
	// RequiredAudience returns the resource that a token must be for, if a
	// request to the API is to be accepted; nil or "" means any. A token is
	// for what its client named as resource (RFC 8707) or audience (RFC
	// 8693 section 2.1). One that is for something else, or that names
	// nothing, is not valid there. It is called as RequiredScope is.
	RequiredAudience func(*http.Request) string
	// RejectStatus is the API's answer to a request without a valid token:
	// 0 means 401.
	RejectStatus int
	// Challenge is the WWW-Authenticate of that answer: empty means a
	// Bearer challenge as RFC 6750 section 3 defines it, "-" means none.
	Challenge string
	// DefaultGrant is assumed for a token request without grant_type;
	// empty means that it is refused, as RFC 6749 requires.
	DefaultGrant string
}

// Consent is a user's answer.
type Consent int

const (
	ConsentApprove Consent = iota // yes, at once
	ConsentDeny                   // no, at once
	ConsentAsk                    // an HTML page asks, or [Server.Decide] answers
)

// Client is a registered client (RFC 6749 section 2).
type Client struct {
	// ID is the client_id.
	ID string
	// Secret is the client_secret. A client without Secret, Key
	// and Certificate is a public one, and must use PKCE.
	Secret string
	// Key verifies the client's assertions for private_key_jwt. It is a
	// public key of package crypto or, for a key with a name, a JSONWebKey
	// or JSONWebKeySet of github.com/go-jose/go-jose/v4. An assertion whose
	// kid names no key is refused, and so is one without kid if there are
	// several keys. Thus a key without a name requires that kid is absent.
	Key crypto.PublicKey
	// Certificate is the client's own for self_signed_tls_client_auth and
	// tls_client_auth (RFC 8705). It needs Config.TLS.
	Certificate *x509.Certificate
	// Auth lists the methods that the client may use, by their names in RFC
	// 8414 and 7591 ("client_secret_basic", "private_key_jwt", "none").
	// Empty means every method that its credentials allow.
	Auth []string
	// Grants lists the grant_type values that it may use; empty means all.
	Grants []string
	// Scopes lists the scopes that it may request; empty means any.
	Scopes []string
	// RedirectURIs are the registered ones; empty means any. They are
	// compared exactly, except that the port of a loopback address is free
	// (RFC 8252 section 7.3).
	RedirectURIs []string
	// RequirePKCE requires PKCE of a confidential client too.
	RequirePKCE bool
	// RawBasic takes HTTP Basic credentials as they are, without the
	// form-encoding of RFC 6749 section 2.3.1.
	RawBasic bool
}

// public reports whether the client has no credentials.
func (c *Client) public() bool { return c.Secret == "" && c.Key == nil && c.Certificate == nil }

// withDefaults replaces zero values by what they mean, in a copy.
func (c Config) withDefaults() *Config {
	if len(c.Clients) == 0 {
		c.Clients = []Client{{ID: "client", Secret: "secret"}}
	}
	if len(c.Users) == 0 {
		c.Users = []string{"alice"}
	}
	orDefault := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	orDefault(&c.TokenLifetime, time.Hour)
	orDefault(&c.CodeLifetime, time.Minute)
	orDefault(&c.DeviceLifetime, 10*time.Minute)
	orDefault(&c.DeviceInterval, 5*time.Second)
	if c.RejectStatus == 0 {
		c.RejectStatus = http.StatusUnauthorized
	}
	return &c
}

// client returns a registered client, nil if there is none with this id.
func (c *Config) client(id string) *Client {
	for i := range c.Clients {
		if c.Clients[i].ID == id {
			return &c.Clients[i]
		}
	}
	return nil
}

// user returns the user that hint names, otherwise the first one.
func (c *Config) user(hint string) string {
	if slices.Contains(c.Users, hint) {
		return hint
	}
	return c.Users[0]
}

// allows reports whether v is in list; an empty list allows everything.
func allows(list []string, v string) bool {
	return len(list) == 0 || slices.Contains(list, v)
}
