package main

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"example.com/bearer/bearertest"
	"example.com/bearer/cmd/bearer/internal/declaration"
)

// An api is a world with an API of a declared client, "app".
type api struct {
	*world
	url string // base_url
}

// newAPI starts an API behind the world's server and declares a client of it.
func newAPI(t *testing.T, cfg bearertest.Config, serve http.HandlerFunc) *api {
	t.Helper()
	w := newWorld(t, cfg)
	server := httptest.NewServer(w.Protect(serve))
	t.Cleanup(server.Close)
	a := &api{w, server.URL + "/v1"}
	a.declare(`
clients:
  app:
    token_url: AUTH/token
    client_id: client
    client_secret: ` + clientSecret + `
    base_url: ` + a.url + `
    store: {name: dir}
`)
	return a
}

// declare makes text, in which AUTH is the server's URL, the file that declares
// the clients.
func (w *world) declare(text string) {
	w.Helper()
	path := filepath.Join(w.TempDir(), "bearer.yaml")
	if err := os.WriteFile(path, []byte(strings.ReplaceAll(text, "AUTH", w.URL)), 0o600); err != nil {
		w.Fatal(err)
	}
	w.Setenv("BEARER_CONFIG", path)
}

// feed runs a command with something on stdin.
func feed(t *testing.T, stdin string, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var out, errs bytes.Buffer
	status = run(ctx, args, strings.NewReader(stdin), &out, &errs)
	return status, out.String(), errs.String()
}

// declareOwn makes text the file in the user's folder.
func (w *world) declareOwn(text string) {
	w.Helper()
	own, err := declaration.Own()
	if err != nil {
		w.Fatal(err)
	}
	if err := os.WriteFile(own, []byte(text), 0o600); err != nil {
		w.Fatal(err)
	}
}
