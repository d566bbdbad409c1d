package grant

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
)

// FromOAuth2Config converts a configuration of golang.org/x/oauth2. The token
// sources of that package cache, so they cannot renew a token that an API has
// rejected; the grant that FromOAuth2Config returns can.
//
// AuthStyleInHeader becomes [Basic]. AuthStyleInParams becomes [Post], or
// [None] if there is no ClientSecret. AuthStyleAutoDetect, the zero value, is
// an error: it repeats a failed request in the other style, and so may use a
// code or a refresh token twice. A DeviceAuthURL is in the grant's Server, for
// a [Device].
//
// Three things differ. What x/oauth2 passes as an AuthCodeOption is a field,
// such as Params. PKCE is always used, unless NoPKCE is set. The HTTP client
// that x/oauth2 looks for in a context is ignored; set Server.Transport.
func FromOAuth2Config(config *oauth2.Config) (AuthorizationCode, error) {
	if config == nil {
		return AuthorizationCode{}, errors.New("grant: FromOAuth2Config: the *oauth2.Config is nil; pass the configuration to convert")
	}
	auth, err := fromAuthStyle("oauth2.Config.Endpoint.AuthStyle", config.Endpoint.AuthStyle, config.ClientID, config.ClientSecret)
	if err != nil {
		return AuthorizationCode{}, err
	}
	return AuthorizationCode{
		Server: Server{
			AuthURL:       config.Endpoint.AuthURL,
			TokenURL:      config.Endpoint.TokenURL,
			DeviceAuthURL: config.Endpoint.DeviceAuthURL,
		},
		ClientID:    config.ClientID,
		Auth:        auth,
		RedirectURL: config.RedirectURL,
		Scopes:      slices.Clone(config.Scopes),
	}, nil
}

// FromClientCredentialsConfig converts a configuration of
// golang.org/x/oauth2/clientcredentials, as [FromOAuth2Config] does. Of
// EndpointParams, audience, resource and scope become fields, and the others
// become Params.
func FromClientCredentialsConfig(config *clientcredentials.Config) (ClientCredentials, error) {
	const field = "clientcredentials.Config.EndpointParams"
	if config == nil {
		return ClientCredentials{}, errors.New("grant: FromClientCredentialsConfig: the *clientcredentials.Config is nil; pass the configuration to convert")
	}
	auth, err := fromAuthStyle("clientcredentials.Config.AuthStyle", config.AuthStyle, config.ClientID, config.ClientSecret)
	if err != nil {
		return ClientCredentials{}, err
	}
	c := ClientCredentials{
		Server: Server{TokenURL: config.TokenURL},
		Auth:   auth,
		Scopes: slices.Clone(config.Scopes),
		Params: maps.Clone(config.EndpointParams),
	}
	if slices.Equal(c.Params["grant_type"], []string{"client_credentials"}) {
		delete(c.Params, "grant_type") // x/oauth2 allows it there
	}
	if len(c.Scopes) == 0 {
		c.Scopes = strings.Fields(strings.Join(c.Params["scope"], " "))
		delete(c.Params, "scope")
	}
	switch audience := c.Params["audience"]; len(audience) {
	case 0:
	case 1:
		c.Audience = audience[0]
	default:
		return ClientCredentials{}, fmt.Errorf("grant: %s has %d values of audience; pass one", field, len(audience))
	}
	delete(c.Params, "audience")
	c.Resource = slices.Clone(c.Params["resource"])
	delete(c.Params, "resource")
	for name, values := range c.Params {
		c.Params[name] = slices.Clone(values)
	}
	if err := (further{field: field, params: c.Params}).check(); err != nil {
		return ClientCredentials{}, err
	}
	return c, nil
}

// fromAuthStyle converts the AuthStyle in the named field. The header of
// x/oauth2 is form-encoded, as that of [Basic] is.
func fromAuthStyle(field string, style oauth2.AuthStyle, id, secret string) (ClientAuth, error) {
	switch {
	case style == oauth2.AuthStyleInHeader:
		return Basic{ID: id, Secret: Secret(secret), NoSecret: secret == ""}, nil
	case style == oauth2.AuthStyleInParams && secret == "":
		return None{ID: id}, nil
	case style == oauth2.AuthStyleInParams:
		return Post{ID: id, Secret: Secret(secret)}, nil
	case style == oauth2.AuthStyleAutoDetect:
		return nil, fmt.Errorf("grant: %s is AuthStyleAutoDetect, which sends a failed request again in the other style and so may use a code or a refresh token twice; set it to oauth2.AuthStyleInHeader or oauth2.AuthStyleInParams, whichever the server's documentation names", field)
	}
	return nil, fmt.Errorf("grant: %s is %d, which is unknown; set it to oauth2.AuthStyleInHeader or oauth2.AuthStyleInParams", field, style)
}
