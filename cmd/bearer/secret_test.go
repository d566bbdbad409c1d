package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"example.com/bearer/bearertest"
	"example.com/bearer/cmd/bearer/internal/vault"
)

// A secret belongs to a name: no variable is sent to whatever server is used
// first.
func TestTheSharedSecretVariableIsAnError(t *testing.T) {
	w := newWorld(t, bearertest.Config{})
	w.loggedIn(append([]string{"acme"}, w.endpoints()...)...)
	requests := len(w.Requests(""))
	t.Setenv(sharedVariable, clientSecret)
	for _, args := range [][]string{
		append([]string{"login", "acme"}, w.endpoints()...),
		{"token", "acme"},
		{"revoke", "acme"},
		{"check"},
	} {
		w.fails(exitUsage, "BEARER_CLIENT_SECRET is no longer read, since any server could be sent it: unset it, and set BEARER_", args...)
	}
	if got := len(w.Requests("")); got != requests {
		t.Errorf("got %d requests, want none", got-requests)
	}
	w.ok("status") // which has no use for a secret
	w.ok("logout", "acme")
}

func TestASecretIsNotSentForAnotherName(t *testing.T) {
	w := newWorld(t, bearertest.Config{})
	w.setSecret("", "other")
	w.fails(exitFailed, "BEARER_OTHER_CLIENT_SECRET", "token", "other", "--token-url", w.Endpoint(bearertest.TokenEndpoint))
	w.wantTokenRequests(0)
}

func TestNamesThatShareAVariableAreRefused(t *testing.T) {
	w := newWorld(t, bearertest.Config{})
	w.setSecret(clientSecret, "a-b")
	url := w.Endpoint(bearertest.TokenEndpoint)
	w.ok("token", "a-b", "--token-url", url)
	w.fails(exitUsage, "a-b and a_b would share BEARER_A_B_CLIENT_SECRET", "token", "a_b", "--token-url", url)
	w.wantTokenRequests(1)
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte(clientSecret), 0o600); err != nil {
		t.Fatal(err)
	}
	w.ok("token", "a_b", "--token-url", url, "--client-secret-file", secret)
}

// What is remembered of one server is not for another one: neither the file
// with the secret, nor the client, nor the token.
func TestAnotherServerGetsNothingThatIsRemembered(t *testing.T) {
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte(clientSecret), 0o600); err != nil {
		t.Fatal(err)
	}
	for what, flags := range map[string]func(*bearertest.Server) []string{
		"--token-url": func(s *bearertest.Server) []string {
			return []string{"--token-url", s.Endpoint(bearertest.TokenEndpoint), "--auth-url", s.Endpoint(bearertest.AuthorizeEndpoint)}
		},
		"--issuer": func(s *bearertest.Server) []string { return []string{"--issuer", s.URL} },
	} {
		t.Run(what, func(t *testing.T) {
			w := newWorld(t, bearertest.Config{})
			w.setSecret("", "acme")
			w.loggedIn(append([]string{"acme", "--client-secret-file", file, "--scope", "read", "--audience", "old"}, w.endpoints()...)...)
			before, err := w.declared().Cache("acme")
			if err != nil {
				t.Fatal(err)
			}

			other := bearertest.Start(t, bearertest.Config{Clients: []bearertest.Client{{ID: "new"}}})
			to := flags(other)
			w.fails(exitUsage, "is declared in ", append([]string{"token", "acme"}, to[:2]...)...)
			t.Setenv(clientVariable, "")
			w.fails(exitUsage, "needs the client's id", append([]string{"login", "acme"}, to...)...)
			if got := len(other.Requests("")); got != 0 {
				t.Errorf("got %d requests to the other server, want none yet", got)
			}
			got := w.loggedIn(append([]string{"acme", "--client-id", "new"}, to...)...)
			if want := "What was declared for " + strings.TrimPrefix(w.URL, "http://") + " is forgotten.\n"; !strings.HasSuffix(got, want) {
				t.Errorf("got %q, want %q at its end", got, want)
			}
			for _, r := range other.Requests("") {
				if r.Authorization() != "" || r.Form.Has("client_secret") || r.Form.Get("client_id") == "client" ||
					r.Form.Has("audience") || r.Form.Get("scope") == "read" {
					t.Errorf("the other server was sent something of the old one, by %s", r.Endpoint)
				}
			}
			after, err := w.declared().Declaration("acme")
			if err != nil || after.ClientSecretFile != "" || after.RevokeURL != "" || after.Audience != "" {
				t.Errorf("got %+v and %v, want that nothing of the old server is declared", after, err)
			}
			if _, _, err := vault.Peek(t.Context(), before); err == nil {
				t.Error("the old server's token is still stored, want that it is deleted")
			}
			if token := w.ok("token", "acme"); w.accepted(token) {
				t.Error("got the old server's token, want the new one's")
			}
		})
	}
}

// Nor the secret in the environment, which the user has set for the old one.
func TestAnotherServerGetsNoSecretOfTheEnvironment(t *testing.T) {
	w := newWorld(t, bearertest.Config{})
	w.loggedIn(append([]string{"acme"}, w.endpoints()...)...)
	other := bearertest.Start(t, bearertest.Config{Clients: []bearertest.Client{{ID: "new", Secret: "new-secret"}}})
	to := []string{"acme", "--issuer", other.URL, "--client-id", "new"}
	w.fails(exitUsage, "BEARER_ACME_CLIENT_SECRET may be the secret of acme at "+strings.TrimPrefix(w.URL, "http://"), append([]string{"login"}, to...)...)
	if got := len(other.Requests("")); got != 0 {
		t.Errorf("got %d requests to the other server, want none", got)
	}
	write(t, "new-secret", "new-secret")
	w.loggedIn(append(to, "--client-secret-file", "new-secret")...)
}

// The endpoints of a preset belong to its server, too.
func TestAPresetElsewhereHasNoEndpointsOfThePreset(t *testing.T) {
	w := newWorld(t, bearertest.Config{})
	url := w.Endpoint(bearertest.TokenEndpoint)
	w.fails(exitUsage, "--auth-url", "login", "matrica", "--token-url", url)
	w.ok("token", "metafy-app", "--token-url", url)
	w.fails(exitFailed, "--revoke-url", "revoke", "metafy-app")
}
