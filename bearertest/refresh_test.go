package bearertest

import (
	"testing"
	"time"
)

func refreshWith(t *testing.T, s *Server, token string) reply {
	t.Helper()
	return mustDo(t, s, asClient(t, s, TokenEndpoint, "grant_type", "refresh_token", "refresh_token", token))
}

func TestRefreshTokensRotate(t *testing.T) {
	everywhere(t, Config{}, func(t *testing.T, s *Server) {
		_, token := s.Issue("client", "read")
		for range 5 {
			r := refreshWith(t, s, token)
			wantStatus(t, r, 200)
			next := r.text(t, "refresh_token")
			if next == "" || next == token {
				t.Fatalf("got refresh token %q after %q, want a new one", next, token)
			}
			if got := r.text(t, "scope"); got != "read" {
				t.Errorf("got scope %q, want that of the consent", got)
			}
			wantStatus(t, call(t, s, r.text(t, "access_token")), 200)
			token = next
		}
		if got := s.Counts().Grants["refresh_token"]; got != (GrantCount{5, 5}) {
			t.Errorf("got %+v, want 5 and 5", got)
		}
	})
}

func TestReuseRevokesTheFamily(t *testing.T) {
	everywhere(t, Config{}, func(t *testing.T, s *Server) {
		_, stolen := s.Issue("client", "")
		_, other := s.Issue("client", "")
		r := refreshWith(t, s, stolen)
		access, next := r.text(t, "access_token"), r.text(t, "refresh_token")
		if got := refreshWith(t, s, stolen).text(t, "error"); got != "invalid_grant" {
			t.Errorf("reuse: got error %q, want invalid_grant", got)
		}
		wantStatus(t, call(t, s, access), 401)
		wantStatus(t, refreshWith(t, s, next), 400)
		wantStatus(t, refreshWith(t, s, other), 200) // another family
		if got := s.Counts().ReuseDetected; got != 1 {
			t.Errorf("got %d reuses, want 1", got)
		}
	})
}

// Within the grace every use of the old token returns a successor, and all of
// them stay valid; after it the same token is reuse, and ends them all.
func TestReuseGrace(t *testing.T) {
	inMemory(t, Config{ReuseGrace: time.Minute}, func(t *testing.T, s *Server) {
		_, old := s.Issue("client", "read")
		var access, next []string
		for _, pause := range []time.Duration{0, 0, 30 * time.Second, 30*time.Second - 1} {
			time.Sleep(pause)
			r := refreshWith(t, s, old)
			wantStatus(t, r, 200)
			access, next = append(access, r.text(t, "access_token")), append(next, r.text(t, "refresh_token"))
		}
		for i := range access {
			wantStatus(t, call(t, s, access[i]), 200)
			r := refreshWith(t, s, next[i])
			wantStatus(t, r, 200)
			access[i], next[i] = r.text(t, "access_token"), r.text(t, "refresh_token")
		}
		if got := mustDo(t, s, asClient(t, s, IntrospectEndpoint, "token", old)).member(t, "active"); got != true {
			t.Errorf("introspection within the grace: got active %v, want true", got)
		}
		if got := s.Counts().ReuseDetected; got != 0 {
			t.Errorf("within the grace: got %d reuses, want 0", got)
		}

		time.Sleep(time.Nanosecond) // a minute after the first use, whatever came in between
		if got := mustDo(t, s, asClient(t, s, IntrospectEndpoint, "token", old)).member(t, "active"); got != false {
			t.Errorf("introspection after the grace: got active %v, want false", got)
		}
		if got := refreshWith(t, s, old).text(t, "error"); got != "invalid_grant" {
			t.Errorf("after the grace: got error %q, want invalid_grant", got)
		}
		for i := range access {
			wantStatus(t, call(t, s, access[i]), 401)
			wantStatus(t, refreshWith(t, s, next[i]), 400)
		}
		if got := s.Counts().ReuseDetected; got != 1 {
			t.Errorf("after the grace: got %d reuses, want 1", got)
		}
	})
}

func TestNoRotation(t *testing.T) {
	inMemory(t, Config{NoRotation: true}, func(t *testing.T, s *Server) {
		_, token := s.Issue("client", "")
		for range 3 {
			r := refreshWith(t, s, token)
			wantStatus(t, r, 200)
			if got := r.text(t, "refresh_token"); got != "" {
				t.Errorf("got a new refresh token, want none")
			}
		}
	})
}

func TestRefreshTokensExpire(t *testing.T) {
	inMemory(t, Config{RefreshLifetime: time.Hour}, func(t *testing.T, s *Server) {
		_, token := s.Issue("client", "")
		time.Sleep(time.Hour)
		if got := refreshWith(t, s, token).text(t, "error"); got != "invalid_grant" {
			t.Errorf("got error %q, want invalid_grant", got)
		}
	})
}

func TestRefreshOfAnotherClient(t *testing.T) {
	cfg := Config{Clients: []Client{{ID: "client", Secret: "secret"}, {ID: "other", Secret: "x"}}}
	inMemory(t, cfg, func(t *testing.T, s *Server) {
		_, token := s.Issue("other", "")
		if got := refreshWith(t, s, token).text(t, "error"); got != "invalid_grant" {
			t.Errorf("got error %q, want invalid_grant", got)
		}
	})
}

func TestRefreshMayNarrowTheScope(t *testing.T) {
	inMemory(t, Config{}, func(t *testing.T, s *Server) {
		_, token := s.Issue("client", "read write")
		ask := func(scope string) reply {
			return mustDo(t, s, asClient(t, s, TokenEndpoint, "grant_type", "refresh_token", "refresh_token", token, "scope", scope))
		}
		if got := ask("read admin").text(t, "error"); got != "invalid_scope" {
			t.Errorf("more: got error %q, want invalid_scope", got)
		}
		if got := ask("read").text(t, "scope"); got != "read" {
			t.Errorf("less: got scope %q, want read", got)
		}
	})
}

func TestRevocationAndIntrospection(t *testing.T) {
	cfg := Config{Clients: []Client{{ID: "client", Secret: "secret"}, {ID: "other", Secret: "x"}}}
	everywhere(t, cfg, func(t *testing.T, s *Server) {
		access, refresh := s.Issue("client", "read")
		_, foreign := s.Issue("other", "")
		active := func(token string) bool {
			return mustDo(t, s, asClient(t, s, IntrospectEndpoint, "token", token)).member(t, "active") == true
		}
		revoke := func(token string) {
			wantStatus(t, mustDo(t, s, asClient(t, s, RevokeEndpoint, "token", token, "token_type_hint", "refresh_token")), 200)
		}
		if !active(access) || !active(refresh) || active("nonsense") {
			t.Error("introspection is wrong before revocation")
		}
		revoke(foreign)
		revoke("nonsense")
		if !active(foreign) {
			t.Error("a client revoked another client's token")
		}
		revoke(refresh)
		if active(access) || active(refresh) {
			t.Error("the tokens are active after the revocation of their family")
		}
		wantStatus(t, call(t, s, access), 401)
		if got := s.Counts().Revoked; got != 1 {
			t.Errorf("got %d revoked, want 1", got)
		}
		wantStatus(t, mustDo(t, s, form(t, s, RevokeEndpoint, "token", access)), 401)
		wantStatus(t, mustDo(t, s, asClient(t, s, RevokeEndpoint)), 400)
	})
}
