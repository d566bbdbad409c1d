package bearertest

import (
	"crypto"
	"crypto/x509"
	"time"
)

// Config says how a [Server] behaves. The zero value is a usable server on
// loopback TCP with one client, ID "client" and Secret "secret".
type Config struct {
	// Network is where the server lives: nil means TCP on 127.0.0.1.
	Network *Network
	// Host is the server's host name in Network; empty means "auth.test".
	// It is not used over TCP.
	Host string
	// TLS makes the TCP server speak https, with a certificate that
	// [Server.Transport] trusts. In a Network the URL is https anyway.
	TLS bool
	// Routes are further [net/http.ServeMux] patterns for endpoints, as
	// other servers have them: "/auth/v1/token", or with a host and a
	// subtree "api.example.com/v2/".
	Routes map[string]Endpoint

	// Clients are the registered clients; empty means the one named above.
	Clients []Client
	// Issuers may sign assertions for the JWT bearer grant (RFC 7523
	// section 2.1): the public key of each "iss".
	Issuers map[string]crypto.PublicKey

	// Delay is how long each endpoint takes. No lock is held meanwhile.
	Delay map[Endpoint]time.Duration

	// TokenLifetime of an access token: 0 means one hour. Negative means
	// for ever, and expires_in is left out of the answers. expires_in has
	// whole seconds, rounded down, and is 1 for a lifetime below a second.
	TokenLifetime time.Duration
	// RefreshLifetime of a refresh token: 0 means until it is revoked.
	RefreshLifetime time.Duration
	// NoRotation keeps a refresh token good after its use, and sends no new
	// one. Otherwise each use gives a new one, and using an old one again
	// revokes all tokens of its family (RFC 9700 section 4.14.2).
	NoRotation bool

	// Consent is what the user answers at the authorization endpoint and
	// for a device.
	Consent Consent
	// CodeLifetime of an authorization code: 0 means one minute.
	CodeLifetime time.Duration
	// DeviceLifetime of a device code: 0 means ten minutes.
	DeviceLifetime time.Duration
	// DeviceInterval is the least time between two polls: 0 means 5 s.
	DeviceInterval time.Duration

	// RejectStatus is the API's answer to a request without a good token:
	// 0 means 401.
	RejectStatus int
	// Challenge is the WWW-Authenticate of that answer: empty means a
	// Bearer challenge as RFC 6750 section 3 has it, "-" means none.
	Challenge string
	// DefaultGrant is assumed of a token request that has no grant_type;
	// empty means that such a request is refused, as RFC 6749 says.
	DefaultGrant string
}

// Consent is a user's answer.
type Consent int

const (
	ConsentApprove Consent = iota // yes, at once
	ConsentDeny                   // no, at once
	ConsentAsk                    // an HTML page asks, or [Server.Decide] says
)

// Client is a registered client (RFC 6749 section 2).
type Client struct {
	// ID is the client_id.
	ID string
	// Secret is the client_secret. A client without Secret, Key
	// and Certificate is a public one, and must use PKCE.
	Secret string
	// Key verifies the client's assertions for private_key_jwt.
	Key crypto.PublicKey
	// Certificate is the client's own for self_signed_tls_client_auth and
	// tls_client_auth (RFC 8705). It needs Config.TLS.
	Certificate *x509.Certificate
	// Auth are the methods that the client may use, by their names in RFC
	// 8414 and 7591 ("client_secret_basic", "private_key_jwt", "none").
	// Empty means every method that its credentials allow.
	Auth []string
	// Grants are the grant_type values that it may use; empty means all.
	Grants []string
	// Scopes are the ones that it may ask for; empty means any.
	Scopes []string
	// RedirectURIs are the registered ones; empty means any. They are
	// compared exactly, but the port of a loopback address is free (RFC
	// 8252 section 7.3).
	RedirectURIs []string
	// RequirePKCE asks a confidential client for PKCE too.
	RequirePKCE bool
	// RawBasic takes HTTP Basic credentials as they come, without the
	// form-encoding of RFC 6749 section 2.3.1.
	RawBasic bool
}

// public reports whether the client has no credentials.
func (c *Client) public() bool { return c.Secret == "" && c.Key == nil && c.Certificate == nil }

// withDefaults fills in what zero means, on a copy.
func (c Config) withDefaults() *Config {
	if len(c.Clients) == 0 {
		c.Clients = []Client{{ID: "client", Secret: "secret"}}
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
		c.RejectStatus = 401
	}
	return &c
}

// client finds a registered client.
func (c *Config) client(id string) *Client {
	for i := range c.Clients {
		if c.Clients[i].ID == id {
			return &c.Clients[i]
		}
	}
	return nil
}

// allows reports whether v is in list; an empty list allows everything.
func allows(list []string, v string) bool {
	if len(list) == 0 {
		return true
	}
	for _, s := range list {
		if s == v {
			return true
		}
	}
	return false
}
