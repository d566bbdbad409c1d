package e2e

import (
	"errors"
	"net/http"
	"testing"

	"example.com/bearer"
	"example.com/bearer/grant"
)

// G19: a refresh token that changes with each use is followed 100 times, and
// the server, which looks out for one that is used twice, sees none.
func TestHundredRotations(t *testing.T) {
	const rotations = 100
	s := need(t)
	flow := s.flow(t, "rotating", nil)
	first := loggedIn(t, flow)
	store := bearer.DirStore(t.TempDir())
	cache := &bearer.Cache{Source: flow, Store: store, Key: "ann"}
	if err := cache.Set(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	before := s.seen(t)

	used := map[string]bool{first.RefreshToken: true}
	token := first
	for i := range rotations {
		cache.Invalidate(token)
		var err error
		if token, err = cache.Token(t.Context()); err != nil {
			t.Fatalf("rotation %d: %v", i+1, err)
		}
		if used[token.RefreshToken] {
			t.Fatalf("rotation %d: the refresh token did not change", i+1)
		}
		used[token.RefreshToken] = true
	}

	after := s.seen(t)
	requests := after.of("rotating")[len(before.of("rotating")):]
	if len(requests) != rotations {
		t.Errorf("token requests: got %d, want %d", len(requests), rotations)
	}
	for _, r := range requests {
		if r.Grant != "refresh_token" || r.Status != http.StatusOK {
			t.Errorf("token request: got %s, %d %s, want refresh_token, 200", r.Grant, r.Status, r.Error)
		}
	}
	if lost := after.RevokedGrants - before.RevokedGrants; lost != 0 {
		t.Errorf("token families lost: got %d, want 0", lost)
	}

	// A program that starts again goes on with what is stored.
	again := &http.Client{Transport: &bearer.Transport{Source: &bearer.Cache{Source: flow, Store: store, Key: "ann"}}}
	if status, err := s.get(t.Context(), again); err != nil || status != http.StatusOK {
		t.Errorf("GET /api: got %d, %v, want 200", status, err)
	}

	// The server does look out: the first refresh token, used again, ends it all.
	if _, err := flow.Refresh(t.Context(), first); !errors.Is(err, grant.ErrLoginRequired) {
		t.Errorf("Refresh with a refresh token that was used: got %v, want ErrLoginRequired", err)
	}
	if lost := s.seen(t).RevokedGrants - before.RevokedGrants; lost != 1 {
		t.Errorf("token families lost after that: got %d, want 1", lost)
	}
	if status, err := s.get(t.Context(), again); err != nil || status != http.StatusUnauthorized {
		t.Errorf("GET /api after that: got %d, %v, want 401", status, err)
	}
}
