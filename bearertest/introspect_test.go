package bearertest

import "testing"

// RFC 7662 section 2.1 requires authorization, which a public client lacks. It
// learns about its own tokens only.
func TestAPublicClientIntrospectsItsOwnTokens(t *testing.T) {
	cfg := Config{Clients: []Client{{ID: "app"}, {ID: "client", Secret: "secret"}}}
	everywhere(t, cfg, func(t *testing.T, s *Server) {
		ownAccess, ownRefresh := s.Issue("app", "read")
		otherAccess, otherRefresh := s.Issue("client", "read")
		for token, want := range map[string]bool{ownAccess: true, ownRefresh: true, otherAccess: false, otherRefresh: false} {
			r := mustDo(t, s, form(t, s, IntrospectEndpoint, "client_id", "app", "token", token))
			wantStatus(t, r, 200)
			if got := r.member(t, "active"); got != want || !want && r.member(t, "sub") != nil {
				t.Errorf("%s: got %s, want active %v", token, r.body, want)
			}
			r = mustDo(t, s, asClient(t, s, IntrospectEndpoint, "token", token))
			if got := r.member(t, "active"); got != true {
				t.Errorf("%s by a confidential client: got %s, want active", token, r.body)
			}
		}
	})
}
