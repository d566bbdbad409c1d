package bearertest

import (
	"crypto/subtle"
	"net/http"
	"net/url"
)

// authenticate returns the client that sends a request (RFC 6749 section
// 2.3). It is called with s.mu held.
func (s *Server) authenticate(r *http.Request, q request) (*Client, *oauthError) {
	if q.err != nil {
		return nil, q.err
	}
	if name := q.body.repeated(); name != "" {
		return nil, refuse("invalid_request", "a parameter is repeated: "+name)
	}
	id, secret, basic := r.BasicAuth()
	_, post := q.body["client_secret"]
	_, assertion := q.body["client_assertion"]
	if basic && post || basic && assertion || post && assertion {
		return nil, refuse("invalid_request", "more than one client authentication")
	}
	var client *Client
	var method string
	why := "unknown client or wrong credentials"
	switch {
	case basic:
		client = q.cfg.basicClient(id, secret)
		method = "client_secret_basic"
	case post:
		client = q.cfg.client(q.body.get("client_id")).withSecret(q.body.get("client_secret"))
		method = "client_secret_post"
	case assertion:
		var err error
		if client, method, err = s.assertedClient(r, q); err != nil {
			client, why = nil, "the client assertion is not accepted: "+err.Error()
		}
	default:
		client, method = q.cfg.client(q.body.get("client_id")).withoutSecret(r)
	}
	sent := q.body.get("client_id")
	if client == nil || !allows(client.Auth, method) || sent != "" && sent != client.ID {
		return nil, &oauthError{status: http.StatusUnauthorized, Code: "invalid_client", Description: why, basic: basic}
	}
	return client, nil
}

// anonymous reports whether a request names no client at all.
func anonymous(r *http.Request, p params) bool {
	return r.Header.Get("Authorization") == "" && p.get("client_id") == "" && p.get("client_assertion") == ""
}

// withSecret returns c if secret is its own, else nil.
func (c *Client) withSecret(secret string) *Client {
	if c == nil || c.Secret == "" || subtle.ConstantTimeCompare([]byte(c.Secret), []byte(secret)) == 0 {
		return nil
	}
	return c
}

// withoutSecret returns c, and the name of the method, if c is public or its
// certificate came with the connection (RFC 8705 section 2).
func (c *Client) withoutSecret(r *http.Request) (*Client, string) {
	switch {
	case c == nil:
		return nil, ""
	case c.public():
		return c, "none"
	case c.Certificate == nil || r.TLS == nil || len(r.TLS.PeerCertificates) == 0 || !r.TLS.PeerCertificates[0].Equal(c.Certificate):
		return nil, ""
	case allows(c.Auth, "tls_client_auth"):
		return c, "tls_client_auth"
	default:
		return c, "self_signed_tls_client_auth"
	}
}

// basicClient returns the client that HTTP Basic authenticates. The client's
// registration says whether id and secret are form-encoded (RFC 6749 section
// 2.3.1).
func (c *Config) basicClient(id, secret string) *Client {
	if client := c.client(id); client != nil && client.RawBasic {
		return client.withSecret(secret)
	}
	id, err := url.QueryUnescape(id)
	if err != nil {
		return nil
	}
	secret, err = url.QueryUnescape(secret)
	if err != nil {
		return nil
	}
	client := c.client(id)
	if client != nil && client.RawBasic {
		return nil
	}
	return client.withSecret(secret)
}

// authMethods are the methods that this server supports, as RFC 8414 names
// them.
var authMethods = []string{
	"client_secret_basic", "client_secret_post", "none",
	"private_key_jwt", "client_secret_jwt",
	"tls_client_auth", "self_signed_tls_client_auth",
}
