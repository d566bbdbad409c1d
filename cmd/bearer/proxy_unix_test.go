//go:build unix

package main

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"example.com/bearer/bearertest"
)

// A proxyProcess is bearer proxy as a process, and what it has said.
type proxyProcess struct {
	*testing.T
	origin, token string
	process       *os.Process
	lines         chan string // closed at the end of the process
	wait          func() error
	said          bytes.Buffer // what next has read
}

// next returns the next line that contains want.
func (p *proxyProcess) next(want string) string {
	p.Helper()
	for {
		select {
		case line, ok := <-p.lines:
			p.said.WriteString(line + "\n")
			if !ok {
				p.Fatalf("got\n%swant a line with %q", p.said.String(), want)
			}
			if strings.Contains(line, want) {
				return line
			}
		case <-time.After(patience):
			p.Fatalf("got\n%swant a line with %q", p.said.String(), want)
		}
	}
}

func startProxy(w *world, args ...string) *proxyProcess {
	w.Helper()
	cmd := program(w.T, append([]string{"proxy", "--listen", "127.0.0.1:0"}, args...)...)
	stderr, err := cmd.StderrPipe()
	if err != nil {
		w.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		w.Fatal(err)
	}
	p := &proxyProcess{T: w.T, process: cmd.Process, lines: make(chan string, 1000), wait: cmd.Wait}
	go func() { // ends with the process
		defer close(p.lines)
		lines := bufio.NewScanner(stderr)
		for lines.Scan() {
			p.lines <- lines.Text()
		}
	}()
	_, p.origin, _ = strings.Cut(p.next("listens on"), "listens on ")
	return p
}

func (p *proxyProcess) get(path string) (int, string) {
	p.Helper()
	req, err := http.NewRequest(http.MethodGet, p.origin+path, nil)
	if err != nil {
		p.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+p.token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		p.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		p.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

// The proxy shows its caller's token once, reads its file again after SIGHUP, of
// which a faulty one changes nothing, and ends with status 0 after SIGTERM.
func TestProxyProcess(t *testing.T) {
	w := newWorld(t, bearertest.Config{})
	declare := func(text string) {
		t.Helper()
		if err := os.WriteFile("declared.yaml", []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const one = "clients:\n  acme: {token_url: AUTH/token, client_id: client, base_url: AUTH/api, store: false}\n"
	file := strings.ReplaceAll(one, "AUTH", w.URL)
	declare(file)

	p := startProxy(w, "--config", "declared.yaml")
	p.next("/ -> " + w.URL + "/api")
	_, p.token, _ = strings.Cut(p.next("shown once: "), "shown once: ")
	p.next("Page, for one browser: " + p.origin + "/-/open?key=")
	if status, body := p.get("/daily"); status != http.StatusOK || !strings.Contains(body, "/api/daily") {
		t.Errorf("got %d and %q, want the API's answer", status, body)
	}

	reload := func() {
		t.Helper()
		if err := p.process.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
	}
	declare(strings.Replace(file, "client_id", "client_idd", 1))
	reload()
	if line := p.next("nothing has changed"); !strings.Contains(line, "did you mean client_id?") {
		t.Errorf("got %q, want what is wrong with the file", line)
	}
	if status, _ := p.get("/daily"); status != http.StatusOK {
		t.Errorf("with a faulty file: got %d, want 200", status)
	}
	declare(file + "  other: {use: acme, base_url: " + w.URL + "/api/other}\n")
	reload()
	p.next("the file was read again")
	if status, body := p.get("/other/x"); status != http.StatusOK || !strings.Contains(body, "/api/other/x") {
		t.Errorf("a client that is new: got %d and %q, want the API's answer", status, body)
	}
	w.wantTokenRequests(1)

	second := startProxy(w, "--config", "declared.yaml", "other")
	second.next("Callers' tokens: ")
	second.token = p.token
	if status, body := second.get("/x"); status != http.StatusOK || !strings.Contains(body, "/api/other/x") {
		t.Errorf("the second proxy: got %d and %q, want the API's answer for the same token", status, body)
	}
	for _, p := range []*proxyProcess{p, second} {
		if err := p.process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		for line := range p.lines {
			p.said.WriteString(line + "\n")
		}
		if err := p.wait(); err != nil {
			t.Errorf("got %v, want status 0", err)
		}
		if text := p.said.String(); strings.Contains(text, clientSecret) || strings.Contains(text, "at-") || p == second && strings.Contains(text, p.token) {
			t.Errorf("got a secret in\n%s", text)
		}
	}
}
