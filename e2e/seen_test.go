package e2e

import (
	"encoding/json"
	"net/http"
	"testing"
)

// seen is what the server saw.
type seen struct {
	TokenRequests []tokenRequest
	RevokedGrants int
	API           struct{ Served, Rejected int }
	SlowDowns     int
	Hasty         int
}

// tokenRequest is a request to the token endpoint that was answered.
type tokenRequest struct {
	At     int64 // ms since 1970
	Client string
	Grant  string
	Auth   string // how the client said who it is: basic, post, "jwt ALG", tls, none
	Status int
	Error  string
}

func (s *server) seen(t *testing.T) seen {
	t.Helper()
	resp, err := http.Get(s.Issuer + "/test/seen")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var got seen
	if err := json.NewDecoder(resp.Body).Decode(&got); err != nil {
		t.Fatal(err)
	}
	return got
}

// of returns the token requests of one client.
func (s seen) of(client string) []tokenRequest {
	var own []tokenRequest
	for _, r := range s.TokenRequests {
		if r.Client == client {
			own = append(own, r)
		}
	}
	return own
}

// oncePerExpiry fails the test if a token of 2 s was replaced by another one
// before its time. The server counts in whole seconds, so that each is good for
// more than 1 s; nobody has a reason to ask sooner than that, however slow the
// machine is.
func oncePerExpiry(t *testing.T, requests []tokenRequest) {
	t.Helper()
	for i, r := range requests {
		if r.Status != http.StatusOK {
			t.Errorf("token request %d: got %d %s, want 200", i+1, r.Status, r.Error)
		}
		if i == 0 {
			continue
		}
		if gap := r.At - requests[i-1].At; gap <= 1000 {
			t.Errorf("token request %d came %d ms after the one before it, want more than 1000: one per expiry", i+1, gap)
		}
	}
}
