package login

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The command gets the URL unchanged, without a shell between.
func TestOpenBrowserRunsCommand(t *testing.T) {
	dir := t.TempDir()
	script := "#!/bin/sh\nprintf '%s' \"$1\" > '" + dir + "/opened'\n"
	if err := os.WriteFile(filepath.Join(dir, "xdg-open"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir)
	const want = "https://auth.test/authorize?state=a&scope=b%20c'$(x)"
	if err := OpenBrowser(want); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(filepath.Join(dir, "opened")); err != nil || string(got) != want {
		t.Errorf("got %q opened (%v), want %q", got, err, want)
	}
}

// Without a browser the user is shown the URL.
func TestOpenBrowserFindsNone(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	if err := OpenBrowser("https://auth.test/"); err == nil {
		t.Error("got no error, want one that says that there is no browser")
	}
}

// The browser does not inherit secrets from the environment, and still has
// what it needs to find the display and the user's settings.
func TestOpenBrowserInheritsNoSecret(t *testing.T) {
	dir := t.TempDir()
	script := "#!/bin/sh\nexport -p > '" + dir + "/environment'\n"
	if err := os.WriteFile(filepath.Join(dir, "xdg-open"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir)
	secrets := []string{
		"BEARER_CLIENT_SECRET", "BEARER_MATRICA_CLIENT_SECRET", "bearer_a_client_secret", "GITHUB_TOKEN", "PGPASSWORD",
		"SIGNING_PASSPHRASE", "OPENAI_API_KEY", "AWS_ACCESS_KEY_ID", "GOOGLE_APPLICATION_CREDENTIALS",
	}
	needed := []string{"DISPLAY", "XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS", "GNOME_KEYRING_CONTROL", "HTTPS_PROXY", "BEARER_HOME"}
	for _, name := range append(secrets, needed...) {
		t.Setenv(name, "value-of-"+name)
	}
	if err := OpenBrowser("https://auth.test/"); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join(dir, "environment"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range secrets {
		if strings.Contains(string(got), name) {
			t.Errorf("the browser inherits %s", name)
		}
	}
	for _, name := range needed {
		if !strings.Contains(string(got), "value-of-"+name) {
			t.Errorf("the browser does not inherit %s", name)
		}
	}
}

// The command writes nothing to the program's own output.
func TestOpenBrowserIsSilent(t *testing.T) {
	dir := t.TempDir()
	script := "#!/bin/sh\necho chatter\necho chatter >&2\n: > '" + dir + "/opened'\n"
	if err := os.WriteFile(filepath.Join(dir, "xdg-open"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir)
	output, err := os.Create(filepath.Join(dir, "output"))
	if err != nil {
		t.Fatal(err)
	}
	defer output.Close()
	stdout, stderr := os.Stdout, os.Stderr
	os.Stdout, os.Stderr = output, output
	err = OpenBrowser("https://auth.test/")
	os.Stdout, os.Stderr = stdout, stderr
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "opened")); err != nil {
		t.Errorf("the command did not run: %v", err)
	}
	if got, err := os.ReadFile(output.Name()); err != nil || len(got) != 0 {
		t.Errorf("got output %q (%v), want none", got, err)
	}
}

// A command that fails is named, with its exit status.
func TestOpenBrowserFails(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "xdg-open"), []byte("#!/bin/sh\nexit 3\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir)
	if err := OpenBrowser("https://auth.test/"); err == nil || !strings.Contains(err.Error(), "xdg-open") || !strings.Contains(err.Error(), "exit status 3") {
		t.Errorf("got %v, want an error that names xdg-open and exit status 3", err)
	}
}
