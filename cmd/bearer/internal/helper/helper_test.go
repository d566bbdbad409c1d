package helper

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"example.com/bearer"
	"example.com/bearer/cmd/bearer/internal/target"
	"example.com/bearer/config"
)

// tokens issues "old" until it is rejected, and then "new".
type tokens struct {
	current string
	err     error
}

var expiry = time.Date(2030, time.March, 4, 5, 6, 7, 0, time.UTC)

func (s *tokens) Token(context.Context) (*bearer.Token, error) {
	return &bearer.Token{AccessToken: s.current, Expiry: expiry}, s.err
}

func (s *tokens) Renew(ctx context.Context, rejected *bearer.Token) (*bearer.Token, error) {
	if rejected.AccessToken == s.current {
		s.current = "new"
	}
	return s.Token(ctx)
}

// newHelper returns a helper for a client of git.test and mod.test:8443.
func newHelper(t *testing.T) (*Helper, *tokens) {
	t.Helper()
	set, err := config.Parse([]byte(`
clients:
  app: {token_url: "https://auth.test/token", client_id: c, client_secret: s, hosts: [git.test, "mod.test:8443"]}
`))
	if err != nil {
		t.Fatal(err)
	}
	where, err := target.Of(t.Context(), set, "app")
	if err != nil {
		t.Fatal(err)
	}
	s := &tokens{current: "old"}
	return &Helper{Tokens: s, Target: where}, s
}

func TestGit(t *testing.T) {
	const password = "username=oauth2\npassword=old\npassword_expiry_utc=1898831167\n"
	for _, row := range []struct{ operation, in, want, left string }{
		{"get", "protocol=https\nhost=git.test\n\n", password, "old"},
		{"get", "protocol=https\nhost=git.test\npath=a/b.git\nfuture[]=x\n", password, "old"},
		{"get", "url=https://git.test/a/b.git\n\n", password, "old"},
		{"get", "protocol=https\r\nhost=mod.test:8443\r\n\r\n", password, "old"},
		{"get", "protocol=https\nhost=git.test\nusername=me\n\n", "username=me\npassword=old\npassword_expiry_utc=1898831167\n", "old"},
		{"get", "capability[]=authtype\ncapability[]=state\nprotocol=https\nhost=git.test\n\n",
			"capability[]=authtype\nauthtype=Bearer\ncredential=old\nephemeral=1\npassword_expiry_utc=1898831167\n", "old"},
		{"get", "protocol=https\nhost=evil.test\n\n", "", "old"},
		{"get", "protocol=https\nhost=mod.test\n\n", "", "old"},
		{"get", "protocol=http\nhost=git.test\n\n", "", "old"},
		{"get", "protocol=https\nhost=git.test@evil.test\n\n", "", "old"},
		{"get", "protocol=https\n\nhost=git.test\n", "", "old"},
		{"get", "", "", "old"},
		{"store", "protocol=https\nhost=git.test\nusername=x\npassword=old\n\n", "", "old"},
		{"future", "protocol=https\nhost=git.test\n\n", "", "old"},
		{"erase", "protocol=https\nhost=git.test\nusername=x\npassword=old\n\n", "", "new"},
		{"erase", "protocol=https\nhost=git.test\nauthtype=Bearer\ncredential=old\n\n", "", "new"},
		{"erase", "protocol=https\nhost=git.test\nusername=x\npassword=older\n\n", "", "old"},
		{"erase", "protocol=https\nhost=evil.test\nusername=x\npassword=old\n\n", "", "old"},
	} {
		h, s := newHelper(t)
		var out strings.Builder
		if err := h.Git(t.Context(), row.operation, strings.NewReader(row.in), &out); err != nil || out.String() != row.want || s.current != row.left {
			t.Errorf("%s %q: got %q, the token %s and the error %v; want %q and %s", row.operation, row.in, out.String(), s.current, err, row.want, row.left)
		}
	}
}

func TestGoauth(t *testing.T) {
	const everywhere = "https://git.test\nhttps://mod.test:8443\n"
	for _, row := range []struct{ url, in, want string }{
		{"", "", everywhere + "\nAuthorization: Bearer old\n\n"},
		{"https://git.test/a/@v/list", "HTTP/1.1 404 Not Found\nContent-Type: text/plain\n\n", everywhere + "https://git.test/a/@v/list\n\nAuthorization: Bearer old\n\n"},
		{"https://git.test:444/a/", "HTTP/2.0 401 Unauthorized\nContent-Length: 19\n\n", everywhere + "https://git.test:444/a\n\nAuthorization: Bearer new\n\n"},
		{"https://mod.test:8443/a", "", everywhere + "https://mod.test:8443/a\n\nAuthorization: Bearer old\n\n"},
		{"https://evil.test/a", "HTTP/1.1 401 Unauthorized\n\n", ""},
		{"https://mod.test/a", "HTTP/1.1 401 Unauthorized\n\n", ""},
		{"http://git.test/a", "", ""},
		{"https://git.test@evil.test/", "", ""},
		{"://", "", ""},
	} {
		h, _ := newHelper(t)
		var out strings.Builder
		if err := h.Goauth(t.Context(), row.url, strings.NewReader(row.in), &out); err != nil || out.String() != row.want {
			t.Errorf("%q: got %q and the error %v, want %q", row.url, out.String(), err, row.want)
		}
	}
	h, _ := newHelper(t)
	if err := h.Goauth(t.Context(), "https://git.test/", strings.NewReader("nonsense\n\n"), new(strings.Builder)); err == nil {
		t.Error("something else on stdin: got no error, want one")
	}
}

func TestKubectl(t *testing.T) {
	info := func(version, server string) string {
		return `{"apiVersion":"` + version + `","kind":"ExecCredential","spec":{"interactive":false,"cluster":{"server":"` + server + `","config":null}}}`
	}
	h, _ := newHelper(t)
	var out strings.Builder
	if err := h.Kubectl(t.Context(), info(execVersion, "https://git.test/k8s"), &out); err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal([]byte(out.String()), &got); err != nil {
		t.Fatal(err)
	}
	const want = `{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"expirationTimestamp":"2030-03-04T05:06:07Z","token":"old"}}` + "\n"
	if out.String() != want {
		t.Errorf("got %s, want %s", out.String(), want)
	}
	for in, want := range map[string]string{
		"":  "is not set",
		"{": "is not an ExecCredential",
		info("client.authentication.k8s.io/v1beta1", "https://git.test"):         "write client.authentication.k8s.io/v1 in the kubeconfig",
		info(execVersion, "https://evil.test"):                                   "the cluster's server: evil.test is not a host of app",
		info(execVersion, "http://git.test"):                                     "would show the token",
		info(execVersion, ""):                                                    "provideClusterInfo: true",
		`{"apiVersion":"` + execVersion + `","kind":"ExecCredential","spec":{}}`: "provideClusterInfo: true",
		`{"apiVersion":"` + execVersion + `","kind":"Pod"}`:                      "is not an ExecCredential",
	} {
		out.Reset()
		if err := h.Kubectl(t.Context(), in, &out); err == nil || !strings.Contains(err.Error(), want) || out.Len() > 0 {
			t.Errorf("%s: got %q and the error %v, want an error with %q", in, out.String(), err, want)
		}
	}
}

// Without a token there is no answer, but an error.
func TestWithoutAToken(t *testing.T) {
	h, s := newHelper(t)
	s.err = bearer.ErrLoginRequired
	var out strings.Builder
	for name, err := range map[string]error{
		"git":     h.Git(t.Context(), "get", strings.NewReader("protocol=https\nhost=git.test\n\n"), &out),
		"goauth":  h.Goauth(t.Context(), "", strings.NewReader(""), &out),
		"kubectl": h.Kubectl(t.Context(), `{"apiVersion":"`+execVersion+`","kind":"ExecCredential","spec":{"cluster":{"server":"https://git.test"}}}`, &out),
	} {
		if !errors.Is(err, bearer.ErrLoginRequired) || out.Len() > 0 {
			t.Errorf("%s: got %q and the error %v, want %v", name, out.String(), err, bearer.ErrLoginRequired)
		}
	}
}
