//go:build unix

package main

import (
	"bufio"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	osexec "os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"example.com/bearer/bearertest"
	"example.com/bearer/cmd/bearer/internal/home"
)

func TestCtrlCDuringALoginIsStatus130(t *testing.T) {
	w := newWorld(t, bearertest.Config{})
	cmd := program(t, append([]string{"login", "acme", "--no-browser"}, w.endpoints()...)...)
	errs, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(errs)
	last := ""
	for lines.Scan() {
		last = lines.Text()
		if strings.HasPrefix(last, "http") { // it waits
			if err := cmd.Process.Signal(os.Interrupt); err != nil {
				t.Fatal(err)
			}
		}
	}
	err = cmd.Wait()
	if exit, ok := errors.AsType[*osexec.ExitError](err); !ok || exit.ExitCode() != exitInterrupted || last != "bearer: interrupted" {
		t.Errorf("got %v and at last %q, want status %d and bearer: interrupted", err, last, exitInterrupted)
	}
}

// The program that opens the browser does not get the client's secret.
func TestTheBrowserDoesNotGetSecrets(t *testing.T) {
	w := newWorld(t, bearertest.Config{})
	folder := t.TempDir()
	seen := filepath.Join(folder, "environment")
	script := "#!/bin/sh\nPATH=" + os.Getenv("PATH") + "\nenv > " + seen + ".part && mv " + seen + ".part " + seen + "\n"
	for _, opener := range []string{"xdg-open", "open"} {
		if err := os.WriteFile(filepath.Join(folder, opener), []byte(script), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	cmd := program(t, append([]string{"login", "acme"}, w.endpoints()...)...)
	cmd.Env = append(cmd.Env, "PATH="+folder)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var environment []byte
	for environment == nil && t.Context().Err() == nil {
		time.Sleep(10 * time.Millisecond)
		environment, _ = os.ReadFile(seen)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // killed
	if !strings.Contains(string(environment), home.Variable+"=") {
		t.Fatalf("got an environment of %d bytes, want the rest of the program's", len(environment))
	}
	if strings.Contains(string(environment), clientSecret) {
		t.Error("the browser's environment has the client's secret, want it without")
	}
}

// A refresh that is under way when Ctrl-C comes may have spent the refresh
// token: the program waits for its answer, and stores it.
func TestCtrlCDoesNotLoseARefresh(t *testing.T) {
	w := newWorld(t, bearertest.Config{})
	var armed atomic.Bool
	started := make(chan *os.Process, 1)
	// A handler in front of the server presses Ctrl-C when a refresh
	// arrives. The answer comes later: a program that does not wait has
	// long ended.
	front := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if armed.CompareAndSwap(true, false) {
			w.Update(func(c *bearertest.Config) {
				c.Delay = map[bearertest.Endpoint]time.Duration{bearertest.TokenEndpoint: 300 * time.Millisecond}
			})
			if err := (<-started).Signal(os.Interrupt); err != nil {
				t.Errorf("interrupting: %v", err)
			}
			// The server processes it even if the connection is
			// closed.
			r = r.WithContext(t.Context())
		}
		w.ServeHTTP(rw, r)
	}))
	defer front.Close()
	w.loggedIn("acme", "--auth-url", w.Endpoint(bearertest.AuthorizeEndpoint), "--token-url", front.URL+"/token")
	w.expire("acme")

	armed.Store(true)
	cmd := program(t, "token", "acme")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	started <- cmd.Process
	if err := cmd.Wait(); err == nil {
		t.Logf("the program was done before it was interrupted")
	}
	if token := w.ok("token", "acme"); !w.accepted(token) {
		t.Errorf("got a token that the API does not accept")
	}
	if got := w.Counts().Grants["refresh_token"].Requests; got != 1 {
		t.Errorf("refreshes: got %d, want the one that was interrupted", got)
	}
}
