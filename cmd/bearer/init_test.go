package main

import (
	"os"
	"strings"
	"testing"

	"example.com/bearer/bearertest"
	"example.com/bearer/cmd/bearer/internal/declaration"
	"example.com/bearer/config"
)

// What init writes is valid as it is, and as it is with each comment that is an
// alternative.
func TestInitWritesAValidFile(t *testing.T) {
	for _, provider := range append(config.Providers(), "https://auth.example.com", "https://127.0.0.1:8443/realms/x", "http://localhost:8080") {
		w := newWorld(t, bearertest.Config{})
		t.Chdir(t.TempDir())
		got := w.ok("init", provider)
		if !strings.HasPrefix(got, "Wrote bearer.yaml.") {
			t.Errorf("%s: got %q, want what was written", provider, got)
		}
		w.ok("check")
		w.fails(exitUsage, "exists, and is not overwritten", "init", provider)
		text, err := os.ReadFile(declaration.Name)
		if err != nil {
			t.Fatal(err)
		}
		if got := w.ok("init", provider, "-o", "-"); got != string(text) {
			t.Errorf("%s: -o -: got %q, want the same", provider, got)
		}
		comments := 0
		for line := range strings.Lines(string(text)) {
			if len(line) > 101 {
				t.Errorf("%s: got a line of %d bytes, want it short: %s", provider, len(line), line)
			}
			key, rest, ok := strings.Cut(line, "# ")
			if word, _, colon := strings.Cut(rest, ": "); !ok || !colon || strings.TrimSpace(key) != "" || strings.Contains(word, " ") || word == "provider" {
				continue
			}
			if comments++; strings.HasPrefix(rest, "client_secret_file") {
				if err := os.MkdirAll("secrets", 0o700); err != nil {
					t.Fatal(err)
				}
				write(t, strings.Fields(rest)[1], "x")
			}
			t.Setenv("MY_VARIABLE", "x")
			write(t, "other.yaml", strings.Replace(string(text), line, key+rest, 1))
			status, _, stderr := exec(t, "check", "--config", "other.yaml")
			if status != exitOK && !strings.HasPrefix(rest, "redirect_url") { // which needs the grant_type above it
				t.Errorf("%s: with %q: got %s", provider, rest, stderr)
			}
		}
		if comments < 4 {
			t.Errorf("%s: got %d alternatives, want those of the secret at least", provider, comments)
		}
	}
}

func TestInitOfWhatIsNoProvider(t *testing.T) {
	w := newWorld(t, bearertest.Config{})
	for _, provider := range []string{"nonsense", "ftp://example.com", "https://user:password@example.com", "https://", "https://example.com/#x", "https://example.com/?a: b", "https://example.com/x:"} {
		w.fails(exitUsage, "neither one of matrica, matter, metafy nor the URL of an issuer", "init", provider)
	}
	w.fails(exitUsage, "one argument", "init")
	w.fails(exitFailed, "no such file", "init", "matter", "-o", "absent/bearer.yaml")
}
