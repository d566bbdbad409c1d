package main

import (
	"os"
	"path/filepath"
	"testing"

	"example.com/bearer/bearertest"
)

// What would open the proxy wider than its user may know is a usage error.
func TestProxyFlags(t *testing.T) {
	w := newWorld(t, bearertest.Config{})
	for _, test := range []struct {
		want string
		args []string
	}{
		{"is not an address with a port", []string{"--listen", "8080"}},
		{"can be reached from other machines", []string{"--listen", "0.0.0.0:0"}},
		{"can be reached from other machines", []string{"--listen", ":0"}},
		{"can be reached from other machines", []string{"--listen", "gateway.test:0"}},
		{"--allow-remote needs --tls-cert", []string{"--listen", ":0", "--allow-remote"}},
		{"give both", []string{"--tls-cert", "x"}},
		{"is for 127.0.0.1 alone", []string{"--listen", ":0", "--allow-remote", "--tls-cert", "x", "--tls-key", "y", "--no-caller-token"}},
		{"is for 127.0.0.1 alone", []string{"--no-caller-token", "--host", "gateway.test"}},
		{"--no-caller-token and --caller-token-file: give one", []string{"--no-caller-token", "--caller-token-file", "x"}},
		{"--listen and --socket: give one", []string{"--listen", "127.0.0.1:0", "--socket", "s"}},
		{"give it alone", []string{"--socket", "s", "--no-caller-token"}},
		{"is negative", []string{"--drain", "-1s"}},
		{"make one with bearer init", nil},
	} {
		w.fails(exitUsage, test.want, append([]string{"proxy"}, test.args...)...)
	}
}

// A file that is merely found runs nothing, and gets no token from outside,
// before it is allowed: also for a proxy.
func TestProxyOfAFileThatWasFound(t *testing.T) {
	newWorld(t, bearertest.Config{})
	text := "clients: {a: {token_url: https://auth.test/token, client_id: x, client_secret_command: [touch, ran], base_url: https://api.test}}"
	if err := os.WriteFile("bearer.yaml", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if status, _, _ := exec(t, "proxy", "--listen", "127.0.0.1:0"); status == exitOK {
		t.Error("got status 0, want a failure")
	}
	if _, err := os.Stat(filepath.Join(".", "ran")); err == nil {
		t.Error("the command in the file ran, want it not to")
	}
}
