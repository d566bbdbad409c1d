package config_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"example.com/bearer/bearertest"
	"example.com/bearer/config"
)

// odd is a server that differs from RFC 6749: it stands before a bearertest
// server as https://odd.test, and translates.
type odd struct {
	// request makes a request, which the test has looked at, one that the
	// server understands. form has the parameters of the query and the body.
	request func(t *testing.T, r *http.Request, form url.Values)
	// answer makes the server's answer the odd server's. Nil: it stays.
	answer func(m map[string]any) map[string]any
}

func (o odd) start(t *testing.T, w world) {
	w.Transport().(*bearertest.Network).Handle("odd.test", http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		form, _ := url.ParseQuery(string(body))
		if strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") {
			var object map[string]string
			if err := json.Unmarshal(body, &object); err != nil {
				t.Error(err)
			}
			for name, value := range object {
				form.Set(name, value)
			}
		}
		maps.Copy(form, r.URL.Query())
		if o.request != nil {
			o.request(t, r, form)
		}
		path := r.URL.Path
		if path == "/renew" {
			path = "/token"
		}
		inner := httptest.NewRequest("POST", w.URL+path, strings.NewReader(form.Encode()))
		inner.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if a := r.Header.Get("Authorization"); a != "" {
			inner.Header.Set("Authorization", a)
		}
		rec := httptest.NewRecorder()
		w.ServeHTTP(rec, inner)
		answer := rec.Body.Bytes()
		if o.answer != nil && rec.Code == http.StatusOK {
			var m map[string]any
			if err := json.Unmarshal(answer, &m); err != nil {
				t.Error(err)
			}
			answer, _ = json.Marshal(o.answer(m))
		}
		rw.Header().Set("Content-Type", "application/json")
		rw.WriteHeader(rec.Code)
		_, _ = rw.Write(answer)
	}))
}

func want(name, value string) func(*testing.T, *http.Request, url.Values) {
	return func(t *testing.T, _ *http.Request, form url.Values) {
		t.Helper()
		if got := form.Get(name); got != value {
			t.Errorf("%s: got %q, want %q (of %v)", name, got, value, form)
		}
	}
}

func move(form url.Values, from, to string) {
	form.Set(to, form.Get(from))
	form.Del(from)
}

func nest(m map[string]any, outer string, names ...string) map[string]any {
	inner := map[string]any{}
	for _, name := range names {
		inner[name] = m[name]
		delete(m, name)
	}
	m[outer] = inner
	return m
}

// serversThatDiffer are by the key that says how.
var serversThatDiffer = map[string]struct {
	settings string
	odd      odd
}{
	"scope_separator": {`scopes: [a, b], scope_separator: ","`, odd{request: want("scope", "a,b")}},
	"endpoint_params": {`endpoint_params: {tenant: "7"}`, odd{request: want("tenant", "7")}},
	"token_request.headers": {`token_request: {headers: {x-api-key: "k3y"}}`, odd{request: func(t *testing.T, r *http.Request, _ url.Values) {
		if got := r.Header.Get("X-Api-Key"); got != "k3y" {
			t.Errorf("X-Api-Key: got %q, want k3y", got)
		}
	}}},
	"token_request.body json": {`token_request: {body: json}`, odd{request: func(t *testing.T, r *http.Request, form url.Values) {
		if got := r.Header.Get("Content-Type"); got != "application/json" || form.Get("grant_type") != "client_credentials" {
			t.Errorf("got %q with %v, want a JSON object", got, form)
		}
	}}},
	"token_request.body query": {`auth_method: client_secret_post, token_request: {body: query}`, odd{request: func(t *testing.T, r *http.Request, _ url.Values) {
		if r.Method != "POST" || r.ContentLength > 0 || r.URL.Query().Get("client_secret") != "secret" {
			t.Errorf("got %s with %d bytes and the query %v, want a POST with all in the query", r.Method, r.ContentLength, r.URL.Query())
		}
	}}},
	"token_request.method": {`auth_method: client_secret_post, token_request: {method: GET}`, odd{request: func(t *testing.T, r *http.Request, _ url.Values) {
		if r.Method != "GET" || r.URL.Query().Get("client_id") != "client" {
			t.Errorf("got %s with the query %v, want a GET", r.Method, r.URL.Query())
		}
	}}},
	"token_request.rename": {`auth_method: client_secret_post, token_request: {rename: {client_id: app_key, grant_type: ""}}`, odd{request: func(t *testing.T, _ *http.Request, form url.Values) {
		if form.Has("client_id") || form.Has("grant_type") {
			t.Errorf("got %v, want neither client_id nor grant_type", form)
		}
		move(form, "app_key", "client_id")
		form.Set("grant_type", "client_credentials")
	}}},
	"basic_format": {`basic_format: secret_only`, odd{request: func(t *testing.T, r *http.Request, _ url.Values) {
		if user, password, _ := r.BasicAuth(); user != "secret" || password != "" {
			t.Errorf("Basic: got %q and %q, want the secret alone as user name", user, password)
		}
		r.SetBasicAuth("client", "secret")
	}}},
	"connection": {`token_url: "https://${connection.domain}/token", connection: {domain: odd.test}`, odd{request: want("grant_type", "client_credentials")}},
	"token_response.access_token": {`token_response: {access_token: authed_user.access_token, token_type: authed_user.token_type}`, odd{
		answer: func(m map[string]any) map[string]any {
			m = nest(m, "authed_user", "access_token", "token_type")
			m["access_token"], m["token_type"] = "the bot's", "bot" // as Slack has it
			return m
		}}},
}

// Each way in which a server may differ from RFC 6749 is a setting, and a
// client of such a server gets its token.
func TestServersThatDiffer(t *testing.T) {
	for name, c := range serversThatDiffer {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, bearertest.Config{})
			c.odd.start(t, w)
			address := "token_url: https://odd.test/token, "
			if strings.Contains(c.settings, "token_url") {
				address = ""
			}
			// The provider and the client alone are equivalent.
			set := w.load(t, config.Loader{}, "providers: {odd: {"+address+strings.Split(c.settings, ", connection")[0]+"}}\nclients:\n"+
				"  a: {client_id: client, client_secret: secret, "+address+c.settings+"}\n"+
				"  b: {client_id: client, client_secret: secret, provider: odd, connection: {domain: odd.test}}\n")
			w.call(t, set, "a")
			w.call(t, set, "b")
		})
	}
}

func jwtUntil(exp int64) string {
	part := func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
	return part(`{"alg":"none"}`) + "." + part(fmt.Sprintf(`{"exp":%d}`, exp)) + ".c2ln"
}

func at(d time.Duration) time.Time { return time.Now().Add(d) }

// lifetimesThatDiffer are by the key of token_response, or of a server, that
// says how.
var lifetimesThatDiffer = map[string]struct {
	settings string
	answer   func(m map[string]any)
	want     time.Duration
}{
	"expires_in":       {"token_response: {expires_in: data.ttl}", func(m map[string]any) { m["data"] = map[string]any{"ttl": 600} }, 10 * time.Minute},
	"milliseconds":     {"token_response: {milliseconds: true}", func(m map[string]any) { m["expires_in"] = 600_000 }, 10 * time.Minute},
	"expires_at":       {"token_response: {expires_at: expires_at}", func(m map[string]any) { m["expires_at"] = at(10 * time.Minute).Unix() }, 10 * time.Minute},
	"expires_at text":  {"token_response: {expires_at: a.b}", func(m map[string]any) { m["a"] = map[string]any{"b": at(10 * time.Minute).UTC().Format(time.RFC3339)} }, 10 * time.Minute},
	"expires_at ms":    {"token_response: {expires_at: e, milliseconds: true}", func(m map[string]any) { m["e"] = fmt.Sprint(at(10 * time.Minute).UnixMilli()) }, 10 * time.Minute},
	"jwt_expiry":       {"token_response: {jwt_expiry: true}", func(m map[string]any) { m["access_token"] = jwtUntil(at(10 * time.Minute).Unix()) }, 10 * time.Minute},
	"default_lifetime": {"default_lifetime: 10m", func(m map[string]any) {}, 10 * time.Minute},
	"none of them":     {"scopes: [a]", func(m map[string]any) { m["access_token"] = jwtUntil(at(10 * time.Minute).Unix()) }, 0},
}

// When a token expires, servers say in several ways.
func TestLifetimesThatDiffer(t *testing.T) {
	for name, c := range lifetimesThatDiffer {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, bearertest.Config{})
				odd{answer: func(m map[string]any) map[string]any {
					delete(m, "expires_in")
					c.answer(m)
					return m
				}}.start(t, w)
				set := w.load(t, config.Loader{}, "clients: {a: {client_id: client, client_secret: secret, token_url: https://odd.test/token, "+c.settings+"}}")
				cache, err := set.Cache("a")
				if err != nil {
					t.Fatal(err)
				}
				token, err := cache.Token(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				got := time.Duration(0)
				if !token.Expiry.IsZero() {
					got = time.Until(token.Expiry).Round(time.Second)
				}
				if got != c.want {
					t.Errorf("lifetime: got %v, want %v", got, c.want)
				}
			})
		})
	}
}

// loginsThatDiffer are by the key that says how.
var loginsThatDiffer = map[string]struct {
	settings string
	request  func(t *testing.T, r *http.Request, form url.Values)
}{
	"auth_params": {`auth_params: {prompt: consent}`, func(t *testing.T, r *http.Request, form url.Values) {
		if r.URL.Path == "/authorize" && form.Get("prompt") != "consent" {
			t.Errorf("prompt: got %q, want consent", form.Get("prompt"))
		}
	}},
	"exchange_params": {`exchange_params: {audience: x}`, func(t *testing.T, _ *http.Request, form url.Values) {
		if got := form.Get("audience"); (got == "x") != (form.Get("grant_type") == "authorization_code") {
			t.Errorf("audience with %s: got %q, want it in the exchange only", form.Get("grant_type"), got)
		}
		form.Del("audience")
	}},
	"refresh_params": {`refresh_params: {extra: x}`, func(t *testing.T, _ *http.Request, form url.Values) {
		if got := form.Get("extra"); (got == "x") != (form.Get("grant_type") == "refresh_token") {
			t.Errorf("extra with %s: got %q, want it in the refresh only", form.Get("grant_type"), got)
		}
	}},
	"refresh_scopes": {`refresh_scopes: true`, func(t *testing.T, _ *http.Request, form url.Values) {
		if form.Get("grant_type") == "refresh_token" && form.Get("scope") == "" {
			t.Error("got a refresh without scopes, want them")
		}
	}},
	"refresh_url": {`refresh_url: https://odd.test/renew`, func(t *testing.T, r *http.Request, form url.Values) {
		if refresh := form.Get("grant_type") == "refresh_token"; refresh != (r.URL.Path == "/renew") {
			t.Errorf("%s: got %s, want refreshes at /renew", form.Get("grant_type"), r.URL.Path)
		}
	}},
	"refresh_auth_method": {`refresh_auth_method: client_secret_post`, func(t *testing.T, r *http.Request, form url.Values) {
		if refresh := form.Get("grant_type") == "refresh_token"; refresh != form.Has("client_secret") {
			t.Errorf("%s: got %v, want the secret in the body of a refresh only", form.Get("grant_type"), form)
		}
	}},
	"pkce": {`pkce: false`, func(t *testing.T, _ *http.Request, form url.Values) {
		if form.Has("code_challenge") || form.Has("code_verifier") {
			t.Errorf("got %v, want no PKCE", form)
		}
	}},
	"code_param": {`code_param: auth_code`, nil},
}

// A login differs in more: each step has its own parameters, and refresh its
// own URL and authentication.
func TestLoginsThatDiffer(t *testing.T) {
	for name, c := range loginsThatDiffer {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, bearertest.Config{})
			odd{request: func(t *testing.T, r *http.Request, form url.Values) {
				if c.request != nil {
					c.request(t, r, form)
				}
			}}.start(t, w)
			if name == "code_param" {
				w.Fault(bearertest.AuthorizeEndpoint, bearertest.Fault{Rename: map[string]string{"code": "auth_code"}})
			}
			set := w.load(t, config.Loader{}, `
providers: {odd: {token_url: https://odd.test/token, auth_url: AUTH/authorize, grant_type: authorization_code, `+c.settings+`}}
clients: {a: {provider: odd, client_id: client, client_secret: secret, redirect_url: http://127.0.0.1/callback, scopes: [s]}}
`)
			token := w.login(t, set, "a")
			cache, err := set.Cache("a")
			if err != nil {
				t.Fatal(err)
			}
			if err := cache.Set(t.Context(), token); err != nil {
				t.Fatal(err)
			}
			if _, err := cache.Renew(t.Context(), nil); err != nil {
				t.Errorf("refresh: %v", err)
			}
			if name == "auth_params" {
				if got := w.Requests(bearertest.AuthorizeEndpoint)[0].Form.Get("prompt"); got != "consent" {
					t.Errorf("prompt: got %q, want consent", got)
				}
			}
		})
	}
}

// What the token answer says becomes the base URL and the host that gets the
// token, within allowed_domains, also after a restart.
func TestBaseURLFromTheTokenAnswer(t *testing.T) {
	w := newWorld(t, bearertest.Config{})
	instance := "https://na1.salesforce.test"
	odd{answer: func(m map[string]any) map[string]any { m["instance_url"] = instance; return m }}.start(t, w)
	network := w.Transport().(*bearertest.Network)
	tenant, foreign := new(bearertest.Recorder), new(bearertest.Recorder)
	network.Handle("na1.salesforce.test", tenant)
	network.Handle("salesforce.test.evil.test", foreign)
	network.Handle("evil-salesforce.test", foreign)
	network.Handle("other.test", foreign)
	text := `
clients:
  a:
    token_url: https://odd.test/token
    client_id: client
    client_secret: secret
    base_url: ${token.instance_url}/services
    allowed_domains: ["*.salesforce.test"]
    store: {dir: state}
`
	for process := range 2 {
		set := w.load(t, config.Loader{}, text)
		base, err := set.BaseURL(t.Context(), "a")
		if err != nil || base.String() != instance+"/services" {
			t.Fatalf("process %d: base_url: got %v (%v), want %s/services", process, base, err, instance)
		}
		client, err := set.Client("a")
		if err != nil {
			t.Fatal(err)
		}
		for _, address := range []string{base.String() + "/x", "https://other.test/"} {
			resp, err := client.Get(address)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
		}
	}
	if got := len(w.Requests(bearertest.TokenEndpoint)); got != 1 {
		t.Errorf("token requests of two processes: got %d, want 1: the Store has what the answer said", got)
	}
	if got := tenant.Authorizations(); len(got) != 2 || !strings.HasPrefix(got[0], "Bearer ") {
		t.Errorf("the tenant: got %q, want two tokens", got)
	}
	for _, instance = range []string{"https://salesforce.test.evil.test", "https://evil-salesforce.test", "https://na1.salesforce.test:1@other.test", "https://na1.salesforce.test@other.test/"} {
		set := w.load(t, config.Loader{}, strings.Replace(text, "    store: {dir: state}\n", "", 1))
		client, err := set.Client("a")
		if err != nil {
			t.Fatal(err)
		}
		if resp, err := client.Get("https://other.test/"); err == nil {
			resp.Body.Close()
			t.Errorf("an answer that leads to %s: got %s, want an error", instance, resp.Status)
		}
	}
	for _, got := range foreign.Authorizations() {
		if got != "" {
			t.Errorf("a foreign host: got %q, want no token", got)
		}
	}
}

// An answer that never says where the API is costs one more token request, not
// one for each request.
func TestTokenAnswerWithoutTheBaseURL(t *testing.T) {
	w := newWorld(t, bearertest.Config{})
	set := w.load(t, config.Loader{}, `
clients: {a: {token_url: AUTH/token, client_id: client, client_secret: secret, hosts: ["${token.host}"], allowed_domains: ["*.api.test"]}}
`)
	client, err := set.Client("a")
	if err != nil {
		t.Fatal(err)
	}
	for range 5 {
		if _, err := client.Get("https://x.api.test/"); err == nil || !strings.Contains(err.Error(), "the token answer has no host") {
			t.Fatalf("got %v, want that the answer has no host", err)
		}
	}
	if got := len(w.Requests(bearertest.TokenEndpoint)); got != 2 {
		t.Errorf("token requests: got %d, want 2", got)
	}
}
