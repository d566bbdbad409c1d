package config_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"net/http"
	"net/url"
	"os"
	"reflect"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/oauth2"

	"example.com/bearer"
	"example.com/bearer/bearertest"
	"example.com/bearer/config"
)

const small = `
clients:
  reports:
    token_url: AUTH/token
    client_id: client
    client_secret: secret
`

// Opening a set makes no request; the first request of a client does.
func TestOpeningMakesNoRequest(t *testing.T) {
	w := newWorld(t, bearertest.Config{})
	set := w.load(t, config.Loader{}, small+`
  discovered:
    issuer: AUTH
    client_id: client
    client_secret: secret
`)
	if got := len(w.Requests("")); got != 0 {
		t.Errorf("requests: got %d, want none", got)
	}
	w.call(t, set, "reports")
	w.call(t, set, "discovered")
	if got := len(w.Requests(bearertest.MetadataEndpoint)); got != 1 {
		t.Errorf("discoveries: got %d, want 1", got)
	}
	if got, want := set.Names(), []string{"discovered", "reports"}; !reflect.DeepEqual(got, want) {
		t.Errorf("names: got %v, want %v", got, want)
	}
}

// A discovery that failed is made again, and one that worked is kept.
func TestDiscoveryIsRepeatedUntilItWorks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, bearertest.Config{TokenLifetime: time.Minute})
		w.Fault(bearertest.MetadataEndpoint, bearertest.Fault{Status: 500, Times: 100})
		set := w.load(t, config.Loader{}, `
clients: {a: {issuer: AUTH, client_id: client, client_secret: secret, refresh: {retry_for: false}}}`)
		cache, err := set.Cache("a")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := cache.Token(t.Context()); err == nil {
			t.Fatal("got a token, want the error of the discovery")
		}
		w.ClearFaults()
		time.Sleep(time.Minute)
		w.call(t, set, "a")
		before := len(w.Requests(bearertest.MetadataEndpoint))
		time.Sleep(2 * time.Minute)
		w.call(t, set, "a")
		if got := len(w.Requests(bearertest.MetadataEndpoint)); got != before {
			t.Errorf("discoveries after one that worked: got %d more, want none", got-before)
		}
	})
}

// JSON takes the same road.
func TestJSON(t *testing.T) {
	w := newWorld(t, bearertest.Config{})
	set := w.load(t, config.Loader{}, `{
	"clients": {
		"reports": {"token_url": "AUTH/token", "client_id": "client", "client_secret": "secr\u0065t", "scopes": ["a", "b"]}
	}
}`)
	w.call(t, set, "reports")
	if got := w.last(t).Form.Get("scope"); got != "a b" {
		t.Errorf("scope: got %q, want a b", got)
	}
}

// The secret is where the file says, and a file is read again when it changes.
func TestWhereTheSecretIs(t *testing.T) {
	w := newWorld(t, bearertest.Config{})
	w.write(t, "secrets/reports", "secret\n")
	env := func(name string) string { return map[string]string{"SECRET": "secret"}[name] }
	for name, line := range map[string]string{
		"value":   "client_secret: secret",
		"env":     "client_secret: ${SECRET}",
		"dollar":  "client_secret: $$ecret",
		"file":    "client_secret_file: secrets/reports",
		"command": "client_secret_command: [cat, secrets/reports]",
	} {
		t.Run(name, func(t *testing.T) {
			if name == "dollar" {
				w.Update(func(c *bearertest.Config) { c.Clients[0].Secret = "$ecret" })
				defer w.Update(func(c *bearertest.Config) { c.Clients[0].Secret = "secret" })
			}
			set := w.load(t, config.Loader{Getenv: env}, "clients: \n  a:\n    token_url: AUTH/token\n    client_id: client\n    "+line)
			w.call(t, set, "a")
			if name != "file" {
				return
			}
			w.Update(func(c *bearertest.Config) { c.Clients[0].Secret = "rotated" })
			defer w.Update(func(c *bearertest.Config) { c.Clients[0].Secret = "secret" })
			w.write(t, "secrets/reports", "rotated\n")
			defer w.write(t, "secrets/reports", "secret\n")
			cache, err := set.Cache("a")
			if err != nil {
				t.Fatal(err)
			}
			if _, err := cache.Renew(t.Context(), nil); err != nil {
				t.Errorf("with the rotated secret: %v", err)
			}
		})
	}
}

// A command has a time limit, and its error shows neither its arguments nor
// what it printed.
func TestCommandThatFails(t *testing.T) {
	w := newWorld(t, bearertest.Config{})
	for _, c := range []struct {
		command, want string
		again         bool // it may do better next time
	}{
		{`[sh, -c, "echo canary; echo canary >&2; exit 3"]`, "the command sh failed with exit status 3", true},
		{`[no-such-command, canary]`, "the command no-such-command cannot run", false},
		{`["true", canary]`, "the output of the command true is empty", false},
	} {
		set := w.load(t, config.Loader{}, "clients: {a: {token_url: AUTH/token, client_id: client, client_secret_command: "+c.command+"}}")
		cache, err := set.Cache("a")
		if err != nil {
			t.Fatal(err)
		}
		cache.RetryFor = -1
		_, err = cache.Token(t.Context())
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: got %v, want %q and no canary", c.command, err, c.want)
		}
		if failed, ok := errors.AsType[*bearer.TokenError](err); !ok || failed.Temporary() != c.again {
			t.Errorf("%s: got %v, want one that is temporary: %v", c.command, err, c.again)
		}
	}
}

// What a command prints is limited, and the newline at its end is not part of
// the secret.
func TestCommandOutput(t *testing.T) {
	w := newWorld(t, bearertest.Config{})
	for command, want := range map[string]string{
		`["printf", "secret\\r\\n"]`: "",
		// Its child has the pipe for longer than it takes to give up.
		`[sh, -c, "sleep 5 & echo secret"]`:                 "",
		`[sh, -c, "head -c 100000 /dev/zero | tr '\\0' x"]`: "has more than 64 KiB",
		`[sh, -c, "yes | head -c 30000000"]`:                "has more than 64 KiB",
	} {
		set := w.load(t, config.Loader{}, "clients: {a: {token_url: AUTH/token, client_id: client, client_secret_command: "+command+"}}")
		cache, err := set.Cache("a")
		if err != nil {
			t.Fatal(err)
		}
		cache.RetryFor = -1
		if _, err := cache.Token(t.Context()); want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: got %v, want %q", command, err, want)
		}
	}
}

// A Set is used by many goroutines at once, also while a discovery is under
// way: it is made once.
func TestSetIsConcurrent(t *testing.T) {
	w := newWorld(t, bearertest.Config{})
	set := w.load(t, config.Loader{}, `
clients:
  a: {issuer: AUTH, client_id: client, client_secret: secret}
  b: {use: a, base_url: AUTH/api/}
  c: {token_url: AUTH/token, grant_type: token_exchange, client_id: client, client_secret: secret, chain: a}
  d: {issuer: AUTH, grant_type: authorization_code, client_id: client, client_secret: secret, redirect_url: http://127.0.0.1/}
`)
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			for _, name := range []string{"a", "b", "c"} {
				w.call(t, set, name)
				if _, err := set.BaseURL(t.Context(), name); err != nil {
					t.Error(err)
				}
				if _, err := set.Declaration(name); err != nil {
					t.Error(err)
				}
			}
			if _, err := set.Login(t.Context(), "d"); err != nil {
				t.Error(err)
			}
			_ = set.Revoke(t.Context(), "a", "token", "")
			_ = fmt.Sprint(set, set.Names())
		})
	}
	all.Wait()
	if got := len(w.Requests(bearertest.MetadataEndpoint)); got != 2 {
		t.Errorf("discoveries: got %d, want one for each client that has an issuer", got)
	}
}

// A command that hangs ends when the context does.
func TestCommandThatHangs(t *testing.T) {
	w := newWorld(t, bearertest.Config{})
	set := w.load(t, config.Loader{}, `clients: {a: {token_url: AUTH/token, client_id: client, client_secret_command: [sleep, "60"]}}`)
	cache, err := set.Cache("a")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	began := time.Now()
	if _, err := cache.Source.Token(ctx); err == nil || !strings.Contains(err.Error(), "did not end in time") {
		t.Errorf("got %v, want that the command did not end in time", err)
	}
	if took := time.Since(began); took > 30*time.Second {
		t.Errorf("got the error after %v, want it after 100ms", took)
	}
}

// Each auth method of RFC 7591 is sent as its name says.
func TestAuthMethods(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	const long = "a-secret-of-more-than-thirty-two-bytes"
	w := newWorld(t, bearertest.Config{Clients: []bearertest.Client{
		{ID: "secret", Secret: long}, {ID: "key", Key: &key.PublicKey}, {ID: "raw/id", Secret: long, RawBasic: true},
	}})
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	w.write(t, "key.pem", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})))
	for _, c := range []struct {
		settings string
		sent     func(bearertest.Request) bool
	}{
		{"client_id: secret, client_secret: " + long, basic},
		{"client_id: secret, auth_method: client_secret_basic, client_secret: " + long, basic},
		{"client_id: raw/id, basic_format: raw, client_secret: " + long, basic},
		{"client_id: secret, auth_method: client_secret_post, client_secret: " + long, func(r bearertest.Request) bool { return r.Form.Get("client_secret") == long }},
		{"client_id: secret, auth_method: client_secret_jwt, client_secret: " + long, assertion},
		{"client_id: key, auth_method: private_key_jwt, private_key_file: key.pem", assertion},
		{"client_id: key, private_key_file: key.pem, signature_algorithm: ES256", assertion},
		{"client_id: key, private_key_command: [cat, key.pem]", assertion},
	} {
		set := w.load(t, config.Loader{}, "clients: {a: {token_url: AUTH/token, issuer: AUTH, "+c.settings+"}}")
		w.call(t, set, "a")
		if r := w.last(t); !c.sent(r) {
			t.Errorf("%s: got %v with %q, want that method", c.settings, r.Form, r.Authorization())
		}
	}
}

func basic(r bearertest.Request) bool     { return strings.HasPrefix(r.Authorization(), "Basic ") }
func assertion(r bearertest.Request) bool { return r.Form.Has("client_assertion") }

// A user's client has no token until the user has logged in, and refreshes its
// token afterwards.
func TestUserGrants(t *testing.T) {
	for _, grantType := range []string{"authorization_code", "device_code", "urn:ietf:params:oauth:grant-type:device_code"} {
		w := newWorld(t, bearertest.Config{})
		redirect := ""
		if grantType == "authorization_code" {
			redirect = "    redirect_url: http://127.0.0.1/callback\n"
		}
		set := w.load(t, config.Loader{}, `
clients:
  user:
    issuer: AUTH
    grant_type: `+grantType+`
    client_id: client
    client_secret: secret
    scopes: [a]
`+redirect)
		cache, err := set.Cache("user")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := cache.Token(t.Context()); !strings.Contains(fmt.Sprint(err), "login") {
			t.Errorf("%s: got %v, want that a login is required", grantType, err)
		}
		token := w.login(t, set, "user")
		if err := cache.Set(t.Context(), token); err != nil {
			t.Fatal(err)
		}
		w.call(t, set, "user")
		if _, err := cache.Renew(t.Context(), nil); err != nil {
			t.Errorf("%s: refresh: %v", grantType, err)
		}
		if got := w.last(t).Form.Get("grant_type"); got != "refresh_token" {
			t.Errorf("%s: got grant_type %q, want refresh_token", grantType, got)
		}
	}
}

// login logs a user in.
func (w world) login(t *testing.T, set *config.Set, name string) *oauth2.Token {
	t.Helper()
	declared, err := set.Declaration(name)
	if err != nil {
		t.Fatal(err)
	}
	if declared.GrantType == "device_code" {
		device, err := set.Device(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		prompt, err := device.Start(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		prompt.Interval = time.Nanosecond
		w.Update(func(c *bearertest.Config) { c.DeviceInterval = time.Nanosecond })
		token, err := device.Wait(t.Context(), prompt)
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	flow, err := set.Login(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	verifier := oauth2.GenerateVerifier()
	address, err := flow.AuthCodeURL(t.Context(), "state", verifier)
	if err != nil {
		t.Fatal(err)
	}
	client := w.Client()
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	resp, err := client.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	back, err := resp.Location()
	if err != nil {
		t.Fatal(err)
	}
	token, err := flow.ExchangeCallback(t.Context(), back.Query(), "state", verifier)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// jwt_bearer takes its assertion from a file, or signs it.
func TestJWTBearer(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, bearertest.Config{Issuers: map[string]crypto.PublicKey{"client": &key.PublicKey}})
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	w.write(t, "key.pem", string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der})))
	set := w.load(t, config.Loader{}, `
clients:
  signed:
    token_url: AUTH/token
    grant_type: jwt_bearer
    client_id: client
    client_secret: secret
    private_key_file: key.pem
    assertion_jwt: {sub: alice, lifetime: 5m, claims: {department: 7}}
`)
	w.call(t, set, "signed")
	if got, want := w.last(t).Form.Get("grant_type"), "urn:ietf:params:oauth:grant-type:jwt-bearer"; got != want {
		t.Errorf("grant_type: got %q, want %q", got, want)
	}
	w.write(t, "assertion", w.last(t).Form.Get("assertion"))
	filed := w.load(t, config.Loader{}, `
clients:
  filed: {token_url: AUTH/token, grant_type: "urn:ietf:params:oauth:grant-type:jwt-bearer", assertion_file: assertion}
`)
	cache, err := filed.Cache("filed")
	if err != nil {
		t.Fatal(err)
	}
	_, _ = cache.Token(t.Context()) // a server may refuse an assertion that it has seen
	if got := w.last(t).Form.Get("assertion"); got == "" || w.last(t).Form.Has("client_id") {
		t.Errorf("got the parameters %v, want the assertion and no client", w.last(t).Form)
	}
}

// In a chain the token of one client is the subject token of another.
func TestChain(t *testing.T) {
	w := newWorld(t, bearertest.Config{})
	set := w.load(t, config.Loader{}, `
clients:
  narrow:
    token_url: AUTH/token
    grant_type: token_exchange
    client_id: client
    client_secret: secret
    chain: wide
    audience: https://api.test
  wide:
    token_url: AUTH/token
    client_id: client
    client_secret: secret
`)
	w.call(t, set, "narrow")
	cache, err := set.Cache("wide")
	if err != nil {
		t.Fatal(err)
	}
	wide, err := cache.Token(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got := w.last(t).Form.Get("subject_token"); got != wide.AccessToken {
		t.Errorf("subject_token: got %q, want the token of the other client %q", got, wide.AccessToken)
	}
	if got := len(w.Requests(bearertest.TokenEndpoint)); got != 2 {
		t.Errorf("token requests: got %d, want 2: the other client's token is cached", got)
	}
}

// An identity assertion (ID-JAG) is a chain: the ID token of a login becomes an
// assertion, which is no access token and so in no Cache, and that becomes a
// token.
func TestIdentityAssertion(t *testing.T) {
	w := newWorld(t, bearertest.Config{})
	const jag = "the-identity-assertion"
	odd{request: func(t *testing.T, r *http.Request, form url.Values) {
		want := map[string]string{"requested_token_type": "urn:ietf:params:oauth:token-type:id-jag", "subject_token_type": "urn:ietf:params:oauth:token-type:id_token", "subject_token": "the-id-token"}
		for name, value := range want {
			if form.Get(name) != value {
				t.Errorf("%s: got %q, want %q", name, form.Get(name), value)
			}
		}
		form.Set("grant_type", "client_credentials") // for which the server has a token
	}, answer: func(m map[string]any) map[string]any {
		m["access_token"], m["token_type"] = jag, "N_A"
		return m
	}}.start(t, w)
	set := w.load(t, config.Loader{Sources: map[string]func(string, config.Client) (bearer.Source, error){
		"login": func(string, config.Client) (bearer.Source, error) {
			return bearer.SourceFunc(func(context.Context) (*bearer.Token, error) {
				return (&bearer.Token{AccessToken: "t"}).WithExtra(map[string]any{"id_token": "the-id-token"}), nil
			}), nil
		},
	}}, `
clients:
  login: {source: login}
  jag: {token_url: https://odd.test/token, grant_type: token_exchange, client_id: client, client_secret: secret, chain: login, subject_token_type: id_token, requested_token_type: id-jag}
  chat: {token_url: AUTH/token, grant_type: jwt_bearer, client_id: client, client_secret: secret, chain: jag}
`)
	cache, err := set.Cache("chat")
	if err != nil {
		t.Fatal(err)
	}
	_, _ = cache.Source.Token(t.Context()) // the server does not know the assertion
	if got := w.last(t).Form.Get("assertion"); got != jag {
		t.Errorf("assertion: got %q, want %q", got, jag)
	}
}

// Defaults hold for all clients that do not say otherwise, part by part; false
// turns a part off.
func TestDefaults(t *testing.T) {
	w := newWorld(t, bearertest.Config{})
	w.write(t, "secret.txt", "secret")
	set := w.load(t, config.Loader{Getenv: func(string) string { return "secret" }}, `
defaults:
  token_url: AUTH/token
  client_id: client
  client_secret: ${SECRET}
  endpoint_params: {a: default, b: default}
  refresh: {before: 1m, timeout: 10s}
  breaker: {open_for: 7s}
clients:
  plain: {scopes: [x]}
  other:
    client_secret_file: secret.txt
    endpoint_params: {a: own}
    refresh: {before: 2m, retry_for: false}
    breaker: false
    default_lifetime: 1h
  off: {refresh: false}
`)
	for name, want := range map[string][3]time.Duration{
		"plain": {time.Minute, 10 * time.Second, 0}, "other": {2 * time.Minute, 10 * time.Second, -1}, "off": {-1, 0, 0},
	} {
		cache, err := set.Cache(name)
		if err != nil {
			t.Fatal(err)
		}
		if got := [3]time.Duration{cache.RefreshBefore, cache.RefreshTimeout, cache.RetryFor}; got != want {
			t.Errorf("%s: got %v, want %v", name, got, want)
		}
		if breaker, ok := cache.Breaker.(*bearer.CircuitBreaker); name == "other" {
			if cache.Breaker != bearer.NoBreaker {
				t.Errorf("%s: got the breaker %T, want none", name, cache.Breaker)
			}
		} else if !ok || breaker.OpenFor != 7*time.Second {
			t.Errorf("%s: got the breaker %v, want one with 7s", name, cache.Breaker)
		}
		w.call(t, set, name)
	}
	if c, err := set.Declaration("other"); err != nil || c.ClientSecret != "" || c.ClientSecretFile == "" {
		t.Errorf("other: got a secret besides the file (%v), want that the file replaces the default secret", err)
	}
	all := w.Requests(bearertest.TokenEndpoint)
	seen := map[string]bool{}
	for _, r := range all {
		seen[r.Form.Get("a")+" "+r.Form.Get("b")] = true
	}
	if want := map[string]bool{"default default": true, "own default": true}; !reflect.DeepEqual(seen, want) {
		t.Errorf("endpoint_params: got %v, want %v", seen, want)
	}
}

// Clients of one token endpoint share its breaker; clients of others do not.
func TestOneBreakerForEachTokenEndpoint(t *testing.T) {
	w := newWorld(t, bearertest.Config{})
	set := w.load(t, config.Loader{}, small+`
  same: {token_url: AUTH/token, client_id: other, client_secret: x}
  spelled: {token_url: "HTTPS://Auth.Test:443/token", client_id: client, client_secret: secret, breaker: {open_for: 30s}}
  elsewhere: {token_url: AUTH/other, client_id: client, client_secret: secret, breaker: {open_for: 7s}}
`)
	breaker := func(name string) bearer.Breaker {
		cache, err := set.Cache(name)
		if err != nil {
			t.Fatal(err)
		}
		return cache.Breaker
	}
	if breaker("reports") != breaker("same") || breaker("reports") != breaker("spelled") {
		t.Error("got two breakers for one token endpoint, want one")
	}
	if breaker("reports") == breaker("elsewhere") {
		t.Error("got one breaker for two token endpoints, want two")
	}
}

// Clients that share a credential have one Cache, and their own hosts.
func TestUse(t *testing.T) {
	w := newWorld(t, bearertest.Config{})
	set := w.load(t, config.Loader{}, small+`
    hosts: [api.test]
  other: {use: reports, base_url: AUTH/api/}
`)
	first, err := set.Cache("reports")
	if err != nil {
		t.Fatal(err)
	}
	if second, err := set.Cache("other"); first != second || err != nil {
		t.Errorf("got the Caches %p and %p (%v), want one", first, second, err)
	}
	w.call(t, set, "other")
}

// The token goes to hosts, or else to the host of base_url, and nowhere else.
func TestHosts(t *testing.T) {
	w := newWorld(t, bearertest.Config{Host: "auth.test"})
	foreign, api := new(bearertest.Recorder), new(bearertest.Recorder)
	network := w.Transport().(*bearertest.Network)
	network.Handle("foreign.test", foreign)
	network.Handle("api.test", api)
	for _, settings := range []string{"hosts: [api.test]", "base_url: https://api.test/v1", "hosts: ['${connection.host}'], connection: {host: api.test}"} {
		set := w.load(t, config.Loader{}, "clients: {a: {token_url: AUTH/token, client_id: client, client_secret: secret, "+settings+"}}")
		client, err := set.Client("a")
		if err != nil {
			t.Fatal(err)
		}
		for _, address := range []string{"https://foreign.test/", "https://api.test/v1/x"} {
			resp, err := client.Get(address)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
		}
	}
	for _, r := range foreign.Requests() {
		if got := r.Authorization(); got != "" {
			t.Errorf("a foreign host: got %q, want no token", got)
		}
	}
	for _, r := range api.Requests() {
		if !strings.HasPrefix(r.Authorization(), "Bearer ") {
			t.Errorf("the API: got %q, want a token", r.Authorization())
		}
	}
}

// A store keeps the token, for the next process, below a folder that is
// relative to the file.
func TestStore(t *testing.T) {
	w := newWorld(t, bearertest.Config{})
	text := small + "    store: {dir: state}\n"
	w.call(t, w.load(t, config.Loader{}, text), "reports")
	w.call(t, w.load(t, config.Loader{}, text), "reports")
	if got := len(w.Requests(bearertest.TokenEndpoint)); got != 1 {
		t.Errorf("token requests of two processes: got %d, want 1", got)
	}
	if entries, err := os.ReadDir(w.dir + "/state"); err != nil || len(entries) == 0 {
		t.Errorf("the folder: got %v (%v), want a token in it", entries, err)
	}
	w.call(t, w.load(t, config.Loader{}, text+"    scopes: [other]\n"), "reports")
	if got := len(w.Requests(bearertest.TokenEndpoint)); got != 2 {
		t.Errorf("token requests after another scope: got %d, want 2", got)
	}
}

// A program's own sources and stores are named in the file; hooks and the
// logger are for every client.
func TestSourcesAndStoresOfTheProgram(t *testing.T) {
	w := newWorld(t, bearertest.Config{})
	store := new(bearer.MemoryStore)
	var refreshed sync.WaitGroup
	refreshed.Add(1)
	var log buffer
	loader := config.Loader{
		Hooks:  &bearer.Hooks{TokenRefreshed: func(context.Context, bearer.Event) { refreshed.Done() }},
		Logger: slog.New(slog.NewTextHandler(&log, nil)),
		Sources: map[string]func(string, config.Client) (bearer.Source, error){
			"vault": func(name string, c config.Client) (bearer.Source, error) {
				return bearer.SourceFunc(func(context.Context) (*bearer.Token, error) {
					return &bearer.Token{AccessToken: name + "-" + c.Audience}, nil
				}), nil
			},
		},
		Stores: map[string]func(string, config.Client) (bearer.Store, error){
			"memory": func(string, config.Client) (bearer.Store, error) { return store, nil },
		},
	}
	set := w.load(t, loader, `clients: {a: {source: vault, audience: x, store: {name: memory}}}`)
	cache, err := set.Cache("a")
	if err != nil {
		t.Fatal(err)
	}
	token, err := cache.Token(t.Context())
	if err != nil || token.AccessToken != "a-x" {
		t.Errorf("got %v (%v), want the token of the program's source", token, err)
	}
	refreshed.Wait()
	for !strings.Contains(log.String(), "client=a") {
		time.Sleep(time.Millisecond) // the line is written after the hook was told
	}
	if cache.Store != store {
		t.Errorf("got the store %v, want the program's", cache.Store)
	}
}

// A Prometheus oauth2 block is taken as it is.
func TestPrometheusBlock(t *testing.T) {
	w := newWorld(t, bearertest.Config{})
	w.write(t, "y", "secret")
	set := w.load(t, config.Loader{}, `
clients:
  old:
    oauth2:
      client_id: client
      client_secret_file: y
      token_url: AUTH/token
      scopes: [a, b]
      endpoint_params: {resource_id: "42"}
`)
	w.call(t, set, "old")
	if r := w.last(t); r.Form.Get("scope") != "a b" || r.Form.Get("resource_id") != "42" || !basic(r) {
		t.Errorf("got %v with %q, want the scopes, the parameter and the secret in Basic", r.Form, r.Authorization())
	}
}

// A provider in the file says for all of its clients what its server is like.
func TestProviderInTheFile(t *testing.T) {
	w := newWorld(t, bearertest.Config{})
	set := w.load(t, config.Loader{}, `
providers:
  acme: {token_url: AUTH/token, auth_method: client_secret_post, hosts: ['${connection.host}'], scopes: [default]}
clients:
  a: {provider: acme, client_id: client, client_secret: secret, connection: {host: auth.test}}
`)
	w.call(t, set, "a")
	if r := w.last(t); r.Form.Get("client_secret") != "secret" || r.Form.Get("scope") != "default" {
		t.Errorf("got %v, want the secret in the body and the default scope", r.Form)
	}
}

// TLS to the server and the API: its authority, the client's certificate, and
// the auth methods of RFC 8705.
func TestTLS(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, bearertest.Config{TLS: true, Clients: []bearertest.Client{{ID: "client", Certificate: certificate}}})
	keyDER, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	w.write(t, "client.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
	w.write(t, "client.key", string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: keyDER})))
	resp, err := w.Client().Get(w.URL)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	w.write(t, "ca.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: resp.TLS.PeerCertificates[0].Raw})))
	for _, method := range []string{"self_signed_tls_client_auth", "tls_client_auth"} {
		path := w.write(t, "bearer.yaml", strings.ReplaceAll(`
clients:
  a:
    token_url: AUTH/token
    client_id: client
    auth_method: `+method+`
    tls_config: {ca_file: ca.pem, cert_file: client.pem, key_file: client.key}
`, "AUTH", w.URL))
		set, err := config.Load(path)
		if err != nil {
			t.Fatal(err)
		}
		w.call(t, set, "a")
	}
}

// A name that is not there is an error that names the nearest.
func TestUnknownName(t *testing.T) {
	w := newWorld(t, bearertest.Config{})
	set := w.load(t, config.Loader{}, small)
	if _, err := set.Client("report"); err == nil || err.Error() != `config: there is no client "report"; did you mean reports?` {
		t.Errorf("got %v, want the nearest name", err)
	}
	if _, err := set.Cache("zzz"); err == nil || err.Error() != `config: there is no client "zzz"; there are reports` {
		t.Errorf("got %v, want the names", err)
	}
}
