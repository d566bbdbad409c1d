//go:build unix

package main

import (
	"bufio"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	osexec "os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"example.com/bearer/bearertest"
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

// A refresh that Ctrl-C meets has perhaps spent the refresh token: its answer is
// waited for, and stored.
func TestCtrlCDoesNotLoseARefresh(t *testing.T) {
	w := newWorld(t, bearertest.Config{})
	var armed atomic.Bool
	started := make(chan *os.Process, 1)
	// What stands before the server presses Ctrl-C when a refresh arrives. The
	// answer comes later, when the program has long ended if it does not wait.
	front := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if armed.CompareAndSwap(true, false) {
			w.Update(func(c *bearertest.Config) {
				c.Delay = map[bearertest.Endpoint]time.Duration{bearertest.TokenEndpoint: 300 * time.Millisecond}
			})
			if err := (<-started).Signal(os.Interrupt); err != nil {
				t.Errorf("interrupting: %v", err)
			}
			// Processed, whatever becomes of the connection.
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
