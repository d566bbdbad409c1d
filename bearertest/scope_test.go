package bearertest

import (
	"net/url"
	"testing"
)

// RFC 6749 section 3.3: scope-token = 1*( %x21 / %x23-5B / %x5D-7E ), with
// one space between two of them.
func TestScopesThatCannotBe(t *testing.T) {
	inMemory(t, Config{Clients: []Client{{ID: "client", Secret: "secret"}}}, func(t *testing.T, s *Server) {
		_, refresh := s.Issue("client", "a b")
		for scope, want := range map[string]string{
			"!#[]~ https://a.test/b": "", "": "",
			`a"b`: "invalid_scope", `a\b`: "invalid_scope", "ä": "invalid_scope", "a\tb": "invalid_scope", "a\x7f": "invalid_scope",
			"a  b": "invalid_scope", " a": "invalid_scope", "a ": "invalid_scope", " ": "invalid_scope",
		} {
			if got := mustDo(t, s, asClient(t, s, TokenEndpoint, "grant_type", "client_credentials", "scope", scope)).text(t, "error"); got != want {
				t.Errorf("token request for %q: got error %q, want %q", scope, got, want)
			}
			if got := mustDo(t, s, asClient(t, s, DeviceEndpoint, "scope", scope)).text(t, "error"); got != want {
				t.Errorf("device request for %q: got error %q, want %q", scope, got, want)
			}
			p := url.Values{"client_id": {"client"}, "response_type": {"code"}, "redirect_uri": {callback}, "scope": {scope}}
			if got := back(t, authorize(t, s, p)).Get("error"); got != want {
				t.Errorf("authorization request for %q: got error %q, want %q", scope, got, want)
			}
			if want == "" {
				continue
			}
			if got := mustDo(t, s, asClient(t, s, TokenEndpoint, "grant_type", "refresh_token", "refresh_token", refresh, "scope", scope)).text(t, "error"); got != want {
				t.Errorf("refresh for %q: got error %q, want %q", scope, got, want)
			}
		}
	})
}
