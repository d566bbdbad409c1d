package config

import "reflect"

// fillIn sets what dst, a struct, leaves open to what src says. Parts are
// filled in field by field and maps name by name; a field of a group replaces
// the whole group, so that a client with a client_secret_file does not inherit
// a client_secret.
func fillIn(dst, src reflect.Value) {
	fields := fieldsOf(dst.Type())
	taken := map[string]bool{}
	for _, f := range fields {
		if f.group != "" && !dst.FieldByIndex(f.index).IsZero() {
			taken[f.group] = true
		}
	}
	for _, f := range fields {
		d, s := dst.FieldByIndex(f.index), src.FieldByIndex(f.index)
		switch {
		case s.IsZero() || f.group != "" && taken[f.group]:
		case d.IsZero():
			d.Set(copyOf(s))
		case d.Kind() == reflect.Map:
			for _, name := range s.MapKeys() {
				if !d.MapIndex(name).IsValid() {
					d.SetMapIndex(name, s.MapIndex(name))
				}
			}
		case d.Kind() == reflect.Pointer && d.Elem().Kind() == reflect.Struct:
			if !isOff(d) && !isOff(s) {
				fillIn(d.Elem(), s.Elem())
			}
		}
	}
}

// isOff reports whether a part is false in the file.
func isOff(part reflect.Value) bool {
	off := part.Elem().FieldByName("Off")
	return off.IsValid() && off.Bool()
}

// copyOf returns a copy of v that shares no map and no part with it, since both
// may be filled in later.
func copyOf(v reflect.Value) reflect.Value {
	switch {
	case v.Kind() == reflect.Map:
		m := reflect.MakeMap(v.Type())
		for _, name := range v.MapKeys() {
			m.SetMapIndex(name, v.MapIndex(name))
		}
		return m
	case v.Kind() == reflect.Pointer && v.Elem().Kind() == reflect.Struct:
		p := reflect.New(v.Elem().Type())
		p.Elem().Set(v.Elem())
		for _, f := range fieldsOf(v.Elem().Type()) {
			part := p.Elem().FieldByIndex(f.index)
			part.Set(copyOf(part))
		}
		return p
	}
	return v
}

// withDefaults returns what holds for a client: what it says itself, then what
// its oauth2 block, its provider and the defaults say.
func (c Client) withDefaults(provider *Server, defaults Client) Client {
	merged := *copyOf(reflect.ValueOf(&c)).Interface().(*Client)
	if merged.OAuth2 != nil {
		block := merged.OAuth2.client()
		fillIn(reflect.ValueOf(&merged).Elem(), reflect.ValueOf(block))
	}
	if provider != nil {
		fillIn(reflect.ValueOf(&merged.Server).Elem(), reflect.ValueOf(*provider))
	}
	fillIn(reflect.ValueOf(&merged).Elem(), reflect.ValueOf(defaults))
	return merged
}

// client returns what an oauth2 block says, as a client does.
func (o OAuth2) client() Client {
	c := Client{
		ClientID: o.ClientID, ClientSecret: o.ClientSecret, ClientSecretFile: o.ClientSecretFile,
		PrivateKey: o.ClientCertificateKey, PrivateKeyFile: o.ClientCertificateKeyFile, PrivateKeyID: o.ClientCertificateKeyID,
		SignatureAlgorithm: o.SignatureAlgorithm,
	}
	c.TokenURL, c.GrantType, c.Scopes, c.EndpointParams = o.TokenURL, o.GrantType, o.Scopes, o.EndpointParams
	c.AuthMethod = "client_secret_basic"
	switch c.GrantType {
	case "":
		c.GrantType = "client_credentials"
	case "jwt_bearer":
		c.AssertionJWT = &JWT{Issuer: o.Iss, Audience: o.Audience, Claims: o.Claims}
		if c.AssertionJWT.Audience == "" {
			c.AssertionJWT.Audience = string(o.TokenURL)
		}
		if c.ClientSecret == "" && c.ClientSecretFile == "" {
			c.AuthMethod = "none"
		}
	}
	return c
}
