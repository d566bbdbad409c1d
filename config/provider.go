package config

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

// providers checks the providers that no client needs to be checked with.
func (k *checker) providers() {
	used := map[string]bool{}
	for _, c := range k.file.Clients {
		if c != nil {
			used[c.Provider] = true
		}
	}
	for _, name := range sorted(k.file.Providers) {
		s := k.file.Providers[name]
		if s == nil || used[name] {
			continue
		}
		if s.TokenURL == "" && s.Issuer == "" {
			path := join("providers", name)
			k.add(k.keys[path], path, "token_url is missing; set it, or issuer to discover it", "")
		}
	}
}

// builtIn are the providers that need no declaration.
var builtIn = map[string]Server{}
