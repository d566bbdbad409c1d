package grant

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"golang.org/x/oauth2"
)

// sent returns the one request that auth makes of a client_credentials grant.
func sent(t *testing.T, c ClientCredentials) (*http.Request, url.Values) {
	t.Helper()
	var (
		request *http.Request
		params  url.Values
	)
	s, _ := serve(t, func(_ int, r *http.Request, form url.Values) (*http.Response, error) {
		request, params = r, form
		return reply(200, good), nil
	})
	s.JSON = c.Server.JSON
	c.Server = s
	if _, err := c.Token(t.Context()); err != nil {
		t.Fatal(err)
	}
	return request, params
}

func TestBasicIsFormEncoded(t *testing.T) {
	for _, row := range []struct {
		auth               Basic
		wantID, wantSecret string
	}{
		{Basic{ID: "a b:c", Secret: "p+ä%"}, "a+b%3Ac", "p%2B%C3%A4%25"},
		{Basic{ID: "a b", Secret: "p+:%", Raw: true}, "a b", "p+:%"},
	} {
		r, form := sent(t, ClientCredentials{Auth: row.auth})
		id, secret, _ := r.BasicAuth()
		if id != row.wantID || secret != row.wantSecret {
			t.Errorf("Raw %v: got %q and %q, want %q and %q", row.auth.Raw, id, secret, row.wantID, row.wantSecret)
		}
		if form.Has("client_id") || form.Has("client_secret") {
			t.Errorf("got parameters %v, want no credentials in the body too", form)
		}
	}
}

// Some servers want Basic of public clients too, with an empty secret. Such a
// client proves nothing, so it is public and needs PKCE.
func TestBasicWithoutASecret(t *testing.T) {
	auth := Basic{ID: "a b", NoSecret: true}
	r, _ := sent(t, ClientCredentials{Auth: auth})
	if id, secret, ok := r.BasicAuth(); !ok || id != "a+b" || secret != "" {
		t.Errorf("got %q and %q in %q, want the id and an empty secret", id, secret, r.Header.Get("Authorization"))
	}
	flow := AuthorizationCode{Server: Server{AuthURL: "https://auth.test/"}, Auth: auth, RedirectURL: "https://app.test/", NoPKCE: true}
	_, err := flow.AuthCodeURL(t.Context(), "state", "")
	wantText(t, err, "NoPKCE is set for a public client")
}

func TestPostAndNoneArePlainParameters(t *testing.T) {
	r, form := sent(t, ClientCredentials{Auth: Post{ID: "id", Secret: "s3cret"}})
	if form.Get("client_id") != "id" || form.Get("client_secret") != "s3cret" || r.Header.Get("Authorization") != "" {
		t.Errorf("Post: got %v and Authorization %q, want the credentials in the body only", form, r.Header.Get("Authorization"))
	}
	_, form = sent(t, ClientCredentials{Auth: None{ID: "id"}})
	if form.Get("client_id") != "id" || form.Has("client_secret") {
		t.Errorf("None: got %v, want only client_id", form)
	}
}

func TestIncompleteCredentialsNameTheField(t *testing.T) {
	ask := func(context.Context) (string, error) { return "", nil }
	broken := errors.New("vault is sealed")
	for _, row := range []struct {
		auth ClientAuth
		want string
	}{
		{Basic{Secret: "s"}, "Basic.ID is empty"},
		{Basic{ID: "id"}, "Basic.Secret is empty"},
		{Basic{ID: "id"}, "set Basic.NoSecret"},
		{Basic{ID: "id", NoSecret: true, Secret: "s"}, "Basic.NoSecret is set, and so is"},
		{Basic{ID: "id", NoSecret: true, SecretFunc: ask}, "Basic.NoSecret is set, and so is"},
		{Basic{ID: "id", Secret: "s", SecretFunc: ask}, "both set"},
		{Basic{ID: "id", SecretFunc: ask}, "Basic.SecretFunc returned an empty secret"},
		{Basic{ID: "a:b", Secret: "s", Raw: true}, "Basic.ID has a colon"},
		{Post{Secret: "s"}, "Post.ID is empty"},
		{Post{ID: "id"}, "Post.Secret is empty"},
		{Post{ID: "id"}, "use None"},
		{Post{ID: "id", SecretFunc: func(context.Context) (string, error) { return "", broken }}, "Post.SecretFunc: vault is sealed"},
		{None{}, "None.ID is empty"},
	} {
		s, w := serve(t, always(200, good))
		_, err := ClientCredentials{Server: s, Auth: row.auth}.Token(t.Context())
		wantText(t, err, row.want)
		if n := w.seen.Load(); n != 0 {
			t.Errorf("%s: got %d requests, want 0", row.want, n)
		}
	}
}

// G15: a caller's ClientAuth that prints its Request shows no secret.
func TestRequestDoesNotShowItself(t *testing.T) {
	r := Request{URL: "https://auth.test/token?key=canary", Header: http.Header{"Authorization": {"canary"}}, Params: url.Values{"code": {"canary"}}}
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "by value", r, "request", &r)
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "by value", r, "request", &r)
	asJSON, err := json.Marshal(&r)
	got := fmt.Sprintf("%v %+v %#v %s %x %v %#v", r, r, r, r, r, &r, &r) + log.String() + string(asJSON)
	if err != nil || strings.Contains(got, "canary") || !strings.Contains(got, "https://auth.test/token") {
		t.Errorf("got %s and %v, want the URL without its query, and no more", got, err)
	}
}

// A rotated secret needs no restart: it is read anew for every attempt.
func TestSecretFuncIsAskedForEveryAttempt(t *testing.T) {
	secrets := []string{"one", "three"}
	ask := func(context.Context) (string, error) {
		s := secrets[0]
		secrets = secrets[1:]
		return s, nil
	}
	var got []string
	s, _ := serve(t, func(n int, r *http.Request, form url.Values) (*http.Response, error) {
		got = append(got, form.Get("client_secret"))
		if n == 1 {
			return reply(503, ""), nil
		}
		return reply(200, good), nil
	})
	if _, err := (ClientCredentials{Server: s, Auth: Post{ID: "id", SecretFunc: ask}}).Token(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(got) != 2 || got[0] != "one" || got[1] != "three" {
		t.Errorf("secrets sent: got %q, want one, three", got)
	}
}

// A secret that can no longer be read ends the retries, and the error keeps what
// the server said before.
func TestSecretFuncThatFailsInBetween(t *testing.T) {
	sealed := errors.New("vault is sealed")
	asked := 0
	ask := func(context.Context) (string, error) {
		if asked++; asked > 1 {
			return "", sealed
		}
		return "s3cret", nil
	}
	s, w := serve(t, always(503, `{"error":"temporarily_unavailable"}`))
	_, err := ClientCredentials{Server: s, Auth: Post{ID: "id", SecretFunc: ask}}.Token(t.Context())
	wantText(t, err, "Post.SecretFunc: vault is sealed; before that", "temporarily_unavailable")
	var e *Error
	var temporary interface{ Temporary() bool }
	if !errors.Is(err, sealed) || !errors.As(err, &e) || !errors.As(err, &temporary) || !temporary.Temporary() {
		t.Errorf("got %v, want a temporary error with the cause and the server's error in it", err)
	}
	if n := w.seen.Load(); n != 1 {
		t.Errorf("got %d attempts, want 1", n)
	}
}

// The error of a refused secret knows when that secret has been replaced.
func TestSuperseded(t *testing.T) {
	secret := "old-secret"
	ask := func(context.Context) (string, error) {
		if secret == "" {
			return "", errors.New("vault is sealed")
		}
		return secret, nil
	}
	s, _ := serve(t, always(401, `{"error":"invalid_client"}`))
	_, err := ClientCredentials{Server: s, Auth: Basic{ID: "id", SecretFunc: ask}}.Token(t.Context())
	var e *Error
	if !errors.As(err, &e) {
		t.Fatalf("got %v, want an *Error", err)
	}
	for _, row := range []struct {
		secret string
		want   bool
	}{{"old-secret", false}, {"new-secret", true}, {"", false}} {
		secret = row.secret
		if got := e.Superseded(t.Context()); got != row.want {
			t.Errorf("secret now %q: got Superseded %v, want %v", row.secret, got, row.want)
		}
	}
	_, err = ClientCredentials{Server: s, Auth: basic}.Token(t.Context())
	if !errors.As(err, &e) || e.Superseded(t.Context()) {
		t.Errorf("fixed secret: got %v, Superseded %v, want an *Error, false", err, e.Superseded(t.Context()))
	}
}

func TestTargetOfTheToken(t *testing.T) {
	c := ClientCredentials{
		Auth: basic, Scopes: []string{"a", "b"}, Audience: "aud",
		Resource: []string{"https://x.test", "https://y.test"}, Params: url.Values{"realm": {"r"}},
	}
	r, form := sent(t, c)
	want := "audience=aud&grant_type=client_credentials&realm=r&resource=https%3A%2F%2Fx.test&resource=https%3A%2F%2Fy.test&scope=a+b"
	if form.Encode() != want || r.Header.Get("Content-Type") != "application/x-www-form-urlencoded" || r.Method != "POST" {
		t.Errorf("got %s %s %s, want a form %s", r.Method, r.Header.Get("Content-Type"), form.Encode(), want)
	}

	c.Server.JSON = true
	r, _ = sent(t, c)
	var body map[string]any
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		t.Fatal(err)
	}
	if body["scope"] != "a b" || len(body["resource"].([]any)) != 2 || r.Header.Get("Content-Type") != "application/json" {
		t.Errorf("JSON: got %v as %s, want the same parameters", body, r.Header.Get("Content-Type"))
	}

	for _, name := range []string{"grant_type", "client_id", "client_secret", "scope", "audience", "resource", "assertion"} {
		s, _ := serve(t, always(200, good))
		_, err := ClientCredentials{Server: s, Auth: basic, Params: url.Values{name: {"x"}}}.Token(t.Context())
		wantText(t, err, "Params", name)
	}
	if c.Params.Encode() != "realm=r" {
		t.Errorf("the caller's Params: got %v, want them unchanged", c.Params)
	}
}

// The grants and the root package meet in x/oauth2's types.
var _ interface {
	Token(context.Context) (*oauth2.Token, error)
} = ClientCredentials{}
