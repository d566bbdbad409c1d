package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"example.com/bearer/bearertest"
)

// echo answers with the request.
func echo(rw http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	rw.Header().Set("X-Path", r.URL.RequestURI())
	if strings.HasSuffix(r.URL.Path, "/absent") {
		rw.WriteHeader(http.StatusNotFound)
	}
	if strings.HasSuffix(r.URL.Path, "/moved") {
		http.Redirect(rw, r, "/elsewhere", http.StatusFound)
		return
	}
	io.WriteString(rw, strings.Join([]string{r.Method, r.URL.RequestURI(), r.Header.Get("Content-Type"), r.Header.Get("X-A"), string(body)}, "|"))
}

func TestGet(t *testing.T) {
	a := newAPI(t, bearertest.Config{}, echo)
	file := filepath.Join(t.TempDir(), "body")
	empty := filepath.Join(t.TempDir(), "empty")
	big := strings.Repeat("x", 3<<20)
	if err := os.WriteFile(file, []byte("from a file"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	const form = "application/x-www-form-urlencoded"
	for _, row := range []struct {
		stdin string
		args  []string
		want  string
	}{
		{"", []string{"/x?y=1"}, "GET|/v1/x?y=1|||"},
		{"", []string{a.url + "/x"}, "GET|/v1/x|||"},
		{"", []string{"x", "-X", "DELETE", "-H", "X-A: b", "-H", "Content-Type:text/x"}, "DELETE|/v1/x|text/x|b|"},
		{"", []string{"x", "-d", "a=1", "-d", "b=2"}, "POST|/v1/x|" + form + "||a=1&b=2"},
		{"", []string{"x", "-d", "@" + file, "-X", "PUT"}, "PUT|/v1/x|" + form + "||from a file"},
		{"", []string{"x", "-d", "@" + empty}, "POST|/v1/x|" + form + "||"},
		{"", []string{"x", "-d", ""}, "POST|/v1/x|" + form + "||"},
		{"from stdin", []string{"x", "-d", "@-"}, "POST|/v1/x|" + form + "||from stdin"},
		{big, []string{"x", "-d", "@-"}, "POST|/v1/x|" + form + "||" + big},
		{"", []string{"absent"}, "GET|/v1/absent|||"},
		{"", []string{"moved", "-L"}, "GET|/elsewhere|||"},
	} {
		status, stdout, stderr := feed(t, row.stdin, append([]string{"get", "app"}, row.args...)...)
		if status != exitOK || stdout != row.want || stderr != "" {
			t.Errorf("%q: got status %d, stdout %.200q, stderr %q; want %.200q", row.args, status, stdout, stderr, row.want)
		}
	}
	a.wantTokenRequests(1)
}

func TestGetPrintsHeadersAndWritesFiles(t *testing.T) {
	a := newAPI(t, bearertest.Config{}, echo)
	out := a.ok("get", "app", "x", "-i")
	if !strings.HasPrefix(out, "HTTP/1.1 200 OK\r\n") || !strings.Contains(out, "\r\nX-Path: /v1/x\r\n") || !strings.HasSuffix(out, "\r\n\r\nGET|/v1/x|||") {
		t.Errorf("got %q, want the status, the headers and the body", out)
	}
	if out := a.ok("get", "app", "moved", "-i"); !strings.HasPrefix(out, "HTTP/1.1 302 Found\r\n") {
		t.Errorf("a redirect without -L: got %q, want it as it is", out)
	}
	file := filepath.Join(t.TempDir(), "out")
	if out := a.ok("get", "app", "x", "-o", file); out != "" {
		t.Errorf("with -o: got %q on stdout, want nothing", out)
	}
	if data, err := os.ReadFile(file); err != nil || string(data) != "GET|/v1/x|||" {
		t.Errorf("the file: got %q (%v), want the body", data, err)
	}
}

func TestGetFail(t *testing.T) {
	a := newAPI(t, bearertest.Config{}, echo)
	a.fails(exitHTTP, "bearer: the API answered 404 Not Found", "get", "app", "absent", "--fail")
	status, stdout, stderr := exec(t, "get", "app", "absent", "--fail-with-body")
	if status != exitHTTP || stdout != "GET|/v1/absent|||" || !strings.Contains(stderr, "404") {
		t.Errorf("got status %d, stdout %q, stderr %q; want %d, the body and a line with 404", status, stdout, stderr, exitHTTP)
	}
	a.ok("get", "app", "x", "--fail")
}

// A rejected token is renewed, and a body that is kept is sent again.
func TestGetRenewsARejectedToken(t *testing.T) {
	a := newAPI(t, bearertest.Config{}, echo)
	a.ok("get", "app", "x")
	a.RevokeAll()
	status, stdout, stderr := feed(t, "again", "get", "app", "x", "-d", "@-")
	if status != exitOK || !strings.HasSuffix(stdout, "|again") {
		t.Errorf("got status %d, stdout %q, stderr %q; want the body that was sent again", status, stdout, stderr)
	}
	a.wantTokenRequests(2)
}

func TestGetRefuses(t *testing.T) {
	a := newAPI(t, bearertest.Config{}, echo)
	a.declare(`
clients:
  app: {token_url: AUTH/token, client_id: client, client_secret: ` + clientSecret + `, base_url: ` + a.url + `}
  open: {token_url: AUTH/token, client_id: client, client_secret: ` + clientSecret + `}
`)
	for _, row := range []struct {
		status int
		want   string
		args   []string
	}{
		{exitUsage, "two arguments", []string{"app"}},
		{exitUsage, `there is no client "ap"; did you mean app?`, []string{"ap", "/x"}},
		{exitUsage, "is not where app is", []string{"app", "https://evil.test/"}},
		{exitUsage, "names a host without a scheme", []string{"app", "//evil.test/"}},
		{exitUsage, "has a segment . or ..", []string{"app", "/../x"}},
		{exitUsage, "has a segment . or ..", []string{"app", "/%2e%2e/x"}},
		{exitFailed, "neither base_url nor hosts", []string{"open", "https://evil.test/"}},
		{exitUsage, "for the client's token: remove it", []string{"app", "x", "-H", "authorization: Bearer canary"}},
		{exitUsage, "another site", []string{"app", "x", "-H", "Host: evil.test"}},
		{exitUsage, "the form 'NAME: VALUE'", []string{"app", "x", "-H", "canary"}},
		{exitUsage, "--request \"get\" is not a method", []string{"app", "x", "-X", "get"}},
		{exitUsage, "no such file", []string{"app", "x", "-d", "@/absent/file"}},
		{exitUsage, "is a folder", []string{"app", "x", "-d", "@/"}},
		{exitUsage, "can only stand alone", []string{"app", "x", "-d", "@/a", "-d", "b"}},
		{exitFailed, "no such file", []string{"app", "x", "-o", "/absent/file"}},
	} {
		a.fails(row.status, row.want, append([]string{"get"}, row.args...)...)
	}
}

// The token is in the header that the declaration says, and only there.
func TestGetWithAnotherHeader(t *testing.T) {
	a := newAPI(t, bearertest.Config{}, echo)
	keys := new(bearertest.Recorder)
	server := httptest.NewServer(keys)
	defer server.Close()
	a.declare(`
clients:
  app: {token_url: AUTH/token, client_id: client, client_secret: ` + clientSecret + `, base_url: ` + server.URL + `, token_header: X-A, store: {name: dir}}
`)
	a.ok("get", "app", "/x")
	token := strings.TrimSpace(a.ok("token", "app"))
	if got := keys.Requests(); len(got) != 1 || got[0].Header.Get("X-A") != token || got[0].Header.Get("Authorization") != "" {
		t.Errorf("got %d requests, want one with the token in X-A", len(got))
	}
	for _, name := range []string{"X-A", "x-a", "Authorization"} {
		a.fails(exitUsage, "for the client's token: remove it", "get", "app", "/x", "-H", name+": canary")
	}
}
