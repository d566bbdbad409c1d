package config_test

import (
	"os"
	"path/filepath"
	"testing"

	"example.com/bearer/bearertest"
	"example.com/bearer/config"
)

// A confined file runs no command, reads no variable, and names no path outside
// its folder, not even by a link.
func TestConfined(t *testing.T) {
	w := newWorld(t, bearertest.Config{})
	outside := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(outside, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, filepath.Join(w.dir, "link")); err != nil {
		t.Fatal(err)
	}
	w.write(t, "inside", "secret")
	const (
		commands = "this file may not run commands until you have approved it"
		paths    = "this file may not name paths outside its folder until you have approved it"
	)
	for line, want := range map[string]string{
		"client_secret_command: [cat, inside]":                    "clients.a.client_secret_command: " + commands,
		"client_secret: ${SECRET}":                                "clients.a.client_secret: this file may not read the environment until you have approved it",
		"client_secret_file: ../secret":                           "clients.a.client_secret_file: " + paths,
		"client_secret_file: " + outside:                          "clients.a.client_secret_file: " + paths,
		"client_secret_file: link":                                "clients.a.client_secret_file: " + paths,
		"client_secret_file: ~/.ssh/id_ed25519":                   "clients.a.client_secret_file: " + paths,
		"client_secret_file: inside\n    store: {dir: /tmp/x}":    "clients.a.store.dir: " + paths,
		"client_secret_file: inside\n    store: {dir: a/../../x}": "clients.a.store.dir: " + paths,
		"client_secret_file: inside\n    store: {dir: new/state}": "",
	} {
		loader := config.Loader{Confined: true, Getenv: func(string) string { return "secret" }}
		path := w.write(t, "bearer.yaml", "clients:\n  a:\n    token_url: https://auth.test/token\n    client_id: x\n    "+line+"\n")
		_, err := loader.Load(path)
		got := ""
		if err != nil {
			faults := err.(*config.Error).Faults
			got = faults[0].Path + ": " + faults[0].Text
			if len(faults) > 1 {
				t.Errorf("%s: got %d faults, want 1:\n%v", line, len(faults), err)
			}
		}
		if got != want {
			t.Errorf("%s: got %q, want %q", line, got, want)
		}
	}
}
