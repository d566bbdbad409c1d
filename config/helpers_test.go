package config_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"example.com/bearer/bearertest"
	"example.com/bearer/config"
)

// world is an authorization server with its API in memory, and the folder of a
// file that declares its clients.
type world struct {
	*bearertest.Server
	dir string
}

func newWorld(t *testing.T, cfg bearertest.Config) world {
	if !cfg.TLS {
		cfg.Network = new(bearertest.Network)
	}
	return world{bearertest.Start(t, cfg), t.TempDir()}
}

// write writes a file into the folder and returns its path.
func (w world) write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(w.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// load opens a file in which AUTH stands for the server's URL.
func (w world) load(t *testing.T, loader config.Loader, text string) *config.Set {
	t.Helper()
	loader.Base = w.Transport()
	set, err := loader.Load(w.write(t, "bearer.yaml", strings.ReplaceAll(text, "AUTH", w.URL)))
	if err != nil {
		t.Fatalf("got the error\n%v\nwant a set", err)
	}
	return set
}

// call calls the API as that client, and fails the test unless it accepts the
// token.
func (w world) call(t *testing.T, set *config.Set, name string) {
	t.Helper()
	client, err := set.Client(name)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := client.Get(w.Endpoint(bearertest.APIEndpoint) + name)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Errorf("%s: got %s, want 200", name, resp.Status)
	}
}

// last returns the newest request to the token endpoint.
func (w world) last(t *testing.T) bearertest.Request {
	t.Helper()
	all := w.Requests(bearertest.TokenEndpoint)
	if len(all) == 0 {
		t.Fatal("got no token request, want one")
	}
	return all[len(all)-1]
}
