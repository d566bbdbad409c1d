package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/zalando/go-keyring"

	"example.com/bearer/bearertest"
	"example.com/bearer/cmd/bearer/internal/declaration"
	"example.com/bearer/cmd/bearer/internal/home"
	"example.com/bearer/cmd/bearer/internal/vault"
)

// A world is a server and a folder for the program.
type world struct {
	*testing.T
	*bearertest.Server
}

const clientSecret = "canary-client-secret"

// newWorld starts a server with one client, whose id is in the environment, as
// it would be for a script, and whose secret is there for each of our names.
func newWorld(t *testing.T, cfg bearertest.Config) *world {
	t.Helper()
	keyring.MockInit()
	if cfg.Clients == nil {
		cfg.Clients = []bearertest.Client{{ID: "client", Secret: clientSecret}}
	}
	t.Chdir(t.TempDir()) // a working directory with no file that declares clients
	t.Setenv(home.Variable, t.TempDir())
	t.Setenv(declaration.Variable, "")
	t.Setenv(vault.Variable, vault.Dir)
	t.Setenv(clientVariable, "client")
	t.Setenv(sharedVariable, "")
	w := &world{t, bearertest.Start(t, cfg)}
	w.setSecret(clientSecret, "matrica", "metafy", "metafy-app", "matter", "acme", "other", "stale", "app", "with", "without")
	return w
}

// setSecret puts a secret into the variables of these names.
func (w *world) setSecret(secret string, names ...string) {
	for _, name := range names {
		w.Setenv(secretVariable(name), secret)
	}
}

// ok runs a command that must succeed, and returns its stdout.
func (w *world) ok(args ...string) string {
	w.Helper()
	status, stdout, stderr := exec(w.T, args...)
	if status != exitOK {
		w.Fatalf("%q: got status %d and stderr %q, want 0", args, status, stderr)
	}
	return stdout
}

// fails runs a command that must fail with one line that contains want.
func (w *world) fails(status int, want string, args ...string) {
	w.Helper()
	got, stdout, stderr := exec(w.T, args...)
	if got != status || stdout != "" || strings.Count(stderr, "\n") != 1 || !strings.Contains(stderr, want) {
		w.Errorf("%q: got status %d, stdout %q, stderr %q; want status %d, nothing, and one line with %q", args, got, stdout, stderr, status, want)
	}
}

// endpoints returns the flags for a provider at the world's server.
func (w *world) endpoints() []string {
	return []string{
		"--token-url", w.Endpoint(bearertest.TokenEndpoint),
		"--auth-url", w.Endpoint(bearertest.AuthorizeEndpoint),
		"--revoke-url", w.Endpoint(bearertest.RevokeEndpoint),
	}
}

// login runs bearer login and plays the browser: it requests the page that the
// command prints.
func (w *world) login(args ...string) (status int, stdout, stderr string) {
	w.Helper()
	r, errs := io.Pipe()
	said := make(chan string)
	go func() { // ends when errs is closed, after the command has ended
		var all strings.Builder
		var browser sync.WaitGroup
		lines := bufio.NewScanner(r)
		for lines.Scan() {
			all.WriteString(lines.Text() + "\n")
			if page := lines.Text(); strings.HasPrefix(page, "http") {
				browser.Go(func() { browse(w.T, page) })
			}
		}
		browser.Wait() // before the server and the test end
		said <- all.String()
	}()
	ctx, cancel := context.WithTimeout(w.Context(), patience)
	defer cancel()
	var out bytes.Buffer
	status = run(ctx, append([]string{"login", "--no-browser"}, args...), strings.NewReader(""), &out, errs)
	errs.Close()
	return status, out.String(), <-said
}

func browse(t *testing.T, page string) {
	resp, err := http.Get(page)
	if err != nil {
		t.Errorf("the browser: %v", err)
		return
	}
	resp.Body.Close()
}

// loggedIn is login that must succeed.
func (w *world) loggedIn(args ...string) (stdout string) {
	w.Helper()
	status, stdout, stderr := w.login(args...)
	if status != exitOK {
		w.Fatalf("login %q: got status %d and stderr %q, want 0", args, status, stderr)
	}
	return stdout
}

// wantNoToken fails the test unless the client is declared and has no token.
func (w *world) wantNoToken(name string) {
	w.Helper()
	for _, s := range w.statuses() {
		if s.Name == name && s.State == "missing" {
			return
		}
	}
	w.Errorf("%s: got %+v, want that it is declared and has no token", name, w.statuses())
}

func (w *world) wantTokenRequests(n int) {
	w.Helper()
	if got := w.Counts().TokenRequests(); got != n {
		w.Errorf("token requests: got %d, want %d", got, n)
	}
}

// accepted reports whether the API accepts the token.
func (w *world) accepted(token string) bool {
	w.Helper()
	req, err := http.NewRequestWithContext(w.Context(), http.MethodGet, w.Endpoint(bearertest.APIEndpoint), nil)
	if err != nil {
		w.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+strings.TrimSpace(token))
	resp, err := w.Client().Do(req)
	if err != nil {
		w.Fatal(err)
	}
	resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// statuses returns what bearer status --json prints, nothing if no client is
// declared.
func (w *world) statuses() (all []status) {
	w.Helper()
	path, err := declaration.Own()
	if err != nil {
		w.Fatal(err)
	}
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err := json.Unmarshal([]byte(w.ok("status", "--json")), &all); err != nil {
		w.Fatal(err)
	}
	return all
}

// expire makes the stored access token one that has expired, and leaves its
// refresh token.
func (w *world) expire(name string) {
	w.Helper()
	cache, err := w.declared().Cache(name)
	if err != nil {
		w.Fatal(err)
	}
	s, key := cache.Store, cache.Key
	data, err := s.Get(w.Context(), key)
	if err != nil {
		w.Fatal(err)
	}
	var fields map[string]any
	if err := json.Unmarshal(data, &fields); err != nil {
		w.Fatal(err)
	}
	fields["expiry"] = "2001-01-01T00:00:00Z"
	if data, err = json.Marshal(fields); err == nil {
		err = s.Put(w.Context(), key, data)
	}
	if err != nil {
		w.Fatal(err)
	}
}

// declared opens the user's own file.
func (w *world) declared() *declared {
	w.Helper()
	path, err := declaration.Own()
	if err != nil {
		w.Fatal(err)
	}
	file, err := declaration.Read(path)
	if err != nil {
		w.Fatal(err)
	}
	d, err := openFile(file, nil)
	if err != nil {
		w.Fatal(err)
	}
	return d
}

// TestMain lets a test run the program as a process, with this binary.
func TestMain(m *testing.M) {
	if os.Getenv("BEARER_TEST_IS_PROGRAM") != "" {
		main()
	}
	os.Exit(m.Run())
}
