package credential

import (
	"slices"

	"example.com/bearer/providers/matrica"
	"example.com/bearer/providers/matter"
	"example.com/bearer/providers/metafy"
)

// presets are the providers whose endpoints are known, in the order of the
// help. Their packages explain the values.
var presets = []Credential{
	{
		Name: "matrica", Login: true,
		AuthURL: matrica.AuthURL, TokenURL: matrica.TokenURL, RevokeURL: matrica.RevokeURL,
		Scopes: []string{"profile"},
	},
	{
		Name: "metafy", Login: true, ClientAuth: "post",
		AuthURL: metafy.AuthURL, TokenURL: metafy.TokenURL, RevokeURL: metafy.RevokeURL,
	},
	{
		Name: "metafy-app", ClientAuth: "post",
		TokenURL: metafy.TokenURL, RevokeURL: metafy.RevokeURL,
	},
	{
		Name: "matter", ClientAuth: "basic",
		TokenURL: matter.TokenURL,
	},
}

// Presets returns the names of the known providers.
func Presets() []string {
	var names []string
	for _, p := range presets {
		names = append(names, p.Name)
	}
	return names
}

// New returns the credential of a provider of which nothing is remembered. It
// has only its name unless it is a preset, which known reports.
func New(name string) (c Credential, known bool) {
	i := slices.IndexFunc(presets, func(p Credential) bool { return p.Name == name })
	if i < 0 {
		return Credential{Name: name}, false
	}
	c = presets[i]
	c.Scopes = slices.Clone(c.Scopes)
	return c, true
}

// DecideAuth decides how the client authenticates, unless that is set: a client
// that has a secret uses it.
func (c *Credential) DecideAuth(hasSecret bool) {
	switch {
	case c.ClientAuth != "":
	case c.Login && !hasSecret:
		c.ClientAuth = "none"
	case c.Name == "matrica": // takes the secret in the body only
		c.ClientAuth = "post"
	default:
		c.ClientAuth = "basic"
	}
}
