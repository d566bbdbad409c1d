package config_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"go.yaml.in/yaml/v4"

	"example.com/bearer/bearertest"
	"example.com/bearer/config"
)

// canary is every secret of the file below.
const canary = "c4n4ry-0123456789"

// everything is a file with a secret in each place that can have one.
const everything = `
defaults:
  endpoint_params: {password: CANARY}
providers:
  acme:
    token_url: AUTH/token
    token_request: {headers: {x-api-key: CANARY}}
    exchange_params: {a: CANARY}
    refresh_params: {b: CANARY}
clients:
  value: {provider: acme, client_id: client, client_secret: CANARY}
  env: {provider: acme, client_id: client, client_secret: "${SECRET}"}
  file: {provider: acme, client_id: client, client_secret_file: secret}
  command: {provider: acme, client_id: client, client_secret_command: [sh, -c, "echo CANARY; echo CANARY >&2"]}
  failing: {provider: acme, client_id: client, client_secret_command: [sh, -c, "echo CANARY; echo CANARY >&2; exit 1"]}
  assertion: {provider: acme, grant_type: jwt_bearer, assertion: CANARY}
  tokens: {provider: acme, grant_type: token_exchange, subject_token: CANARY, actor_token: CANARY}
  linked: {provider: acme, grant_type: token_exchange, client_id: client, client_secret: CANARY, chain: value}
  old: {oauth2: {client_id: client, client_secret: CANARY, token_url: "AUTH/token", endpoint_params: {c: CANARY}}}
`

// Secrets are in no error, no log line, and nothing that is printed or
// marshalled.
func TestSecretsDoNotShow(t *testing.T) {
	w := newWorld(t, bearertest.Config{})
	w.write(t, "secret", canary+"\n")
	shown := func(how, text string) {
		t.Helper()
		for _, form := range []string{canary, fmt.Sprintf("%x", canary), fmt.Sprintf("%X", canary), strings.Trim(fmt.Sprintf("%d", []byte(canary)[:4]), "[]")} {
			if strings.Contains(text, form) {
				t.Errorf("%s: got %q, want no secret in it", how, text)
			}
		}
	}
	// Every secret is wrong, and the server repeats what it gets.
	echo := http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		user, password, _ := r.BasicAuth()
		text := fmt.Sprint(r.Form, r.Header, user, password)
		rw.Header().Set("Content-Type", "application/json")
		rw.WriteHeader(http.StatusBadRequest)
		_ = json.NewEncoder(rw).Encode(map[string]string{"error": "invalid_request", "error_description": text})
	})
	w.Transport().(*bearertest.Network).Handle("echo.test", echo)
	var log buffer
	loader := config.Loader{
		Base: w.Transport(), Getenv: func(string) string { return canary },
		Logger: slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	text := strings.NewReplacer("CANARY", canary, "AUTH", "https://echo.test").Replace(everything)
	set, err := loader.Load(w.write(t, "bearer.yaml", text))
	if err != nil {
		t.Fatal(err)
	}
	slogs := slog.New(slog.NewTextHandler(&log, nil))
	print := func(name string, value any) {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "% x"} {
			shown(name+" with "+verb, fmt.Sprintf(verb, value))
		}
		slogs.Info("printed", "value", value)
	}
	print("the set", set)
	for _, name := range set.Names() {
		declared, err := set.Declaration(name)
		if err != nil {
			t.Fatal(err)
		}
		print(name, declared)
		print(name, &declared)
		asJSON, err := json.Marshal(declared)
		if err != nil {
			t.Errorf("%s: JSON: %v", name, err)
		}
		shown(name+" as JSON", string(asJSON))
		if text := fmt.Sprintf("%s", declared); name == "value" && !strings.Contains(text, `"client_id":"client"`) {
			t.Errorf("%s: got %s, want all but the secrets", name, text)
		}
		asYAML, err := yaml.Dump(declared)
		if err != nil {
			t.Errorf("%s: YAML: %v", name, err)
		}
		shown(name+" as YAML", string(asYAML))
		if name == "value" && !strings.Contains(string(asJSON), `"client_secret":"\u003csecret\u003e"`) {
			t.Errorf("%s as JSON: got %s, want <secret> for the secret", name, asJSON)
		}
		transport, err := set.Transport(name)
		if err != nil {
			t.Fatal(err)
		}
		print(name, transport)
		cache, err := set.Cache(name)
		if err != nil {
			t.Fatal(err)
		}
		print(name, cache.Source)
	}
	// Tokens come last: what prints a Cache reads it without its locks.
	for _, name := range set.Names() {
		cache, err := set.Cache(name)
		if err != nil {
			t.Fatal(err)
		}
		cache.RetryFor = -1
		if _, err := cache.Token(t.Context()); err == nil {
			t.Errorf("%s: got a token, want an error", name)
		} else {
			shown(name+": the error", err.Error())
			print(name+": the error", err)
		}
	}
	shown("the log", log.String())
}

// buffer is a bytes.Buffer for several goroutines: hooks log in their own.
type buffer struct {
	mu   sync.Mutex // guards text
	text bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// A URL is shown without its password, also by JSON.
func TestURLDoesNotShowItsPassword(t *testing.T) {
	for _, u := range []config.URL{"http://user:" + canary + "@proxy.test:3128", "http://user:" + canary + "@pro xy"} {
		text, err := json.Marshal(config.Client{ProxyURL: u})
		if err != nil {
			t.Fatal(err)
		}
		for _, got := range []string{string(text), fmt.Sprintf("%v %+v %#v %s %q %x", u, u, u, u, u, u)} {
			if strings.Contains(got, canary) || strings.Contains(got, fmt.Sprintf("%x", canary)) {
				t.Errorf("got %s, want no password", got)
			}
		}
	}
}

// A faulty file that has a secret on every line shows none of them, wherever
// the fault is.
func TestFaultsDoNotShowSecrets(t *testing.T) {
	if _, err := os.Stat(filepath.Join("testdata", "faulty")); err != nil {
		t.Fatal(err)
	}
	text := strings.NewReplacer("CANARY", canary, "AUTH", "https://echo.test").Replace(everything)
	lines := strings.Split(text, "\n")
	damages := []string{"", ": ", "\"", "}", "{", "[", "\t", "*", "!!int ", "- ", "\\", "${", "<<: ", "#", "'"}
	for i, line := range lines {
		for k, damage := range damages {
			for j := k; j < len(line); j += len(damages) {
				lines[i] = line[:j] + damage + line[j+min(1, len(line)-j):]
				if _, err := config.Parse([]byte(strings.Join(lines, "\n"))); err != nil && strings.Contains(err.Error(), canary) {
					t.Errorf("%q: got the message\n%v", lines[i], err)
				}
			}
		}
		lines[i] = line
	}
}
