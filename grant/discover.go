package grant

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// Discover asks the server at Issuer for its endpoints, and returns a copy of s
// with them filled in; fields that are set are left as they are. It looks for
// the metadata where RFC 8414 section 3.1 says, and if there is none, where
// OpenID Connect Discovery section 4 does.
//
// The metadata must name exactly the same issuer, or the error is
// [ErrIssuerMismatch]. Its URLs must be https, as everywhere in this package.
// An alias for mutual TLS is ignored if the usual URL of that endpoint was set.
func (s Server) Discover(ctx context.Context) (Server, error) {
	u, err := s.endpoint("Server.Issuer", s.Issuer)
	if err != nil {
		return s, err
	}
	if u.RawQuery != "" || u.ForceQuery {
		return s, errors.New("grant: Server.Issuer has a query, which RFC 8414 section 2 forbids; remove it")
	}
	path := strings.TrimSuffix(u.EscapedPath(), "/")
	base := u.Scheme + "://" + u.Host
	first := base + "/.well-known/oauth-authorization-server" + path
	found, err := s.metadata(ctx, first)
	if answered, ok := errors.AsType[*Error](err); ok && answered.Status < 500 { // it answers, but not there
		found, err = s.metadata(ctx, base+path+"/.well-known/openid-configuration")
		if _, ok := errors.AsType[*Error](err); ok {
			err = fmt.Errorf("%w; %s answered %d", err, first, answered.Status)
		}
	}
	if err != nil {
		return s, err
	}
	return found, nil
}

func (s Server) metadata(ctx context.Context, address string) (Server, error) {
	a, err := call{server: s, field: "Server.Issuer", url: address}.do(ctx)
	if err != nil {
		return s, err
	}
	if e := a.refusal(); e != nil {
		return s, e
	}
	m, err := a.members()
	if err != nil {
		return s, a.error(err.Error() + " where the server's metadata was expected")
	}
	issuer, err := m.text("issuer")
	if err != nil {
		return s, a.error(err.Error())
	}
	if issuer != s.Issuer {
		return s, fmt.Errorf("%w: the metadata at %s has the issuer %q, not %q", ErrIssuerMismatch, address, printable(issuer, maxText), s.Issuer)
	}
	aliases, err := m.object("mtls_endpoint_aliases")
	if err != nil {
		return s, a.error(err.Error())
	}
	found := s
	for _, e := range []struct {
		name         string
		field, alias *string
	}{
		{"authorization_endpoint", &found.AuthURL, nil},
		{"token_endpoint", &found.TokenURL, &found.MTLSAliases.TokenURL},
		{"revocation_endpoint", &found.RevokeURL, &found.MTLSAliases.RevokeURL},
		{"device_authorization_endpoint", &found.DeviceAuthURL, &found.MTLSAliases.DeviceAuthURL},
	} {
		if *e.field != "" {
			continue // set by the caller, who means it for every client
		}
		if *e.field, err = s.discovered(a, m, e.name); err != nil {
			return s, err
		}
		if e.alias == nil || *e.alias != "" {
			continue
		}
		if *e.alias, err = s.discovered(a, aliases, e.name); err != nil {
			return s, err
		}
	}
	found.IssuerInCallback = s.IssuerInCallback || string(m["authorization_response_iss_parameter_supported"]) == "true"
	return found, nil
}

// discovered returns the endpoint that the metadata has under name, "" if none.
func (s Server) discovered(a *answer, m members, name string) (string, error) {
	value, err := m.text(name)
	if err != nil {
		return "", a.error(err.Error())
	}
	if value == "" {
		return "", nil
	}
	if _, err := s.endpoint("the metadata's "+name, value); err != nil {
		return "", fmt.Errorf("%w (the metadata is at %s)", err, a.URL)
	}
	return value, nil
}

// object returns a member that must be an object. Absent and null are empty.
func (m members) object(name string) (members, error) {
	var object members
	if raw, ok := m[name]; ok && json.Unmarshal(raw, &object) != nil {
		return nil, errors.New(name + " is not an object")
	}
	return object, nil
}
