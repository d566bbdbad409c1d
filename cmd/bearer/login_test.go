package main

import (
	"strings"
	"testing"

	"example.com/bearer/bearertest"
	"example.com/bearer/cmd/bearer/internal/credential"
)

func TestLoginThenTokenThenRefresh(t *testing.T) {
	for _, tt := range []struct {
		provider, auth string
		secret         string
	}{
		{"matrica", "none", ""},
		{"matrica", "client_secret_post", clientSecret},
		{"metafy", "client_secret_post", clientSecret},
		{"acme", "client_secret_basic", clientSecret},
		{"acme", "none", ""},
	} {
		t.Run(tt.provider+" "+tt.auth, func(t *testing.T) {
			w := newWorld(t, bearertest.Config{Clients: []bearertest.Client{
				{ID: "client", Secret: tt.secret, Auth: []string{tt.auth}, Grants: []string{"authorization_code", "refresh_token"}},
			}})
			t.Setenv(credential.SecretVariable, tt.secret)
			w.fails(statusOf(tt.provider), "", "token", tt.provider)
			got := w.loggedIn(append([]string{tt.provider}, w.endpoints()...)...)
			if want := "Logged in to " + tt.provider + "."; !strings.HasPrefix(got, want) || !strings.Contains(got, "expires in 59m") {
				t.Errorf("got %q, want %q and when it expires", got, want)
			}
			first := w.ok("token", tt.provider)
			w.wantTokenRequests(1)
			if !w.accepted(first) {
				t.Errorf("got a token that the API does not accept")
			}
			for range 3 { // each refresh token can be used once
				w.expire(tt.provider)
				if next := w.ok("token", tt.provider); next == first || !w.accepted(next) {
					t.Errorf("after expiry: got the old token, or one that the API does not accept")
				}
			}
			if got := w.Counts(); got.ReuseDetected != 0 || got.TokenRequests() != 4 {
				t.Errorf("got %d token requests and %d reuses, want 4 and none", got.TokenRequests(), got.ReuseDetected)
			}
		})
	}
}

// statusOf is what token gives before a login: matrica is known, acme is a mistake.
func statusOf(provider string) int {
	if _, known := credential.New(provider); known {
		return exitFailed
	}
	return exitUsage
}

func TestTokenSaysWhenALoginIsNeeded(t *testing.T) {
	w := newWorld(t, bearertest.Config{})
	w.fails(exitFailed, "run bearer login matrica", "token", "matrica")
	w.loggedIn(append([]string{"matrica"}, w.endpoints()...)...)
	w.RevokeAll()
	w.expire("matrica")
	w.fails(exitFailed, "run bearer login matrica", "token", "matrica")
	w.loggedIn("matrica") // everything else is remembered
	if token := w.ok("token", "matrica"); !w.accepted(token) {
		t.Errorf("got a token that the API does not accept")
	}
}

func TestLoginWithAnotherClientReplacesTheToken(t *testing.T) {
	w := newWorld(t, bearertest.Config{Clients: []bearertest.Client{{ID: "one", Secret: clientSecret}, {ID: "two", Secret: clientSecret}}})
	w.loggedIn(append([]string{"acme", "--client-id", "one"}, w.endpoints()...)...)
	first := w.ok("token", "acme")
	w.loggedIn("acme", "--client-id", "two")
	if second := w.ok("token", "acme"); second == first {
		t.Errorf("got the first client's token, want the second's")
	}
	if got := w.statuses(); len(got) != 1 || got[0].ClientID != "two" {
		t.Errorf("got %+v, want only the client two", got)
	}
}

func TestLoginThatIsDeclinedIsOneLine(t *testing.T) {
	w := newWorld(t, bearertest.Config{Consent: bearertest.ConsentDeny})
	status, stdout, stderr := w.login(append([]string{"acme"}, w.endpoints()...)...)
	if status != exitFailed || stdout != "" || !strings.Contains(stderr, "the user declined") {
		t.Errorf("got status %d, stdout %q and stderr %q; want 1 and that the user declined", status, stdout, stderr)
	}
	if got := w.statuses(); len(got) != 0 {
		t.Errorf("got %d things remembered, want none", len(got))
	}
}

func TestLoginByDevice(t *testing.T) {
	w := newWorld(t, bearertest.Config{})
	// The server names no pace of less than a second, and needs none for one question.
	w.Fault(bearertest.DeviceEndpoint, bearertest.Fault{Processed: true, Members: map[string]any{"interval": 0.01}})
	status, stdout, stderr := exec(t, "login", "acme", "--issuer", w.URL, "--device")
	if status != exitOK || !strings.Contains(stdout, "Logged in to acme.") || !strings.Contains(stderr, w.URL+"/device on any machine and enter the code ") {
		t.Errorf("got status %d, stdout %q and stderr %q; want 0 and where to enter which code", status, stdout, stderr)
	}
	w.expire("acme")
	if token := w.ok("token", "acme"); !w.accepted(token) {
		t.Errorf("got a token that the API does not accept")
	}
	w.fails(exitUsage, "--device-auth-url", append([]string{"login", "matrica", "--device"}, w.endpoints()...)...)
}

func TestLoginGetsTheRegisteredRedirectURL(t *testing.T) {
	w := newWorld(t, bearertest.Config{Clients: []bearertest.Client{
		{ID: "client", Secret: clientSecret, RedirectURIs: []string{"http://127.0.0.1/other"}},
	}})
	w.loggedIn(append([]string{"metafy", "--redirect-url", "http://127.0.0.1/other"}, w.endpoints()...)...)
	w.fails(exitFailed, "not this machine", "login", "metafy", "--redirect-url", "http://example.com/")
}

func TestLoginOfAnApplicationIsAMistake(t *testing.T) {
	w := newWorld(t, bearertest.Config{})
	w.fails(exitUsage, "bearer token matter", "login", "matter")
	w.fails(exitUsage, "--issuer", "login", "acme")
	w.fails(exitUsage, "--auth-url", "login", "acme", "--token-url", w.Endpoint(bearertest.TokenEndpoint))
	w.fails(exitUsage, "no name for a provider", "login", "../acme")
	w.fails(exitUsage, "one argument", "login")
	w.fails(exitUsage, "--client-auth must be", "login", "matrica", "--client-auth", "guess")
	w.fails(exitUsage, "--store must be", "login", "matrica", "--store", "cloud")
	t.Setenv(clientVariable, "")
	w.fails(exitUsage, clientVariable, "login", "matrica")
}
