package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/zalando/go-keyring"

	"example.com/bearer/bearertest"
	"example.com/bearer/cmd/bearer/internal/declaration"
	"example.com/bearer/cmd/bearer/internal/home"
	"example.com/bearer/cmd/bearer/internal/vault"
)

// G15: nothing that the program writes holds a secret, except the token that
// bearer token prints to stdout, and the token's file in the folder.
func TestNoSecretIsShown(t *testing.T) {
	w := newWorld(t, bearertest.Config{})
	home := os.Getenv(home.Variable)
	var shown strings.Builder
	note := func(args ...string) {
		_, stdout, stderr := exec(t, args...)
		if args[0] == "token" {
			stdout = ""
		}
		shown.WriteString(strings.Join(args, " ") + "\n" + stdout + stderr)
	}
	login := func(args ...string) {
		_, stdout, stderr := w.login(append(args, w.endpoints()...)...)
		shown.WriteString(stdout + stderr)
	}
	// A server that repeats what it was sent in its error.
	repeat := func(e bearertest.Endpoint, code, text string) {
		w.Fault(e, bearertest.Fault{
			Status: 400, Times: 1, Header: map[string][]string{"Content-Type": {"application/json"}},
			Body: `{"error":"` + code + `","error_description":"you sent ` + text + `"}`,
		})
	}

	repeat(bearertest.TokenEndpoint, "invalid_client", clientSecret)
	login("acme") // fails
	login("acme")
	login("metafy", "--store", vault.Keyring)
	note("status")
	note("status", "--json")
	note("check", "--live")
	note("check", "--live", "--json")
	note("schema")
	note("init", "matter", "-o", "-")
	note("token", "acme")
	note("token", "metafy", "--header")
	note("token", "metafy", "--scope", "other")
	stored := tokensIn(t, home)
	repeat(bearertest.RevokeEndpoint, "invalid_request", stored)
	note("revoke", "acme")
	w.expire("acme")
	w.expire("metafy")
	repeat(bearertest.TokenEndpoint, "invalid_grant", stored)
	note("token", "acme")
	w.Fault(bearertest.TokenEndpoint, bearertest.Fault{Processed: true, Drop: true, Times: -1})
	note("token", "acme")
	w.ClearFaults()
	keyring.MockInitWithError(keyring.ErrSetDataTooBig)
	note("token", "metafy")
	keyring.MockInit()
	// This does not keep root from writing.
	if err := os.Chmod(home, 0o500); err != nil {
		t.Fatal(err)
	}
	note("token", "acme")
	if err := os.Chmod(home, 0o700); err != nil {
		t.Fatal(err)
	}
	note("logout", "acme")
	note("logout", "metafy")

	// Files with the secret in all its forms, good and faulty.
	for _, settings := range []string{
		"client_secret: " + clientSecret,
		"client_secret: " + clientSecret + "\n    client_idd: " + clientSecret,
		"client_secret: [" + clientSecret + "]",
		"client_secret_command: [echo, " + clientSecret + "]",
		"client_secret_command: [sh, -c, 'echo " + clientSecret + " >&2; exit 1']",
		"client_secret: '${UNSET}" + clientSecret + "'",
		"client_secrets: " + clientSecret,
		"token_url: https://user:" + clientSecret + "@auth.test\n    client_secret: x",
		"client_secret: " + clientSecret + "\n  - broken: " + clientSecret,
	} {
		url := ""
		if !strings.Contains(settings, "token_url") {
			url = "    token_url: " + w.Endpoint(bearertest.TokenEndpoint) + "\n"
		}
		write(t, declaration.Name, "clients:\n  acme:\n    client_id: client\n"+url+"    "+settings+"\n")
		w.setSecret("", "acme")
		for _, args := range [][]string{
			{"check"}, {"allow"}, {"check", "--json"}, {"check", "--live"}, {"check", "--live", "--json"}, {"status"}, {"status", "--json"},
			{"token", "acme"}, {"revoke", "acme"}, {"logout", "acme"}, {"login", "acme"}, {"__complete", "token", ""}, {"allow", "--revoke"},
			{"get", "acme", "/x"}, {"batch", "acme"}, {"exec", "acme", "no-such-command"}, {"helper", "goauth", "acme"},
			{"token", "new", "--token-url", w.Endpoint(bearertest.TokenEndpoint), "--config", declaration.Name},
		} {
			note(args...)
		}
	}

	secrets := []string{clientSecret}
	for _, r := range w.Requests("") {
		for _, name := range []string{"code", "code_verifier", "refresh_token", "token"} {
			if v := r.Form.Get(name); v != "" {
				secrets = append(secrets, v)
			}
		}
	}
	if len(secrets) < 8 {
		t.Fatalf("got %d secrets to look for, want the codes, verifiers and tokens too", len(secrets))
	}
	for _, s := range secrets {
		if i := strings.Index(shown.String(), s); i >= 0 {
			t.Errorf("a secret of %d bytes is shown, after %.80q", len(s), shown.String()[max(0, i-80):i])
		}
	}
	file, err := os.ReadFile(filepath.Join(home, "bearer.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range secrets {
		if strings.Contains(string(file), s) {
			t.Errorf("a secret of %d bytes is in the file", len(s))
		}
	}
}

// tokensIn returns the refresh token of acme that is stored in the folder.
func tokensIn(t *testing.T, home string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(home, "token-acme-*.json"))
	if err != nil || len(files) != 1 {
		t.Fatalf("got the files %q and %v, want one of acme", files, err)
	}
	data, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(data), `"refresh_token":"`)
	token, _, ok := strings.Cut(rest, `"`)
	if !ok {
		t.Fatal("the stored token has no refresh token")
	}
	return token
}
