package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"example.com/bearer/bearertest"
	"example.com/bearer/cmd/bearer/internal/declaration"
)

// write writes a file into the working directory.
func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// everyCommand is how each command that opens the file is called for a client a.
var everyCommand = [][]string{
	{"check"}, {"check", "--live"}, {"check", "--json"}, {"status"}, {"token", "a"}, {"login", "a"}, {"revoke", "a"}, {"logout", "a"}, {"__complete", "token", ""},
}

// A file that came with a cloned repository runs nothing before the user has
// approved it, and whatever changes it ends the approval.
func TestAClonedFileRunsNothingBeforeItIsApproved(t *testing.T) {
	w := newWorld(t, bearertest.Config{})
	const file = "clients:\n  a:\n    token_url: URL\n    client_id: client\n    client_secret_command: [sh, -c, 'touch ran; echo " + clientSecret + "']\n"
	text := strings.ReplaceAll(file, "URL", w.Endpoint(bearertest.TokenEndpoint))
	write(t, declaration.Name, text)
	ran := func() bool {
		_, err := os.Stat("ran")
		return err == nil
	}
	refused := func(when string) {
		t.Helper()
		for _, args := range everyCommand {
			status, _, stderr := exec(t, args...)
			wantLines := "bearer.yaml:5:28: clients.a.client_secret_command: this file may not run commands until you have approved it\n" +
				"bearer: bearer.yaml is in the working directory and not approved: read it, then type bearer allow\n"
			asJSON := args[len(args)-1] == "--json"
			if args[0] != "__complete" && (status != exitFailed || !asJSON && stderr != wantLines) {
				t.Errorf("%s: %q: got status %d and stderr %q, want %d and %q", when, args, status, stderr, exitFailed, wantLines)
			}
			if ran() {
				t.Fatalf("%s: %q ran the command, want that it does not", when, args)
			}
		}
		w.wantTokenRequests(0)
	}
	refused("before")

	want := "bearer.yaml:5:28: clients.a.client_secret_command is allowed now\nbearer.yaml is approved as it is now.\n"
	if got := w.ok("allow"); got != want || ran() {
		t.Errorf("allow: got %q and that the command ran: %v; want %q and false", got, ran(), want)
	}
	if got := w.ok("allow", "--revoke"); got != "bearer.yaml is no longer approved.\n" {
		t.Errorf("allow --revoke: got %q", got)
	}
	refused("after --revoke")

	w.ok("allow", filepath.Join(".", "bearer.yaml"))
	if token := w.ok("token", "a"); !w.accepted(token) || !ran() {
		t.Errorf("approved: got a token that the API does not accept, or the command did not run")
	}
	w.ok("logout", "a")
	if err := os.Remove("ran"); err != nil {
		t.Fatal(err)
	}
	counted := w.Counts().TokenRequests()
	write(t, declaration.Name, text+"\n")
	if status, _, _ := exec(t, "token", "a"); status != exitFailed || ran() || w.Counts().TokenRequests() != counted {
		t.Errorf("changed: got status %d and that the command ran: %v; want %d and false", status, ran(), exitFailed)
	}
	// The approval is for this path, from which relative paths start.
	write(t, declaration.Name, text)
	elsewhere := t.TempDir()
	write(t, filepath.Join(elsewhere, declaration.Name), text)
	t.Chdir(elsewhere)
	if status, _, _ := exec(t, "token", "a"); status != exitFailed || ran() {
		t.Errorf("a copy elsewhere: got status %d and that the command ran: %v; want %d and false", status, ran(), exitFailed)
	}
}

// To name the file is to approve of it; so is the user's own.
func TestANamedFileNeedsNoApproval(t *testing.T) {
	w := newWorld(t, bearertest.Config{})
	t.Setenv("MY_SECRET", clientSecret)
	text := "clients: {a: {token_url: '" + w.Endpoint(bearertest.TokenEndpoint) + "', client_id: client, client_secret: '${MY_SECRET}'}}"
	write(t, declaration.Name, text)
	w.ok("token", "a", "--config", declaration.Name)
	t.Setenv(declaration.Variable, declaration.Name)
	w.ok("token", "a")
	t.Setenv(declaration.Variable, "")
	own, err := declaration.Own()
	if err != nil {
		t.Fatal(err)
	}
	write(t, own, text)
	if status, _, _ := exec(t, "token", "a"); status != exitFailed {
		t.Errorf("the one in the working directory comes first: got status %d, want %d", status, exitFailed)
	}
	t.Chdir(filepath.Dir(own))
	w.ok("token", "a")
	t.Chdir(t.TempDir())
	w.ok("token", "a")
}

// The environment's secret, too, goes nowhere that the user has not approved.
func TestAnUnapprovedFileGetsNoSecretOfTheEnvironment(t *testing.T) {
	w := newWorld(t, bearertest.Config{})
	write(t, declaration.Name, "clients: {acme: {token_url: '"+w.Endpoint(bearertest.TokenEndpoint)+"', client_id: client}}")
	w.fails(exitFailed, "bearer.yaml is not approved, so it does not decide where the secret in BEARER_ACME_CLIENT_SECRET goes: read it, then type bearer allow", "token", "acme")
	w.ok("allow")
	w.ok("token", "acme")

	// Nor one that the user types.
	w.setSecret("", "acme")
	write(t, declaration.Name, "clients: {acme: {token_url: '"+w.Endpoint(bearertest.TokenEndpoint)+"?', client_id: client}}")
	var out, errs bytes.Buffer
	status := run(t.Context(), []string{"token", "acme", "--client-secret-file", "-"}, strings.NewReader(clientSecret), &out, &errs)
	if want := "bearer.yaml is not approved, so it does not decide where the client's secret goes"; status != exitFailed || out.Len() > 0 || !strings.Contains(errs.String(), want) {
		t.Errorf("got status %d, %q and %q, want %q", status, out.String(), errs.String(), want)
	}
	w.setSecret(clientSecret, "acme")

	// Nor is the user asked for a consent that is of no use.
	write(t, declaration.Name, "clients: {acme: {issuer: '"+w.URL+"', client_id: client, grant_type: authorization_code}}")
	w.fails(exitFailed, "bearer.yaml is not approved", "login", "acme")
	w.wantTokenRequests(1)
}

// A file that declares the client of another one finds no token of it, since it
// could send that to a host of its own.
func TestAnUnapprovedFileFindsNoTokenOfAnother(t *testing.T) {
	w := newWorld(t, bearertest.Config{Clients: []bearertest.Client{{ID: "client", Auth: []string{"none"}}}})
	w.setSecret("", "acme")
	w.loggedIn(append([]string{"acme"}, w.endpoints()...)...)
	own, err := os.ReadFile(w.declared().file.Path)
	if err != nil {
		t.Fatal(err)
	}
	token := w.ok("token", "acme")
	write(t, declaration.Name, string(own)+"    hosts: [evil.example.com]\n")
	w.fails(exitLogin, "run bearer login acme", "token", "acme")
	if got := w.ok("status", "--json"); !strings.Contains(got, `"state":"missing"`) {
		t.Errorf("status: got %s, want that there is no token", got)
	}
	w.ok("allow")
	if got := w.ok("token", "acme"); got != token {
		t.Error("approved: got another token, want the stored one")
	}
}

func TestAllowSaysWhatIsWrong(t *testing.T) {
	w := newWorld(t, bearertest.Config{})
	w.fails(exitFailed, "no such file", "allow")
	w.fails(exitUsage, "one file", "allow", "a", "b")
	w.fails(exitUsage, "--config is empty", "check", "--config", "")
	write(t, declaration.Name, "clients: {}")
	if got := w.ok("allow", "--revoke"); !strings.Contains(got, "was not approved") {
		t.Errorf("got %q, want that it was not approved", got)
	}
}
