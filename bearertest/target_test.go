package bearertest

import (
	"net/url"
	"testing"
)

// RFC 8707 section 2: a resource is an absolute URI without a fragment.
func TestResourcesThatCannotBe(t *testing.T) {
	inMemory(t, Config{}, func(t *testing.T, s *Server) {
		for resource, want := range map[string]string{
			"https://api.test/a?b=c": "", "urn:example:api": "",
			"https://api.test/#x": "invalid_target", "https://api.test/#": "invalid_target",
			"/api": "invalid_target", "api.test": "invalid_target", "//api.test/": "invalid_target",
			"https://api.test/ä": "invalid_target", "https://api.test/a b": "invalid_target",
			"https:": "invalid_target", "https://%zz": "invalid_target",
		} {
			if got := mustDo(t, s, asClient(t, s, TokenEndpoint, "grant_type", "client_credentials", "resource", resource)).text(t, "error"); got != want {
				t.Errorf("token request for %q: got error %q, want %q", resource, got, want)
			}
			if got := mustDo(t, s, asClient(t, s, DeviceEndpoint, "resource", "https://good.test", "resource", resource)).text(t, "error"); got != want {
				t.Errorf("device request for %q: got error %q, want %q", resource, got, want)
			}
			p := url.Values{"client_id": {"client"}, "response_type": {"code"}, "redirect_uri": {callback}, "resource": {resource}}
			if got := back(t, authorize(t, s, p)).Get("error"); got != want {
				t.Errorf("authorization request for %q: got error %q, want %q", resource, got, want)
			}
		}
	})
}
