package config_test

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"example.com/bearer"
	"example.com/bearer/bearertest"
	"example.com/bearer/config"
)

// A confined file runs no command, reads no variable, uses nothing of the
// program, and names no path outside its folder, not even by a link: wherever
// in the file that stands. Each is a fault with its place.
func TestConfined(t *testing.T) {
	w := newWorld(t, bearertest.Config{})
	elsewhere := t.TempDir()
	outside := filepath.Join(elsewhere, "secret")
	if err := os.WriteFile(outside, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, target := range map[string]string{"link": outside, "folder": elsewhere, "dangling": filepath.Join(elsewhere, "later"), "inner": "inside"} {
		if err := os.Symlink(target, filepath.Join(w.dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	w.write(t, "inside", "secret")
	const (
		command = "this file may not run commands until you have approved it"
		path    = "this file may not name paths outside its folder until you have approved it"
		env     = "this file may not read the environment until you have approved it"
		client  = "clients:\n  a:\n    token_url: https://auth.test/token\n    client_id: x\n"
		good    = client + "    client_secret_file: inside\n"
	)
	for text, want := range map[string]string{
		client + "    client_secret_command: [cat, inside]":                               ":5:28: clients.a.client_secret_command: " + command,
		client + "    client_secret: ${SECRET}":                                           ":5:20: clients.a.client_secret: " + env,
		client + "    client_secret: a${SECRET}b":                                         ":5:20: clients.a.client_secret: " + env,
		client + "    client_secret_file: ../secret":                                      ":5:25: clients.a.client_secret_file: " + path,
		client + "    client_secret_file: " + outside:                                     ":5:25: clients.a.client_secret_file: " + path,
		client + "    client_secret_file: ~/.ssh/id_rsa":                                  ":5:25: clients.a.client_secret_file: " + path,
		client + "    client_secret_file: link":                                           ":5:25: clients.a.client_secret_file: " + path,
		client + "    client_secret_file: folder/secret":                                  ":5:25: clients.a.client_secret_file: " + path,
		client + "    client_secret_file: folder/../secret":                               ":5:25: clients.a.client_secret_file: there is no such file; make it, or correct the path, which is relative to the folder of this file",
		client + "    client_secret_file: dangling":                                       ":5:25: clients.a.client_secret_file: " + path,
		client + "    client_secret_file: inner":                                          "",
		good:                                                                              "",
		good + "    store: {dir: new/state}":                                              "",
		good + "    store: {dir: .}":                                                      "",
		good + "    store: {dir: /tmp/x}":                                                 ":6:18: clients.a.store.dir: " + path,
		good + "    store: {dir: a/../../x}":                                              ":6:18: clients.a.store.dir: " + path,
		good + "    store: {dir: dangling/new}":                                           ":6:18: clients.a.store.dir: " + path,
		good + "    store: {dir: folder/new}":                                             ":6:18: clients.a.store.dir: " + path,
		good + "    store: {name: ours}":                                                  ":6:19: clients.a.store.name: this file may not use a store of this program until you have approved it",
		"clients: {a: {source: ours}}":                                                    ":1:23: clients.a.source: this file may not use a source of this program until you have approved it",
		good + "    tls_config: {ca_file: link}":                                          ":6:27: clients.a.tls_config.ca_file: " + path,
		good + "    tls_config: {cert_file: ../x, key_file: inside}":                      ":6:29: clients.a.tls_config.cert_file: " + path,
		good + "    scopes: [\"${SECRET}\"]":                                              ":6:14: clients.a.scopes[0]: " + env,
		good + "    base_url: https://${HOST}/":                                           ":6:15: clients.a.base_url: " + env,
		good + "    proxy_url: http://${HOST}/":                                           ":6:16: clients.a.proxy_url: " + env,
		good + "    proxy_url: http://p/\n    proxy_connect_header: {A: [\"${SECRET}\"]}": ":7:32: clients.a.proxy_connect_header[0]: " + env,
		good + "    connection: {a: \"${SECRET}\"}":                                       ":6:21: clients.a.connection.a: " + env,
		good + "    token_request: {headers: {a: \"${SECRET}\"}}":                         ":6:34: clients.a.token_request.headers: " + env,
		good + "    refresh: {before: \"${SECRET}\"}":                                     ":6:23: clients.a.refresh.before: " + env,
		client + "    grant_type: jwt_bearer\n    assertion_jwt: {claims: {a: \"${B}\"}}\n    private_key_file: inside":                       ":6:33: clients.a.assertion_jwt.claims.a: " + env,
		client + "    grant_type: jwt_bearer\n    assertion_command: [cat, inside]":                                                           ":6:24: clients.a.assertion_command: " + command,
		client + "    grant_type: token_exchange\n    subject_token_file: link":                                                               ":6:25: clients.a.subject_token_file: " + path,
		"defaults: {client_secret_command: [cat, inside]}\n" + good:                                                                           ":1:35: defaults.client_secret_command: " + command,
		"defaults: &d {client_secret_file: link}\nclients: {a: {<<: *d, token_url: https://auth.test, client_id: x}}":                         ":1:35: defaults.client_secret_file: " + path,
		"providers: {p: {token_url: https://a.test, endpoint_params: {a: \"${SECRET}\"}}}\n" + good:                                           ":1:65: providers.p.endpoint_params: " + env,
		"clients: {a: {oauth2: {token_url: https://auth.test/token, client_id: x, client_secret_file: link}}}":                                ":1:94: clients.a.oauth2.client_secret_file: " + path,
		"clients: {a: {oauth2: {token_url: https://auth.test/token, client_id: x, client_secret_file: inside, tls_config: {ca_file: link}}}}": ":1:124: clients.a.oauth2.tls_config.ca_file: " + path,
	} {
		loader := config.Loader{
			Confined: true, Getenv: func(string) string { return "secret" },
			Sources: map[string]func(string, config.Client) (bearer.Source, error){"ours": nil},
			Stores:  map[string]func(string, config.Client) (bearer.Store, error){"ours": nil},
		}
		name := w.write(t, "bearer.yaml", text+"\n")
		_, err := loader.Load(name)
		first := ""
		if err != nil {
			first, _, _ = strings.Cut(err.Error(), "\n")
			first = strings.TrimPrefix(first, name)
		}
		if first != want {
			t.Errorf("%s:\ngot  %q\nwant %q", text, first, want)
		}
	}
}

// Also a link that is put in a file's place after the file was opened does not
// lead a confined one out of its folder.
func TestConfinedAfterOpening(t *testing.T) {
	w := newWorld(t, bearertest.Config{Clients: []bearertest.Client{{ID: "client", Secret: "secret"}}})
	outside := filepath.Join(t.TempDir(), "outside")
	if err := os.WriteFile(outside, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	inside := w.write(t, "inside", "secret")
	set := w.load(t, config.Loader{Confined: true}, "clients: {a: {token_url: AUTH/token, client_id: client, client_secret_file: inside}}")
	if err := errors.Join(os.Remove(inside), os.Symlink(outside, inside)); err != nil {
		if runtime.GOOS == "windows" { // which may refuse links
			t.Skip(err)
		}
		t.Fatal(err)
	}
	cache, err := set.Cache("a")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := cache.Token(t.Context()); err == nil || !strings.Contains(err.Error(), "leads out of its folder") {
		t.Errorf("got %v, want that the file leads out of its folder", err)
	}
	if got := w.Counts().TokenRequests(); got != 0 {
		t.Errorf("got %d token requests, want none", got)
	}
}
