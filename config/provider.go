package config

import (
	"example.com/bearer/grant"
	"example.com/bearer/providers/matrica"
	"example.com/bearer/providers/matter"
	"example.com/bearer/providers/metafy"
)

// builtIn are the providers that need no declaration. What is known of them
// stands in their packages alone: it is read from the grants that these make.
var builtIn = func() map[string]Server {
	const id, secret = "id", "secret"
	matricaApp, matricaPublic := matrica.App{ClientID: id, ClientSecret: secret}, matrica.App{ClientID: id}
	metafyApp := metafy.App{ClientID: id, ClientSecret: secret}
	return map[string]Server{
		"matrica": declareUser(matricaApp.User(), matricaPublic.User(), matrica.Hosts),
		"metafy":  declareUser(metafyApp.User(), metafyApp.User(), metafy.Hosts),
		"matter":  declare(matter.App{ClientID: id, ClientSecret: secret}.Source(), matter.Hosts),
	}
}()

// Providers returns the names of the providers that need no declaration.
func Providers() []string { return sorted(builtIn) }

// declareUser declares the server of a grant for users. public is the grant
// of a client without a secret.
func declareUser(a, public grant.AuthorizationCode, hosts []string) Server {
	s := declareServer(a.Server, a.Auth, hosts)
	s.GrantType, s.Scopes = "authorization_code", a.Scopes
	if public.Auth.(interface{ Public() bool }).Public() {
		s.PublicClients = new(true)
	}
	if a.NoPKCE {
		s.PKCE = new(false)
	}
	return s
}

// declare declares the server of a grant without a user.
func declare(c grant.ClientCredentials, hosts []string) Server {
	s := declareServer(c.Server, c.Auth, hosts)
	s.GrantType, s.Scopes = "client_credentials", c.Scopes
	return s
}

func declareServer(g grant.Server, auth grant.ClientAuth, hosts []string) Server {
	s := Server{
		Issuer: URL(g.Issuer), TokenURL: URL(g.TokenURL), AuthURL: URL(g.AuthURL),
		RevokeURL: URL(g.RevokeURL), DeviceAuthURL: URL(g.DeviceAuthURL), Hosts: hosts,
	}
	switch auth.(type) {
	case grant.Basic:
		s.AuthMethod = "client_secret_basic"
	case grant.Post:
		s.AuthMethod = "client_secret_post"
	}
	return s
}

// provider returns the server of that name, nil without a name. It reports
// whether there is one.
func (k *checker) provider(name string) (*Server, bool) {
	if name == "" {
		return nil, true
	}
	if s := k.file.Providers[name]; s != nil {
		return s, true
	}
	if _, broken := k.file.Providers[name]; broken {
		return nil, true // the decoder has said why
	}
	s, ok := builtIn[name]
	return &s, ok
}

// providers checks the providers that no client uses, which are not checked
// with one.
func (k *checker) providers() {
	used := map[string]bool{}
	for _, c := range k.file.Clients {
		if c != nil {
			used[c.Provider] = true
		}
	}
	for _, name := range sorted(k.file.Providers) {
		if s := k.file.Providers[name]; s != nil && !used[name] && s.TokenURL == "" && s.Issuer == "" {
			path := join("providers", name)
			if k.keys[join(path, "token_url")] != (place{}) || k.keys[join(path, "issuer")] != (place{}) {
				continue // the decoder has said what is wrong with it
			}
			k.add(k.keys[path], path, "token_url is missing; set it, or issuer to discover it", "")
		}
	}
}
