package e2e

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"testing"

	"example.com/bearer"
	"example.com/bearer/grant"
)

// A token that was revoked (RFC 7009) is dead: introspection says so, the API
// rejects it, and with it goes what could have brought another one.
func TestRevocation(t *testing.T) {
	s := need(t)
	for _, hint := range []string{"refresh_token", "access_token"} {
		t.Run(hint, func(t *testing.T) {
			flow := s.flow(t, "public", nil)
			token := loggedIn(t, flow)
			cache := &bearer.Cache{Source: flow}
			if err := cache.Set(t.Context(), token); err != nil {
				t.Fatal(err)
			}
			client := &http.Client{Transport: &bearer.Transport{Source: cache}}
			if status, err := s.get(t.Context(), client); err != nil || status != http.StatusOK {
				t.Fatalf("GET /api: got %d, %v, want 200", status, err)
			}
			if !s.active(t, token.AccessToken) || !s.active(t, token.RefreshToken) {
				t.Fatal("introspection: the new tokens are not active")
			}

			revoked := map[string]string{"refresh_token": token.RefreshToken, "access_token": token.AccessToken}[hint]
			if err := flow.Revoke(t.Context(), revoked, hint); err != nil {
				t.Fatalf("Revoke: %v", err)
			}

			if s.active(t, token.AccessToken) || s.active(t, token.RefreshToken) {
				t.Error("introspection: a revoked token is active")
			}
			if status, err := s.get(t.Context(), client); err != nil || status != http.StatusUnauthorized {
				t.Errorf("GET /api: got %d, %v, want 401", status, err)
			}
			if _, err := cache.Renew(t.Context(), token); !errors.Is(err, grant.ErrLoginRequired) {
				t.Errorf("Renew: got %v, want ErrLoginRequired", err)
			}
			if err := flow.Revoke(t.Context(), revoked, hint); err != nil {
				t.Errorf("Revoke, once more: %v", err)
			}
		})
	}
}

// active asks the server about a token of the client public (RFC 7662).
func (s *server) active(t *testing.T, token string) bool {
	t.Helper()
	resp, err := http.PostForm(s.Issuer+"/token/introspection", url.Values{"client_id": {"public"}, "token": {token}})
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var answer struct{ Active *bool }
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil || answer.Active == nil {
		t.Fatalf("introspection: got %s, %v", resp.Status, err)
	}
	return *answer.Active
}
