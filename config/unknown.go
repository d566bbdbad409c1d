package config

import (
	"reflect"
	"strings"
)

// unknown reports a key that is not known here.
func (d *decoder) unknown(p pair, path string, fields []field) {
	var names []string
	for _, f := range fields {
		names = append(names, f.name)
	}
	at := place{p.key.Line, p.key.Column}
	meant := nearest(p.key.Value, names)
	if looksSecret(p.key.Value) || looksSecret(meant) {
		d.secret[p.key.Line] = true
		d.secret[p.value.Line] = true
	}
	if meant != "" { // so near to a known key is no secret
		d.keys[join(path, meant)] = at // so that it does not count as missing
		d.add(at, path, printable(p.key.Value)+" is not a known key; did you mean "+meant+"?", "")
		return
	}
	advice := ""
	switch {
	case path != "":
		if home := elsewhere(p.key.Value); home != "" {
			advice = "; it belongs in " + home
		}
	default:
		advice = "; the keys here are " + strings.Join(names, ", ")
	}
	d.add(at, path, printable(p.key.Value)+" is not a known key"+advice, "a key is not known"+advice)
}

// elsewhere returns where a key is known, if it is within a client.
func elsewhere(name string) string {
	for _, part := range fieldsOf(reflect.TypeFor[Client]()) {
		if part.typ.Kind() != reflect.Pointer || part.typ.Elem().Kind() != reflect.Struct || part.name == "oauth2" {
			continue
		}
		for _, f := range fieldsOf(part.typ.Elem()) {
			if f.name == name {
				return part.name
			}
		}
	}
	return ""
}

// looksSecret reports whether the value of an unknown key may be a secret.
func looksSecret(key string) bool {
	key = strings.ToLower(key)
	for _, word := range []string{"secret", "passw", "token", "private", "assertion", "credential", "key", "auth"} {
		if strings.Contains(key, word) {
			return true
		}
	}
	return false
}
