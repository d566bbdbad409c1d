package credential

import (
	"slices"

	"example.com/bearer/providers/matrica"
	"example.com/bearer/providers/matter"
	"example.com/bearer/providers/metafy"
)

// presets are the providers that need no address, in the order of the help. What
// is true of them is said in their packages.
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

// Presets are the names of the known providers.
func Presets() []string {
	var names []string
	for _, p := range presets {
		names = append(names, p.Name)
	}
	return names
}

// New is the credential of a provider that nothing is remembered of. known says
// that it is one of the presets; else it has no more than its name.
func New(name string) (c Credential, known bool) {
	i := slices.IndexFunc(presets, func(p Credential) bool { return p.Name == name })
	if i < 0 {
		return Credential{Name: name}, false
	}
	c = presets[i]
	c.Scopes = slices.Clone(c.Scopes)
	return c, true
}

// DecideAuth settles how the client authenticates, where nothing says so: a
// client that has a secret uses it.
func (c *Credential) DecideAuth(hasSecret bool) {
	switch {
	case c.ClientAuth != "":
	case c.Login && !hasSecret:
		c.ClientAuth = "none"
	case c.Name == "matrica": // only an application that is "Private" has a secret, and never for Basic
		c.ClientAuth = "post"
	default:
		c.ClientAuth = "basic"
	}
}
