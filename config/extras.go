package config

import "slices"

// extras are what the tokens of a client keep besides themselves: by the names
// of members of the token answer, and of parameters of the callback.
type extras struct{ answer, callback []string }

func (e extras) all() []string { return slices.Concat(e.answer, e.callback) }

// extras returns what is needed of the tokens of that client: by itself, by
// those that use it, and by chains that begin with its ID token.
func (m *maker) extras(name string) extras {
	var e extras
	add := func(to *[]string, name string) {
		if !slices.Contains(*to, name) {
			*to = append(*to, name)
		}
	}
	for _, other := range sorted(m.checker.clients) {
		d := m.checker.clients[other]
		if d.Chain != "" && m.checker.owner(d.Chain) == name && long("token-type", d.SubjectTokenType) == long("token-type", "id_token") {
			add(&e.answer, "id_token")
		}
		if m.checker.owner(other) != name {
			continue
		}
		for _, n := range d.needs() {
			if n.kind == "callback" {
				add(&e.callback, n.name)
			} else {
				add(&e.answer, n.name)
			}
		}
	}
	return e
}

// owner returns the client whose credential a client has: itself, or the one
// that it uses.
func (k *checker) owner(name string) string {
	if c := k.clients[name]; c != nil && c.own.Use != "" {
		return c.own.Use
	}
	return name
}
