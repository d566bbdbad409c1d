package main

import (
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"

	"example.com/bearer/bearertest"
)

// hostile is text that a terminal would obey, or that a reader would not see.
const hostile = "read\u009b31m\u202e\u200b\U000e0041\x7f"

// invisible returns the first rune of text that must not reach a terminal.
func invisible(text string) (rune, bool) {
	for _, r := range text {
		if r != '\n' && !visible(r) {
			return r, true
		}
	}
	return 0, false
}

func TestWhatAServerSentIsPrintable(t *testing.T) {
	w := newWorld(t, bearertest.Config{})
	w.Fault(bearertest.TokenEndpoint, bearertest.Fault{Processed: true, Members: map[string]any{"scope": hostile}})
	got := w.ok("token", "acme", "--token-url", w.Endpoint(bearertest.TokenEndpoint), "--json")
	if r, found := invisible(got); found {
		t.Errorf("token --json: got %U in %+q, want it escaped", r, strings.SplitAfter(got, "scope")[1])
	}
	var token struct{ Scope string }
	if err := json.Unmarshal([]byte(got), &token); err != nil || token.Scope != hostile {
		t.Errorf("token --json: got the scope %+q (%v), want what the server sent, %+q", token.Scope, err, hostile)
	}

	w.Fault(bearertest.TokenEndpoint, bearertest.Fault{
		Status: 400, Header: map[string][]string{"Content-Type": {"application/json"}},
		Body: `{"error":"invalid_scope","error_description":"` + strings.ReplaceAll(hostile, "\x7f", "") + `"}`,
	})
	_, _, stderr := exec(t, "token", "other", "--token-url", w.Endpoint(bearertest.TokenEndpoint))
	if r, found := invisible(stderr); found {
		t.Errorf("an error: got %U in %+q, want it escaped", r, stderr)
	}
}

// The file may have been written by anyone.
func TestWhatIsDeclaredIsPrintable(t *testing.T) {
	w := newWorld(t, bearertest.Config{})
	name, err := json.Marshal("acme" + hostile + "\x1b\t")
	if err != nil {
		t.Fatal(err)
	}
	file := strings.ReplaceAll(`{"clients": {"acme": {"client_id": N, "token_url": "https://auth.test/\u202e", "scopes": [N], "client_secret": N}}}`, "N", string(name))
	if err := os.WriteFile("bearer.yaml", []byte(file), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"status"}, {"status", "--json"}, {"check"}, {"check", "--json"}} {
		if r, found := invisible(w.ok(args...)); found {
			t.Errorf("%q: got %U, want it escaped", args, r)
		}
	}
	if err := os.WriteFile("bearer.yaml", []byte("clients: {a: {"+string(name)+": x}}"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, stdout, stderr := exec(t, "check")
	if r, found := invisible(stdout + stderr); found || stderr == "" {
		t.Errorf("a fault: got %U in %q, want it escaped", r, stderr)
	}
}

func TestPrintable(t *testing.T) {
	for text, want := range map[string]string{
		"plain, äöü 漢字 ▄": "plain, äöü 漢字 ▄",
		"a\tb\x1b[31m":    `a\u0009b\u001b[31m`,
		hostile:           `read\u009b31m\u202e\u200b\U000e0041\u007f`,
		"\xff":            "\ufffd",
	} {
		if got := printable(text); got != want {
			t.Errorf("%+q: got %+q, want %+q", text, got, want)
		}
	}
}

func TestExplainIsOneLineInTheCommandsTerms(t *testing.T) {
	for text, want := range map[string]string{
		"bearer: no token: grant: Server.TokenURL is empty": "no token: token_url is empty",
		"grant: two\nlines": "two lines",
		"bearer: DirStore: mkdir x; and grant: the Store is out of order":   "mkdir x; and the stored token cannot be used",
		`answered 400 "the grant: is bad"`:                                  `answered 400 "the grant: is bad"`,
		"no token: Basic.SecretFunc: client secret: open x: no such file":   "no token: client secret: open x: no such file",
		"a header (grant.Basic); check ID and Secret, or use grant.Post if": "a header (auth_method client_secret_basic); check the client's id and secret, or use auth_method client_secret_post if",
	} {
		if got := explain(errors.New(text)); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

// An error names the flag or the key that is wrong, not a field of a Go type.
func TestErrorsNameTheFlags(t *testing.T) {
	w := newWorld(t, bearertest.Config{})
	absent := w.URL + "/absent"
	for _, tt := range []struct {
		want string
		args []string
	}{
		{"(issuer)", []string{"token", "acme", "--issuer", absent}},
		{"--issuer", []string{"token", "acme", "--issuer", "http://example.com"}},
		{"(token_url)", []string{"token", "acme", "--token-url", absent}},
		{"--token-url", []string{"token", "acme", "--token-url", "ftp://example.com"}},
		{"--auth-url", []string{"login", "acme", "--token-url", absent, "--auth-url", "nonsense"}},
		{"(device_auth_url)", []string{"login", "acme", "--device", "--token-url", absent, "--device-auth-url", absent}},
		{"redirect_url", []string{"login", "acme", "--token-url", absent, "--auth-url", absent, "--redirect-url", "http://example.com"}},
		{"auth_method", []string{"token", "acme", "--token-url", w.Endpoint(bearertest.TokenEndpoint), "--client-id", "typo"}},
	} {
		status, stdout, stderr := exec(t, tt.args...)
		want := exitFailed
		if strings.HasPrefix(tt.want, "--") { // before anything is sent
			want = exitUsage
		}
		if status != want || stdout != "" || !strings.Contains(stderr, tt.want) {
			t.Errorf("%q: got status %d, stdout %q and stderr %q, want status %d and %s", tt.args, status, stdout, stderr, want, tt.want)
		}
		for _, word := range []string{"grant", "Server.", "Store", "Source", "Loopback", "Cache", "login: ", "try again in"} {
			if strings.Contains(stderr, word) {
				t.Errorf("%q: got %q, want it without %q", tt.args, stderr, word)
			}
		}
	}
}
