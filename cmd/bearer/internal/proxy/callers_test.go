package proxy

import (
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"example.com/bearer/bearertest"
)

// Only a caller with its token gets through, and the API gets the client's
// token and nothing of the caller's.
func TestCallers(t *testing.T) {
	w := newWorld(t, bearertest.Config{}, oneClient, nil)
	for _, test := range []struct {
		name   string
		header []string
		want   int
	}{
		{"Authorization", nil, 200},
		{"in another case", []string{"Authorization", "bearer  " + callerToken}, 200},
		{"X-Bearer-Proxy", []string{"Authorization", "", header, callerToken}, 200},
		{"both, and the other is the API's own", []string{"Authorization", "Basic eDp5", header, callerToken}, 200},
		{"none", []string{"Authorization", ""}, 401},
		{"an empty one", []string{"Authorization", "Bearer "}, 401},
		{"a wrong one", []string{"Authorization", "Bearer " + callerToken + "x"}, 401},
		{"the beginning of it", []string{"Authorization", "Bearer " + callerToken[:20]}, 401},
		{"another scheme", []string{"Authorization", "Basic " + callerToken}, 401},
		{"a wrong X-Bearer-Proxy beside the right Authorization", []string{header, "wrong"}, 401},
		{"the name of a caller", []string{"Authorization", "Bearer tests"}, 401},
	} {
		before := len(w.arrived())
		got := w.send("GET", "/daily", "", append(test.header, "Cookie", "a=b; bearer-proxy-8080=x", "Cookie", "c=d")...)
		if got.StatusCode != test.want {
			t.Errorf("%s: got %s, want %d", test.name, got.Status, test.want)
		}
		if passed := len(w.arrived()) - before; passed != 1 && test.want == 200 || passed != 0 && test.want != 200 {
			t.Errorf("%s: the API got %d requests", test.name, passed)
		}
	}
	for _, r := range w.arrived() {
		if got := r.Header.Get("Authorization"); !strings.HasPrefix(got, "Bearer at-") {
			t.Errorf("the API got the Authorization %q, want the client's", got)
		}
		if got := r.Header[header]; got != nil {
			t.Errorf("the API got the caller's token")
		}
		if got, want := r.Header["Cookie"], []string{"a=b; c=d"}; !slices.Equal(got, want) {
			t.Errorf("the API got the cookies %q, want %q", got, want)
		}
	}
	if got := w.send("GET", "/daily", "", "Authorization", ""); got.Header.Get("WWW-Authenticate") == "" {
		t.Error("got a 401 without a challenge")
	}
}

// An edit of the file counts within a second: a caller whose line is gone is
// out, and so is everyone while the file is. What is wrong is logged once.
func TestCallersAreRevocable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const first, second = "first-token-0123456789", "second-token-0123456789"
		path := filepath.Join(t.TempDir(), "callers")
		put(t, path, "# our callers\n\nbatch "+first+"\n"+second+"\n")
		log := new(safeBuffer)
		c, err := OpenCallers(path, slog.New(slog.NewTextHandler(log, nil)))
		if err != nil {
			t.Fatal(err)
		}
		wants := func(when string, token, name string) {
			t.Helper()
			got, ok := c.who(&http.Request{Header: http.Header{header: {token}}})
			if got != name || ok != (name != "") {
				t.Errorf("%s: got %q (%v), want %q", when, got, ok, name)
			}
		}
		wants("at first", first, "batch")
		wants("at first", second, "default")
		put(t, path, second+"\n")
		wants("within the second", first, "batch")
		time.Sleep(reread)
		wants("once the line is gone", first, "")
		wants("once the line is gone", second, "default")
		put(t, path, "batch "+first+"\nbatch "+second+"\nshort\n")
		time.Sleep(reread)
		wants("with a line that is right", first, "batch")
		wants("with a line that is wrong", second, "")
		time.Sleep(reread)
		wants("again", first, "batch")
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		time.Sleep(reread)
		wants("without the file", first, "")
		if got := strings.Count(log.String(), "shorter than 16"); got != 1 {
			t.Errorf("got the short token %d times in the log, want once:\n%s", got, log)
		}
		if strings.Contains(log.String(), first) || strings.Contains(log.String(), "short\n") {
			t.Errorf("got a token in the log:\n%s", log)
		}
	})
}

// A file that is wrong in any line does not open.
func TestFaultyCallers(t *testing.T) {
	for text, want := range map[string]string{
		"":                                       "names no caller",
		"# none":                                 "names no caller",
		"a b c":                                  ":1: write a name and a token",
		"jos\xe9 0123456789abcdef":               ":1: the name is not UTF-8",
		"\nshort":                                ":2: the token is shorter",
		"token-with-\u00e9-0123456789":           ":1: the token has a character",
		"a 0123456789abcdef\na 0123456789abcdeg": ":2: the name is taken",
	} {
		path := filepath.Join(t.TempDir(), "callers")
		put(t, path, text)
		if _, err := OpenCallers(path, slog.Default()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", text, err, want)
		}
	}
}

// The caller's token is made once, for this user alone, and used again at the
// next start.
func TestMakeToken(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new", "caller-token")
	token, err := MakeToken(path)
	if err != nil || len(token) < 26 {
		t.Fatalf("got %q (%v), want a token", token, err)
	}
	if again, err := MakeToken(path); err != nil || again != "" {
		t.Errorf("the second time: got %q (%v), want none", again, err)
	}
	c, err := OpenCallers(path, slog.Default())
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := c.who(&http.Request{Header: http.Header{"Authorization": {"Bearer " + token}}}); !ok {
		t.Error("the token in the file is not the one that was returned")
	}
	if runtime.GOOS == "windows" {
		return
	}
	if info, err := os.Stat(path); err != nil || info.Mode() != fs.FileMode(0o600) {
		t.Errorf("got %v (%v), want mode 0600", info.Mode(), err)
	}
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	if _, err := MakeToken(path); err == nil || !strings.Contains(err.Error(), "can be read by others") {
		t.Errorf("got %v, want that others can read it", err)
	}
}

// A client whose token goes in another header gets nothing of the caller's there
// either, and no Authorization.
func TestTokenHeader(t *testing.T) {
	w := newWorld(t, bearertest.Config{}, strings.Replace(oneClient, "base_url", "token_header: x-api-token, base_url", 1), nil)
	w.send("GET", "/", "", "X-Api-Token", "mine")
	rejected := w.Requests(bearertest.APIEndpoint) // by Protect, which knows Authorization alone
	if len(rejected) == 0 {
		t.Fatal("the API got no request, want one")
	}
	for _, r := range rejected {
		if got := r.Header.Get("X-Api-Token"); !strings.HasPrefix(got, "at-") || r.Authorization() != "" {
			t.Errorf("the API got the token %q and the Authorization %q, want the client's token alone", got, r.Authorization())
		}
	}
}
