package grant

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/oauth2"
)

// A dialect that contradicts itself, or an answer that is not as the dialect
// says, is an error that names the field or the path.
func TestDialectErrors(t *testing.T) {
	for _, c := range []struct {
		change func(*Server)
		answer string
		want   string
	}{
		{func(s *Server) { s.JSON, s.Requests = true, &RequestDialect{Query: true} }, good, "Server.JSON and Server.Requests.Query are both set"},
		{func(s *Server) { s.Answers.AccessToken = "data.token" }, good, "access_token is missing"},
		{func(s *Server) { s.Answers.AccessToken = "data.token" }, `{"access_token":"t","data":"x"}`, "access_token is missing"},
	} {
		s, _ := serve(t, always(200, c.answer))
		c.change(&s)
		_, err := ClientCredentials{Server: s, Auth: basic}.Token(t.Context())
		wantText(t, err, c.want)
	}
}

// A time of expiry that is far away, or over, is taken as such and does not
// overflow.
func TestTimesOfExpiry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for answer, want := range map[string]time.Duration{
			`{"access_token":"t","at":9e99}`:                   maxLifetime,
			`{"access_token":"t","at":-5}`:                     -time.Since(time.Unix(0, 0)),
			`{"access_token":"t","at":null}`:                   0,
			`{"access_token":"t","at":"soon"}`:                 0, // not known
			`{"access_token":"t","at":"2000-01-01T00:10:00Z"}`: 10 * time.Minute,
		} {
			s, _ := serve(t, always(200, answer))
			s.Answers.ExpiresAt = "at"
			token, err := ClientCredentials{Server: s, Auth: basic}.Token(t.Context())
			if err != nil {
				t.Fatalf("%s: %v", answer, err)
			}
			got := time.Duration(0)
			if !token.Expiry.IsZero() {
				got = time.Until(token.Expiry)
			}
			if got.Round(time.Second) != want.Round(time.Second) {
				t.Errorf("%s: got a lifetime of %v, want %v", answer, got, want)
			}
		}
	})
}

// G15: secrets in the query, in further headers, under other names or as a user
// name are not repeated in an error.
func TestDialectsDoNotShowSecrets(t *testing.T) {
	const canary = "canary-0123456789"
	for name, c := range map[string]struct {
		change func(*Server)
		auth   ClientAuth
	}{
		"query":       {func(s *Server) { s.Requests = &RequestDialect{Query: true} }, Post{ID: "id", Secret: canary}},
		"get":         {func(s *Server) { s.Requests = &RequestDialect{Get: true} }, Post{ID: "id", Secret: canary}},
		"header":      {func(s *Server) { s.Requests = &RequestDialect{Header: http.Header{"x-key": {canary}}} }, basic},
		"rename":      {func(s *Server) { s.Requests = &RequestDialect{Rename: map[string]string{"client_secret": "scope"}} }, Post{ID: "id", Secret: canary}},
		"secret only": {func(*Server) {}, Basic{ID: "id", Secret: canary, SecretOnly: true}},
	} {
		s, _ := serve(t, func(_ int, r *http.Request, form url.Values) (*http.Response, error) {
			user, _, _ := r.BasicAuth()
			if !strings.Contains(r.URL.RawQuery+form.Encode()+r.Header.Get("X-Key")+user, canary) {
				t.Errorf("%s: the secret was not sent where it should be", name)
			}
			return reply(400, `{"error":"invalid_request","error_description":"bad `+canary+`"}`), nil
		})
		c.change(&s)
		if _, err := (ClientCredentials{Server: s, Auth: c.auth}).Token(t.Context()); err == nil || strings.Contains(err.Error(), canary) {
			t.Errorf("%s: got %v, want an error without the secret", name, err)
		}
		s, _ = serve(t, func(_ int, r *http.Request, _ url.Values) (*http.Response, error) {
			return nil, errors.New("cannot send to " + r.URL.String() + " with " + canary)
		})
		c.change(&s)
		s.Retries = -1
		if _, err := (ClientCredentials{Server: s, Auth: c.auth}).Token(t.Context()); err == nil || strings.Contains(err.Error(), canary) {
			t.Errorf("%s, lost: got %v, want an error without the secret", name, err)
		}
	}
}

// RefreshURL and RefreshAuth hold for a refresh alone, and an error there names
// the field.
func TestRefreshElsewhere(t *testing.T) {
	s, _ := serve(t, func(_ int, r *http.Request, form url.Values) (*http.Response, error) {
		if r.URL.Path != "/renew" || form.Get("client_id") != "id" || form.Has("client_secret") || r.Header.Get("Authorization") != "" {
			t.Errorf("got %s with %v, want /renew with the id alone", r.URL, form)
		}
		return reply(404, "<html>"), nil
	})
	s.RefreshURL = "https://auth.test/renew"
	a := AuthorizationCode{Server: s, Auth: Post{ID: "id", Secret: "s3cret"}, RefreshAuth: None{ID: "id"}}
	_, err := a.Refresh(t.Context(), &oauth2.Token{RefreshToken: "r"})
	wantText(t, err, "Server.RefreshURL", "/renew")
}

// G15: nor are the values of further headers printed.
func TestRequestDialectDoesNotShowHeaders(t *testing.T) {
	s := Server{Requests: &RequestDialect{Header: http.Header{"X-Key": {"canary"}}}}
	for _, verb := range []string{"%v", "%+v", "%#v"} {
		for _, value := range []any{s, &s, s.Requests, *s.Requests, ClientCredentials{Server: s}} {
			if got := fmt.Sprintf(verb, value); strings.Contains(got, "canary") || strings.Contains(got, "63616e617279") {
				t.Errorf("%s of %T: got %s, want no value of a header", verb, value, got)
			}
		}
	}
	text, err := json.Marshal(s)
	if err != nil || strings.Contains(string(text), "canary") {
		t.Errorf("JSON: got %s (%v), want no value of a header", text, err)
	}
}

// Servers can be compared, as programs that keep one for each issuer do.
func TestServersCanBeCompared(t *testing.T) {
	if a, b := (Server{Issuer: "a"}), (Server{Issuer: "b"}); a == b {
		t.Error("got two Servers that differ as equal, want them compared")
	}
}
