package config_test

import (
	"context"
	"strings"
	"testing"

	"example.com/bearer"
	"example.com/bearer/bearertest"
	"example.com/bearer/config"
)

// The program is asked for the secret of clients that declare none but can use
// one, and told which of them cannot do without.
func TestClientSecret(t *testing.T) {
	w := newWorld(t, bearertest.Config{})
	asked := map[string]bool{}
	loader := config.Loader{
		Base: w.Transport(),
		ClientSecret: func(name string, required bool) func(context.Context) (string, error) {
			asked[name] = required
			if name == "public" {
				return nil
			}
			return func(context.Context) (string, error) { return "lent", nil }
		},
	}
	w.write(t, "secret", "own")
	set := w.load(t, loader, `
defaults: {token_url: AUTH/token, auth_url: AUTH/authorize, client_id: client}
clients:
  app: {auth_method: client_secret_post}
  user: {grant_type: authorization_code}
  public: {grant_type: authorization_code}
  none: {grant_type: authorization_code, auth_method: none}
  own: {client_secret_file: secret}
  shares: {use: app, hosts: [api.example.com]}
`)
	want := map[string]bool{"app": true, "user": false, "public": false}
	if len(asked) != len(want) {
		t.Errorf("asked for %v, want %v", asked, want)
	}
	for name, required := range want {
		if got, ok := asked[name]; !ok || got != required {
			t.Errorf("%s: asked %v with required %v, want true and %v", name, ok, got, required)
		}
	}
	cache, err := set.Cache("app")
	if err != nil {
		t.Fatal(err)
	}
	_, _ = cache.Token(t.Context()) // the server knows another secret
	if got := w.last(t).Form.Get("client_secret"); got != "lent" {
		t.Errorf("app: got a secret of %d bytes, want the program's", len(got))
	}
	for name, public := range map[string]bool{"user": false, "public": true} {
		flow, err := set.Login(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		if got := flow.Auth.(interface{ Public() bool }).Public(); got != public {
			t.Errorf("%s: got public %v, want %v", name, got, public)
		}
	}
}

// A required secret that the program does not have either is a fault.
func TestClientSecretThatThereIsNot(t *testing.T) {
	w := newWorld(t, bearertest.Config{})
	loader := config.Loader{ClientSecret: func(string, bool) func(context.Context) (string, error) { return nil }}
	_, err := loader.Load(w.write(t, "bearer.yaml", "clients: {a: {token_url: 'https://auth.test/token', client_id: x}}"))
	if err == nil || !strings.Contains(err.Error(), "client_secret is missing") {
		t.Errorf("got %v, want that client_secret is missing", err)
	}
}

// The store named "" is for clients that declare none, and only for them.
func TestDefaultStore(t *testing.T) {
	usual := new(bearer.MemoryStore)
	loader := config.Loader{Stores: map[string]func(string, config.Client) (bearer.Store, error){
		"": func(string, config.Client) (bearer.Store, error) { return usual, nil },
	}}
	w := newWorld(t, bearertest.Config{})
	set := w.load(t, loader, `
defaults: {token_url: AUTH/token, client_id: client, client_secret: secret}
clients:
  open: {}
  off: {store: false}
  dir: {store: {dir: x}}
`)
	for name, want := range map[string]bool{"open": true, "off": false, "dir": false} {
		cache, err := set.Cache(name)
		if err != nil {
			t.Fatal(err)
		}
		if got := cache.Store == bearer.Store(usual); got != want {
			t.Errorf("%s: got the usual store %v, want %v", name, got, want)
		}
	}
	loader.Base = nil
	_, err := loader.Load(w.write(t, "bearer.yaml", "clients: {a: {token_url: 'https://auth.test/token', client_id: x, client_secret: y, store: {name: x}}}"))
	if err == nil || !strings.Contains(err.Error(), "not a store of this program; there is none") {
		t.Errorf("got %v, want that there is no such store", err)
	}
}

// A confined file finds no token that another file's client of the same name
// and server has stored, since it can give that client hosts of its own.
func TestConfinedKeysAreApart(t *testing.T) {
	keys := map[string]string{}
	for what, loader := range map[string]config.Loader{"trusted": {}, "confined": {Confined: true}, "changed": {Confined: true}} {
		text := small
		if what == "changed" {
			text += "    base_url: https://evil.example.com\n"
		}
		set, err := loader.Parse([]byte(strings.ReplaceAll(text, "AUTH", "https://auth.test")))
		if err != nil {
			t.Fatal(err)
		}
		cache, err := set.Cache("reports")
		if err != nil {
			t.Fatal(err)
		}
		for other, key := range keys {
			if key == cache.Key {
				t.Errorf("%s and %s share the key %s, want two", what, other, key)
			}
		}
		keys[what] = cache.Key
	}
}
