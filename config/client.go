package config

// What a client's settings mean where they leave something open.

// grantType returns the grant by its short name.
func (c *Client) grantType() string {
	if c.GrantType == "" {
		return "client_credentials"
	}
	return c.GrantType
}

// authMethod returns how the client authenticates.
func (c *Client) authMethod() string {
	secret, key := c.clientSecret().set(), c.privateKey().set()
	switch {
	case c.AuthMethod != "" && is(c.PublicClients, false) && !secret && !key && c.GrantType != "client_credentials":
		return "none"
	case c.AuthMethod != "":
		return c.AuthMethod
	case secret:
		return "client_secret_basic"
	case key && c.AssertionJWT == nil:
		return "private_key_jwt"
	case c.grantType() == "client_credentials":
		return "client_secret_basic" // a public client has no credentials (RFC 6749 section 4.4)
	}
	return "none"
}

func (c *Client) clientSecret() secretSource {
	return secretSource{value: c.ClientSecret, file: c.ClientSecretFile, command: c.ClientSecretCommand, lent: c.lent}
}

func (c *Client) privateKey() secretSource {
	return secretSource{value: c.PrivateKey, file: c.PrivateKeyFile, command: c.PrivateKeyCommand}
}

func (c *Client) assertion() secretSource {
	return secretSource{value: c.Assertion, file: c.AssertionFile, command: c.AssertionCommand}
}

func (c *Client) subjectToken() secretSource {
	return secretSource{value: c.SubjectToken, file: c.SubjectTokenFile, command: c.SubjectTokenCmd}
}

func (c *Client) actorToken() secretSource {
	return secretSource{value: c.ActorToken, file: c.ActorTokenFile, command: c.ActorTokenCommand}
}

// secretKey returns the key that the client's secret stands under.
func (c *Client) secretKey() string {
	switch {
	case c.ClientSecretFile != "":
		return "client_secret_file"
	case len(c.ClientSecretCommand) > 0:
		return "client_secret_command"
	}
	return "client_secret"
}

func (c *Client) proxy() proxy { return proxy{c.ProxyURL, c.NoProxy, c.ProxyHeader} }
