package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// canary is the secret of every file in testdata/faulty that has one.
const canary = "c4n4ry"

// Each file in testdata/faulty has exactly the messages that its author needs,
// in the .txt of the same name. None shows a secret.
func TestFaultyFiles(t *testing.T) {
	t.Chdir("testdata/faulty")
	paths, err := filepath.Glob("*.yaml")
	if err != nil || len(paths) < 60 {
		t.Fatalf("got %d files (%v), want at least 60", len(paths), err)
	}
	loader := Loader{Getenv: func(string) string { return "" }}
	for _, path := range paths {
		set, err := loader.Load(path)
		if err == nil {
			t.Errorf("%s: got a set with %v, want faults", path, set.Names())
			continue
		}
		if _, ok := errors.AsType[*Error](err); !ok {
			t.Errorf("%s: got %T, want an *Error", path, err)
		}
		if strings.Contains(strings.ToLower(err.Error()), canary) {
			t.Errorf("%s: got a message with the secret:\n%v", path, err)
		}
		current(t, strings.TrimSuffix(path, ".yaml")+".txt", []byte(err.Error()+"\n"))
	}
}

// A file that is not there is the error of package os.
func TestLoadWithoutAFile(t *testing.T) {
	if _, err := Load(filepath.Join(t.TempDir(), "none.yaml")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, want fs.ErrNotExist", err)
	}
}

// A file that cannot be read is not taken for an empty one, or for half of it.
func TestLoadOfAFolder(t *testing.T) {
	_, err := Load(t.TempDir())
	if _, ok := errors.AsType[*fs.PathError](err); !ok {
		t.Errorf("got %v, want the error of package os", err)
	}
}

// A file is at most 1 MiB large, whatever is in it.
func TestSizeIsLimited(t *testing.T) {
	path := filepath.Join(t.TempDir(), "large.yaml")
	if err := os.WriteFile(path, []byte("clients:\n"+strings.Repeat("#\n", maxSize)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(path); err == nil || !strings.HasSuffix(err.Error(), "the file is larger than 1 MiB") {
		t.Errorf("got %v, want that the file is too large", err)
	}
}

// What a file declares is limited too, since what clients share is merged into
// each of them.
func TestNumbersAreLimited(t *testing.T) {
	many := func(n int, line string) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, line, i)
		}
		return b.String()
	}
	const start = "defaults: {token_url: https://a.test, client_id: a, client_secret: b}\nclients:\n"
	for want, text := range map[string]string{
		"": start + many(maxNames, " c%d: {}\n"),
		"config:1003:2: clients: there are more than 1000; use several files":                      start + many(maxNames+1, " c%d: {}\n"),
		"config:261:5: clients.a.endpoint_params: there are more than 256; use several files":      start + " a:\n   endpoint_params:\n" + many(maxKeys, "    p%d: x\n") + "    last: x\n",
		"aliases make the file too large or too deep from here on; write the values out":           "defaults: {endpoint_params: &a {" + many(200, "k%d: x, ") + "z: x}}\n" + "clients:\n a:\n  endpoint_params:\n   <<: [" + strings.Repeat("*a, ", 300) + "]\n",
		"clients.a.use: \"x\" is not a client; there are a, c0, c1, c10, c100, c101, c102, c103, ": start + many(150, " c%d: {}\n") + " a: {use: x}\n",
	} {
		_, err := Parse([]byte(text))
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("got %.300s, want %q", fmt.Sprint(err), want)
		}
	}
}
