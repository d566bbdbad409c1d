package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"example.com/bearer/bearertest"
	"example.com/bearer/cmd/bearer/internal/batch"
)

// readResults returns the results in a file, by line. It fails the test if one
// is there twice.
func readResults(t *testing.T, path string) map[int64]batch.Result {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	all := map[int64]batch.Result{}
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var r batch.Result
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			t.Fatalf("%v in %.200q", err, lines.Text())
		}
		if _, twice := all[r.Line]; twice {
			t.Fatalf("line %d has two results", r.Line)
		}
		all[r.Line] = r
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

// writeList writes a list of n paths.
func writeList(t *testing.T, n int) string {
	t.Helper()
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "/item/%d\n", i+1)
	}
	path := filepath.Join(t.TempDir(), "list")
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestBatch(t *testing.T) {
	a := newAPI(t, bearertest.Config{}, echo)
	status, stdout, stderr := feed(t, "/a\n"+`{"url": "/b", "body": {}, "id": 7}`+"\n", "batch", "app", "-H", "X-A: b", "--response-header", "x-path")
	if status != exitOK || strings.Count(stdout, "\n") != 2 || !strings.Contains(stderr, "bearer: 2 requests in ") || !strings.HasSuffix(stderr, ": 2 succeeded\n") {
		t.Errorf("got status %d, stdout %q, stderr %q; want two results and a summary", status, stdout, stderr)
	}
	for _, want := range []string{`"body":"GET|/v1/a||b|"`, `"x-path":"/v1/a"`, `"id":7`, `"body":"POST|/v1/b|application/json|b|{}"`} {
		if !strings.Contains(stdout, want) {
			t.Errorf("got %s, want it to have %s", stdout, want)
		}
	}

	out := filepath.Join(t.TempDir(), "out")
	list := writeList(t, 50)
	if stdout := a.ok("batch", "app", list, "-o", out); stdout != "" {
		t.Errorf("with -o: got %q on stdout, want nothing", stdout)
	}
	if got := readResults(t, out); len(got) != 50 {
		t.Errorf("got %d results, want 50", len(got))
	}
	a.fails(exitFailed, "continue it with --resume", "batch", "app", list, "-o", out)
	status, _, stderr = exec(t, "batch", "app", list, "-o", out, "--resume")
	if status != exitOK || !strings.Contains(stderr, "0 requests") || !strings.Contains(stderr, "50 were done before") {
		t.Errorf("resumed: got status %d, stderr %q; want no request", status, stderr)
	}
	a.wantTokenRequests(1)
}

// The exit status says whether any result is a failure, also one of before.
func TestBatchFailures(t *testing.T) {
	newAPI(t, bearertest.Config{}, echo)
	out := filepath.Join(t.TempDir(), "out")
	for range 2 {
		status, _, stderr := feed(t, "/a\n/absent\nhttps://evil.test/\n", "batch", "app", "-o", out, "--resume")
		if status != exitFailed || !strings.Contains(stderr, "2 failed") && !strings.Contains(stderr, "2 of them failed") ||
			!strings.Contains(stderr, "1 with 404") || !strings.Contains(stderr, "1 without an answer, or not sent") {
			t.Errorf("got status %d, stderr %q; want %d and the failures by kind", status, stderr, exitFailed)
		}
	}
}

func TestBatchRefuses(t *testing.T) {
	a := newAPI(t, bearertest.Config{}, echo)
	list := writeList(t, 1)
	for _, row := range []struct {
		status int
		want   string
		args   []string
	}{
		{exitUsage, "the name of a client and a file", nil},
		{exitUsage, "--resume needs the file of results", []string{"app", list, "--resume"}},
		{exitUsage, "--concurrency must be from 1", []string{"app", list, "-c", "0"}},
		{exitUsage, "--retries must be from 0", []string{"app", list, "--retries", "-1"}},
		{exitUsage, "--timeout must not be negative", []string{"app", list, "--timeout", "-1s"}},
		{exitUsage, "--request \"get\" is not a method", []string{"app", list, "-X", "get"}},
		{exitUsage, "--bodies and --no-body", []string{"app", list, "--bodies", "x", "--no-body"}},
		{exitUsage, "no such file", []string{"app", "/absent/list"}},
		{exitUsage, "is a folder", []string{"app", "/"}},
		{exitUsage, "there is no client", []string{"other", list}},
		{exitUsage, "for the client's token", []string{"app", list, "-H", "Authorization: canary"}},
	} {
		a.fails(row.status, row.want, append([]string{"batch"}, row.args...)...)
	}
}

// A login that is not there ends a batch before it begins, and the output stays
// as it was.
func TestBatchWithoutALogin(t *testing.T) {
	a := newAPI(t, bearertest.Config{}, echo)
	a.declare(`
clients:
  app:
    grant_type: authorization_code
    auth_url: AUTH/authorize
    token_url: AUTH/token
    client_id: client
    client_secret: ` + clientSecret + `
    base_url: ` + a.url + `
`)
	out := filepath.Join(t.TempDir(), "out")
	a.fails(exitLogin, "run bearer login app", "batch", "app", writeList(t, 3), "-o", out)
	if _, err := os.Stat(out); !os.IsNotExist(err) {
		t.Errorf("got an output (%v), want none", err)
	}
	a.fails(exitLogin, "run bearer login app", "get", "app", "/x")
}

// The token endpoint refuses the client in the middle of a batch: the batch ends
// and says how to go on.
func TestBatchWhoseClientIsRefused(t *testing.T) {
	var a *api
	a = newAPI(t, bearertest.Config{}, func(rw http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/v1/item/10" {
			a.Update(func(c *bearertest.Config) { c.Clients[0].Secret = "another" })
			a.RevokeAll()
		}
	})
	out := filepath.Join(t.TempDir(), "out")
	list := writeList(t, 1000)
	status, stdout, stderr := exec(t, "batch", "app", list, "-o", out, "-c", "2")
	if status != exitFailed || stdout != "" || !strings.Contains(stderr, "invalid_client") || !strings.Contains(stderr, "with --resume continues the batch") {
		t.Errorf("got status %d, stdout %q, stderr %q; want the refusal and how to continue", status, stdout, stderr)
	}
	for line, r := range readResults(t, out) {
		if r.Status != http.StatusOK {
			t.Errorf("line %d: got %+v, want only results from before", line, r)
		}
	}
	a.Update(func(c *bearertest.Config) { c.Clients[0].Secret = clientSecret })
	a.ok("batch", "app", list, "-o", out, "--resume")
	if got := readResults(t, out); len(got) != 1000 {
		t.Errorf("got %d results, want 1000", len(got))
	}
}
