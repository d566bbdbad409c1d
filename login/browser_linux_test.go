package login

import (
	"os"
	"path/filepath"
	"testing"
)

// The command gets the URL as it is, with no shell between.
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
