package grant

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// Where the metadata is looked for, in this order (RFC 8414 section 3.1, OpenID
// Connect Discovery section 4).
func TestDiscoverLooksInBothPlaces(t *testing.T) {
	for _, row := range []struct {
		issuer string
		want   []string
	}{
		{"https://auth.test", []string{"/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"}},
		{"https://auth.test/", []string{"/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"}},
		{"https://auth.test/t%2Fx/y", []string{"/.well-known/oauth-authorization-server/t%2Fx/y", "/t%2Fx/y/.well-known/openid-configuration"}},
	} {
		for _, missing := range []*http.Response{reply(404, ""), reply(200, "<html>an application for every path"), reply(302, "", "Location", "/login")} {
			var got []string
			s, _ := serve(t, func(n int, r *http.Request, _ url.Values) (*http.Response, error) {
				got = append(got, r.URL.EscapedPath())
				if n == 1 {
					return missing, nil
				}
				return reply(200, fmt.Sprintf(`{"issuer":%q,"token_endpoint":"https://auth.test/t"}`, row.issuer)), nil
			})
			s.Issuer, s.TokenURL = row.issuer, ""
			found, err := s.Discover(t.Context())
			if err != nil || found.TokenURL != "https://auth.test/t" || strings.Join(got, " ") != strings.Join(row.want, " ") {
				t.Errorf("%s: got %v at %v, want %v", row.issuer, err, got, row.want)
			}
		}
	}
}

func TestDiscoverBelievesOnlyTheIssuer(t *testing.T) {
	for _, row := range []struct{ issuer, body, want string }{
		{"", ``, "Server.Issuer is empty"},
		{"http://auth.test", ``, "Server.Issuer is plaintext"},
		{"https://auth.test?x", ``, "Server.Issuer has a query"},
		{"https://auth.test", `{"issuer":"https://auth.test/"}`, "issuer mismatch"},
		{"https://auth.test", `{"issuer":"https://evil.test"}`, `issuer mismatch`},
		{"https://auth.test", `{}`, "issuer mismatch"},
		{"https://auth.test", `{"issuer":1}`, "issuer is not a string"},
		{"https://auth.test", `[]`, "no JSON object where the server's metadata was expected"},
		{"https://auth.test", `{"issuer":"https://auth.test","token_endpoint":"http://auth.test/t"}`, "the metadata's token_endpoint is plaintext"},
		{"https://auth.test", `{"issuer":"https://auth.test","token_endpoint":["x"]}`, "token_endpoint is not a string"},
		{"https://auth.test", strings.Repeat(" ", maxAnswer+1), "more than 1 MiB"},
	} {
		s, _ := serve(t, always(200, row.body))
		s.Issuer, s.TokenURL = row.issuer, ""
		_, err := s.Discover(t.Context())
		wantText(t, err, row.want)
		if row.want == "issuer mismatch" && !errors.Is(err, ErrIssuerMismatch) {
			t.Errorf("%s: got %v, want ErrIssuerMismatch", row.body, err)
		}
	}
}

// RFC 8705 section 5: the aliases for mutual TLS are found, and do not replace
// what the caller set, be it the alias or the endpoint.
func TestDiscoverFindsAliases(t *testing.T) {
	const body = `{"issuer":"https://auth.test","token_endpoint":"https://auth.test/t","revocation_endpoint":"https://auth.test/r",
		"mtls_endpoint_aliases":%s}`
	const aliases = `{"token_endpoint":"https://mtls.auth.test/t","revocation_endpoint":"https://mtls.auth.test/r",
		"device_authorization_endpoint":"https://mtls.auth.test/d","userinfo_endpoint":7}`
	all := MTLSAliases{TokenURL: "https://mtls.auth.test/t", RevokeURL: "https://mtls.auth.test/r", DeviceAuthURL: "https://mtls.auth.test/d"}
	for _, row := range []struct {
		name, aliases string
		given         Server
		want          MTLSAliases
	}{
		{"all", aliases, Server{}, all},
		{"none", `null`, Server{}, MTLSAliases{}},
		{"the endpoint was set", aliases, Server{TokenURL: "https://mine.test/t"}, MTLSAliases{RevokeURL: all.RevokeURL, DeviceAuthURL: all.DeviceAuthURL}},
		{"the alias was set", aliases, Server{MTLSAliases: MTLSAliases{TokenURL: "https://mine.test/t"}}, MTLSAliases{"https://mine.test/t", all.RevokeURL, all.DeviceAuthURL}},
	} {
		s, _ := serve(t, always(200, fmt.Sprintf(body, row.aliases)))
		row.given.Issuer, row.given.Transport = s.Issuer, s.Transport
		found, err := row.given.Discover(t.Context())
		if err != nil || found.MTLSAliases != row.want {
			t.Errorf("%s: got %+v and %v, want %+v", row.name, found.MTLSAliases, err, row.want)
		}
	}
	for aliases, want := range map[string]string{
		`["x"]`:                "mtls_endpoint_aliases is not an object",
		`{"token_endpoint":1}`: "token_endpoint is not a string",
		`{"token_endpoint":"http://mtls.auth.test/t"}`: "the metadata's token_endpoint is plaintext",
	} {
		s, _ := serve(t, always(200, fmt.Sprintf(body, aliases)))
		_, err := Server{Issuer: s.Issuer, Transport: s.Transport}.Discover(t.Context())
		wantText(t, err, want)
	}
}

// The error says where the metadata is and what is wrong in it.
func TestFailedDiscoveryNamesTheMetadata(t *testing.T) {
	const oauth, oidc = "https://auth.test/.well-known/oauth-authorization-server", "https://auth.test/.well-known/openid-configuration"
	for _, row := range []struct {
		status int
		body   string
		want   []string
	}{
		{200, `{"issuer":"https://auth.test/"}`, []string{oauth, `has the issuer "https://auth.test/", not "https://auth.test"`}},
		{200, `{"issuer":"https://auth.test","token_endpoint":"http://auth.test/t"}`, []string{oauth, "token_endpoint", `"http://auth.test/t"`}},
		{200, `{"issuer":7}`, []string{oidc + " (Server.Issuer) answered 200: issuer is not a string", oauth + " answered 200"}},
		{404, ``, []string{oidc + " (Server.Issuer) answered 404", oauth + " answered 404", "check the URL"}},
		{500, ``, []string{oauth + " (Server.Issuer) answered 500"}},
	} {
		s, _ := serve(t, always(row.status, row.body))
		s.Retries = -1
		_, err := Server{Issuer: s.Issuer, Transport: s.Transport, Retries: -1}.Discover(t.Context())
		wantText(t, err, row.want...)
	}
}

// A server that is out of order is not asked in another place.
func TestDiscoverReportsAnOutage(t *testing.T) {
	s, w := serve(t, always(500, ""))
	s.Retries = -1
	_, err := s.Discover(t.Context())
	wantText(t, err, "answered 500")
	if n := w.seen.Load(); n != 1 {
		t.Errorf("got %d requests, want 1", n)
	}
}

func FuzzMetadata(f *testing.F) {
	for _, seed := range []string{`{"issuer":"https://auth.test","token_endpoint":"https://auth.test/t","authorization_response_iss_parameter_supported":true}`,
		`{"issuer":"https://auth.test","token_endpoint":"http://auth.test/t"}`, `{"issuer":"x"}`, `{"token_endpoint":{}}`, ``, `[`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		s, _ := serve(t, always(200, body))
		s = Server{Issuer: s.Issuer, Transport: s.Transport}
		found, err := s.Discover(t.Context())
		if err != nil {
			return
		}
		for _, endpoint := range []string{found.AuthURL, found.TokenURL, found.RevokeURL, found.DeviceAuthURL} {
			if _, err := found.endpoint("x", endpoint); endpoint != "" && err != nil {
				t.Errorf("got endpoint %q, want none that is refused: %v", endpoint, err)
			}
		}
	})
}
