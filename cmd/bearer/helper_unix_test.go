//go:build unix

package main

import (
	"bytes"
	"encoding/json"
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	osexec "os/exec"
	"path/filepath"
	"strings"
	"testing"

	"example.com/bearer/bearertest"
)

// A site is a server that real programs talk to, over TLS, and a folder with
// the program under its name.
type site struct {
	*world
	url    string
	folder string
	ca     string // the path of the certificate
}

// newSite starts a site whose handler is behind authorization: by Bearer, or by
// Basic with the token as the password.
func newSite(t *testing.T, serve http.HandlerFunc) *site {
	t.Helper()
	w := newWorld(t, bearertest.Config{Challenge: `Basic realm="test"`}) // else git would not try it
	protected := w.Protect(serve)
	server := httptest.NewTLSServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if _, password, ok := r.BasicAuth(); ok {
			r.Header.Set("Authorization", "Bearer "+password)
		}
		protected.ServeHTTP(rw, r)
	}))
	t.Cleanup(server.Close)
	s := &site{w, server.URL, t.TempDir(), ""}
	s.ca = filepath.Join(s.folder, "ca.pem")
	s.write(s.ca, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})), 0o600)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	s.write(filepath.Join(s.folder, "bearer"), "#!/bin/sh\nBEARER_TEST_IS_PROGRAM=1 exec '"+self+"' \"$@\"\n", 0o700)
	w.declare(`
clients:
  app:
    token_url: AUTH/token
    client_id: client
    client_secret: ` + clientSecret + `
    hosts: ["` + strings.TrimPrefix(server.URL, "https://") + `"]
    store: {name: dir}
`)
	return s
}

func (s *site) write(path, text string, mode os.FileMode) {
	s.Helper()
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		s.Fatal(err)
	}
}

// tool runs a real program, and skips the test where there is none.
func (s *site) tool(env []string, stdin, name string, args ...string) (stdout, stderr string, err error) {
	s.Helper()
	path, err := osexec.LookPath(name)
	if err != nil {
		s.Skipf("there is no %s", name)
	}
	cmd := osexec.CommandContext(s.Context(), path, args...)
	cmd.Dir = s.folder
	cmd.Env = append(os.Environ(), "PATH="+s.folder+":"+os.Getenv("PATH"), "HOME="+s.folder)
	cmd.Env = append(cmd.Env, env...)
	cmd.Stdin = strings.NewReader(stdin)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err = cmd.Run()
	return out.String(), errs.String(), err
}

// git itself reads from a server with the token, and has a rejected one renewed.
func TestGitWithTheHelper(t *testing.T) {
	const commit = "0123456789012345678901234567890123456789"
	s := newSite(t, func(rw http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/info/refs") {
			rw.Header().Set("Content-Type", "text/plain")
			io.WriteString(rw, commit+"\trefs/heads/main\n")
		}
	})
	env := []string{"GIT_CONFIG_NOSYSTEM=1", "GIT_TERMINAL_PROMPT=0", "GIT_SSL_CAINFO=" + s.ca, "GIT_ASKPASS=true"}
	list := func(helper string) (string, error) {
		s.write(filepath.Join(s.folder, ".gitconfig"), "[credential]\n\thelper = "+helper+"\n", 0o600)
		out, errs, err := s.tool(env, "", "git", "ls-remote", s.url+"/team/project.git")
		if err != nil {
			out = errs
		}
		return out, err
	}
	const ours = `"!bearer helper git app"`
	if out, err := list(ours); err != nil || !strings.HasPrefix(out, commit) {
		t.Fatalf("got %q and %v, want the commit", out, err)
	}
	s.RevokeAll()
	if out, err := list(ours); err == nil {
		t.Errorf("with a token that was revoked: got %q, want a failure that git tells the helper of", out)
	}
	if out, err := list(ours); err != nil || !strings.HasPrefix(out, commit) {
		t.Errorf("after it was renewed: got %q and %v, want the commit", out, err)
	}
	s.wantTokenRequests(2)
	out, errs, err := s.tool(env, "protocol=https\nhost=evil.test\n\n", "git", "credential", "fill")
	if token := strings.TrimSpace(s.ok("token", "app")); err == nil && strings.Contains(out, token) {
		t.Errorf("another host: got %q (%q), want no token", out, errs)
	}
}

// The go command itself reads a module from a proxy that requires the token, and
// has a rejected one renewed.
func TestGoWithTheHelper(t *testing.T) {
	s := newSite(t, func(rw http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/mod/private.test/m/@v/v1.0.0.info":
			io.WriteString(rw, `{"Version": "v1.0.0"}`)
		case "/mod/private.test/m/@v/v1.0.0.mod":
			io.WriteString(rw, "module private.test/m\n")
		default:
			http.NotFound(rw, r)
		}
	})
	list := func() (string, string, error) {
		return s.tool([]string{
			"GOPROXY=" + s.url + "/mod", "GONOSUMDB=*", "GOSUMDB=off", "GOFLAGS=-modcacherw", "GOTOOLCHAIN=local", "GOWORK=off",
			"GOMODCACHE=" + t.TempDir(), "GOCACHE=" + t.TempDir(), "GOAUTH=bearer helper goauth app", "SSL_CERT_FILE=" + s.ca,
		}, "", "go", "list", "-m", "private.test/m@v1.0.0")
	}
	if out, errs, err := list(); err != nil || out != "private.test/m v1.0.0\n" {
		t.Fatalf("got %q, %q and %v, want the module", out, errs, err)
	}
	s.RevokeAll()
	if out, errs, err := list(); err != nil || out != "private.test/m v1.0.0\n" {
		t.Errorf("with a token that was revoked: got %q, %q and %v, want the module", out, errs, err)
	}
	s.wantTokenRequests(2)
}

// kubectl itself reads from an API server with the token.
func TestKubectlWithTheHelper(t *testing.T) {
	s := newSite(t, func(rw http.ResponseWriter, _ *http.Request) { io.WriteString(rw, "authorized") })
	get := func(server string) (string, string, error) {
		file := filepath.Join(s.folder, "kubeconfig")
		config, err := json.Marshal(map[string]any{
			"apiVersion": "v1", "kind": "Config", "current-context": "c",
			"clusters": []any{map[string]any{"name": "c", "cluster": map[string]any{"server": server, "certificate-authority": s.ca}}},
			"contexts": []any{map[string]any{"name": "c", "context": map[string]any{"cluster": "c", "user": "u"}}},
			"users": []any{map[string]any{"name": "u", "user": map[string]any{"exec": map[string]any{
				"apiVersion": "client.authentication.k8s.io/v1", "command": "bearer", "args": []string{"helper", "kubectl", "app"},
				"interactiveMode": "Never", "provideClusterInfo": true,
			}}}},
		})
		if err != nil {
			t.Fatal(err)
		}
		s.write(file, string(config), 0o600)
		return s.tool([]string{"KUBECONFIG=" + file}, "", "kubectl", "get", "--raw", "/version")
	}
	if out, errs, err := get(s.url); err != nil || out != "authorized" {
		t.Errorf("got %q, %q and %v, want the answer of the API", out, errs, err)
	}
	other := httptest.NewTLSServer(http.NotFoundHandler())
	defer other.Close()
	if out, errs, err := get(other.URL); err == nil || !strings.Contains(errs, "is not a host of app") {
		t.Errorf("another cluster: got %q, %q and %v, want a refusal", out, errs, err)
	}
}
