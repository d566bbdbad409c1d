package grant

// A bearer.Cache binds a stored record to the token endpoint and the client
// that its tokens came from, so that no other server and no other client is
// ever sent them: each grant names both by a method Credential.

// Credential returns the token endpoint and the client's id that the tokens
// are bound to, for bearer.Cache, which binds a stored record to both. The id
// is "" if Auth is of another package.
func (c ClientCredentials) Credential() (tokenURL, clientID string) {
	return c.Server.credential("", c.Auth)
}

// Credential is like [ClientCredentials.Credential].
func (a AuthorizationCode) Credential() (tokenURL, clientID string) {
	return a.Server.credential(a.ClientID, a.Auth)
}

// Credential is like [ClientCredentials.Credential].
func (d Device) Credential() (tokenURL, clientID string) {
	return d.Server.credential(d.ClientID, d.Auth)
}

// Credential is like [ClientCredentials.Credential]. The id is "" if Auth is
// nil: the assertion alone says who asks.
func (j JWTBearer) Credential() (tokenURL, clientID string) {
	return j.Server.credential("", j.Auth)
}

// Credential is like [ClientCredentials.Credential]. The id is "" if Auth is
// nil.
func (x TokenExchange) Credential() (tokenURL, clientID string) {
	return x.Server.credential("", x.Auth)
}

// credential returns the token endpoint, which an alias for mutual TLS is only
// another address of, and the client's id.
func (s Server) credential(id string, auth ClientAuth) (string, string) {
	if named, ok := auth.(interface{ clientID() string }); ok && id == "" && nilInside("Auth", auth) == nil {
		id = named.clientID()
	}
	if s.TokenURL == "" {
		return s.MTLSAliases.TokenURL, id
	}
	return s.TokenURL, id
}
