package grant

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// Discover asks the server at Issuer where its endpoints are, and gives a copy of s with them
// filled in; a field that is set already stays as it is. It looks where RFC 8414 section 3.1 says,
// and if nothing is there, where OpenID Connect Discovery section 4 does.
//
// The answer has to name the very same issuer, else it is [ErrIssuerMismatch]. Its URLs have to be
// https, as all others here.
func (s Server) Discover(ctx context.Context) (Server, error) {
	u, err := s.endpoint("Server.Issuer", s.Issuer)
	if err != nil {
		return s, err
	}
	if u.RawQuery != "" || u.ForceQuery {
		return s, errors.New("grant: Server.Issuer has a query, which RFC 8414 section 2 forbids; remove it")
	}
	path := strings.TrimSuffix(u.EscapedPath(), "/")
	origin := u.Scheme + "://" + u.Host
	found, err := s.metadata(ctx, origin+"/.well-known/oauth-authorization-server"+path)
	var answered *Error
	if errors.As(err, &answered) && answered.Status < 500 { // it answers, but not there
		found, err = s.metadata(ctx, origin+path+"/.well-known/openid-configuration")
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
		return s, fmt.Errorf("%w: it is %q, the metadata says %q", ErrIssuerMismatch, s.Issuer, printable(issuer, maxText))
	}
	for name, field := range map[string]*string{
		"authorization_endpoint":        &s.AuthURL,
		"token_endpoint":                &s.TokenURL,
		"revocation_endpoint":           &s.RevokeURL,
		"device_authorization_endpoint": &s.DeviceAuthURL,
	} {
		value, err := m.text(name)
		if err != nil {
			return s, a.error(err.Error())
		}
		if value == "" || *field != "" {
			continue
		}
		if _, err := s.endpoint("the metadata's "+name, value); err != nil {
			return s, err
		}
		*field = value
	}
	s.IssuerInCallback = s.IssuerInCallback || string(m["authorization_response_iss_parameter_supported"]) == "true"
	return s, nil
}
