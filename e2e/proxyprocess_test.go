package e2e

import (
	"bufio"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"example.com/bearer/bearertest"
)

// A proxied is a bearer proxy, as a process, before an API.
type proxied struct {
	*bearertest.Server
	url, token, link string
	output           *safeBuffer

	without atomic.Int64 // requests that reached the API without a token
}

// startProxy builds the command, and runs bearer proxy with args. It serves one
// client, reports.
func startProxy(t *testing.T, cfg bearertest.Config, args ...string) *proxied {
	t.Helper()
	if os.Getenv("BEARER_E2E") == "" {
		t.Skip("set BEARER_E2E=1 to run the tests with a browser, curl and node")
	}
	dir := t.TempDir()
	program := filepath.Join(dir, "bearer")
	build := exec.Command("go", "build", "-o", program, ".")
	build.Dir = "../cmd/bearer"
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}

	p := &proxied{Server: bearertest.Start(t, cfg), output: new(safeBuffer)}
	protected := p.Protect(nil)
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.Header.Get("Authorization"), "Bearer at-") {
			p.without.Add(1)
		}
		protected.ServeHTTP(w, r)
	}))
	t.Cleanup(api.Close)
	file := filepath.Join(dir, "bearer.yaml")
	text := "clients:\n  reports:\n    token_url: " + p.Endpoint(bearertest.TokenEndpoint) +
		"\n    client_id: client\n    client_secret: secret\n    base_url: " + api.URL + "/v1\n    store: false\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, append([]string{"proxy", "--config", file, "--listen", "127.0.0.1:0"}, args...)...)
	cmd.Env = append(os.Environ(), "BEARER_HOME="+filepath.Join(dir, "home"))
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	said, ended := make(chan bool), make(chan bool)
	go func() { // ends with the process
		defer close(ended)
		lines := bufio.NewScanner(stderr)
		for lines.Scan() {
			line := lines.Text()
			p.output.Write([]byte(line + "\n"))
			if _, url, ok := strings.Cut(line, "listens on "); ok {
				p.url = url
			}
			if _, token, ok := strings.Cut(line, "shown once: "); ok {
				p.token = token
			}
			if _, link, ok := strings.Cut(line, "for one browser: "); ok {
				p.link = link
				close(said)
			}
		}
	}()
	t.Cleanup(func() {
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Error(err)
		}
		<-ended
		if err := cmd.Wait(); err != nil {
			t.Errorf("bearer proxy ended with %v:\n%s", err, p.output)
		}
	})
	select {
	case <-said:
	case <-ended:
		t.Fatalf("bearer proxy has ended:\n%s", p.output)
	case <-time.After(time.Minute):
		t.Fatalf("bearer proxy does not listen:\n%s", p.output)
	}
	return p
}
