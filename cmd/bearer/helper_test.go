package main

import (
	"strings"
	"testing"

	"example.com/bearer/bearertest"
)

// Other programs run helpers in any folder: a file there does not count, not even
// an approved one.
func TestHelpersIgnoreTheWorkingDirectory(t *testing.T) {
	a := newAPI(t, bearertest.Config{}, echo)
	declared := `
clients:
  app: {token_url: ` + a.URL + `/token, client_id: client, client_secret: ` + clientSecret + `, hosts: [git.test]}
`
	t.Setenv("BEARER_CONFIG", "")
	write(t, "bearer.yaml", strings.Replace(declared, "git.test", "evil.test", 1))
	a.ok("allow")
	const asked = "protocol=https\nhost=evil.test\n\n"
	if status, stdout, stderr := feed(t, asked, "helper", "git", "app", "get"); status == exitOK || stdout != "" || !strings.Contains(stderr, "bearer.yaml") {
		t.Errorf("without a file of the user: got status %d, %q and %q, want that it is missing", status, stdout, stderr)
	}
	a.declareOwn(declared)
	if status, stdout, stderr := feed(t, asked, "helper", "git", "app", "get"); status != exitOK || stdout != "" {
		t.Errorf("got status %d, %q and %q, want nothing for a host of the file in the working directory", status, stdout, stderr)
	}
	if _, stdout, stderr := feed(t, "protocol=https\nhost=git.test\n\n", "helper", "git", "app", "get"); !strings.HasPrefix(stdout, "username=oauth2\npassword=") {
		t.Errorf("got %q and %q, want the token for a host of the user's file", stdout, stderr)
	}
}

func TestHelpersRefuse(t *testing.T) {
	a := newAPI(t, bearertest.Config{}, echo)
	t.Setenv("KUBERNETES_EXEC_INFO", "")
	a.fails(exitUsage, `there is no helper for "svn", only for git, goauth and kubectl`, "helper", "svn", "app")
	a.fails(exitUsage, "git takes the name of a client and an operation", "helper", "git", "app")
	a.fails(exitUsage, "there is no client", "helper", "git", "other", "get")
	a.fails(exitUsage, "goauth takes one argument", "helper", "goauth")
	a.fails(exitFailed, "KUBERNETES_EXEC_INFO is not set", "helper", "kubectl", "app")
}
