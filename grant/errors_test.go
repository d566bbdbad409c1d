package grant

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/oauth2"

	"example.com/bearer/internal/oauthcode"
)

// Only a code that the server sent is the last word; a status or a page of a
// firewall is not.
func TestTemporary(t *testing.T) {
	for _, row := range []struct {
		status int
		body   string
		code   string
		want   bool
	}{
		{400, `{"error":"invalid_grant"}`, "invalid_grant", false},
		{401, `{"error":"invalid_client"}`, "invalid_client", false},
		{200, `{"error":"invalid_scope"}`, "invalid_scope", false},
		{400, `{"error":"invalid_target"}`, "invalid_target", false},
		{400, `{"error":"server_error"}`, "server_error", true},
		{400, `{"error":"temporarily_unavailable"}`, "temporarily_unavailable", true},
		{400, `{"error":"authorization_pending"}`, "authorization_pending", true},
		{429, `{"error":"invalid_request"}`, "invalid_request", true},
		{500, `{"error":"invalid_client"}`, "invalid_client", true},
		{403, `<html>blocked`, "", true},
		{401, ``, "", true},
		{400, `{"error":{"message":"invalid_grant"}}`, "", true},
		{404, `{"message":"not found"}`, "", false},
		{404, `<html>`, "", false},
		{405, ``, "", false},
		{410, ``, "", false},
		{302, `{"error":"invalid_grant"}`, "invalid_grant", true},
		{408, `{"error":"invalid_grant"}`, "invalid_grant", true},
		{503, `{"error":"invalid_grant"}`, "invalid_grant", true},
	} {
		_, err := fetch(t, row.status, row.body)
		var e *Error
		if !errors.As(err, &e) || e.Status != row.status || e.Code != row.code || e.Temporary() != row.want {
			t.Errorf("%d %s: got %v (temporary %v), want code %q, temporary %v", row.status, row.body, err, e.Temporary(), row.code, row.want)
		}
	}
}

// Code written for x/oauth2 goes on to work, and so does the root package,
// which knows only that.
func TestErrorIsARetrieveErrorToo(t *testing.T) {
	_, err := fetch(t, 400, `{"error":"invalid_grant","error_description":"gone","error_uri":"https://auth.test/doc"}`, "Retry-After", "7", "X-Secret", "canary")
	var retrieve *oauth2.RetrieveError
	if !errors.As(fmt.Errorf("wrapped: %w", err), &retrieve) {
		t.Fatalf("got %v, want a RetrieveError in it", err)
	}
	if retrieve.ErrorCode != "invalid_grant" || retrieve.ErrorDescription != "gone" || retrieve.ErrorURI != "https://auth.test/doc" || retrieve.Body != nil {
		t.Errorf("got %+v, want code, description and URI, and no body", retrieve)
	}
	if r := retrieve.Response; r.StatusCode != 400 || r.Status != "400 Bad Request" || len(r.Header) != 2 || r.Header.Get("Retry-After") != "7" || r.Header.Get("Content-Type") != "application/json" {
		t.Errorf("got status %q and header %v, want 400 Bad Request and only Retry-After and Content-Type", r.Status, r.Header)
	}
	if err := retrieve.Response.Body.Close(); err != nil {
		t.Error(err)
	}

	_, err = fetch(t, 503, "<html>")
	if !errors.As(err, &retrieve) || retrieve.ErrorCode != "" || retrieve.Response.StatusCode != 503 {
		t.Errorf("503: got %v, want a RetrieveError with the status", err)
	}
	_ = retrieve.Error() // needs a Response
}

func TestErrLoginRequired(t *testing.T) {
	err := fmt.Errorf("wrapped: %w", ErrLoginRequired)
	var retrieve *oauth2.RetrieveError
	if !errors.Is(err, ErrLoginRequired) || !errors.As(err, &retrieve) || retrieve.ErrorCode != "login_required" || retrieve.Response == nil {
		t.Errorf("got %v and %v, want ErrLoginRequired with the code login_required", err, retrieve)
	}
}

// The server's words are for a log: short, on one line.
func TestServersWordsAreTamed(t *testing.T) {
	_, err := fetch(t, 400, `{"error":"invalid_request","error_description":"a\r\nINFO forged \u001b[31m\u202e`+strings.Repeat("x", 5000)+`"}`)
	var e *Error
	if !errors.As(err, &e) {
		t.Fatal(err)
	}
	if strings.ContainsAny(e.Description, "\r\n\x1b\u202e") || len(e.Description) > maxText+3 || len(err.Error()) > 2*maxText {
		t.Errorf("got %q, want one short line", e.Description)
	}
}

// G15: a server that echoes what it was sent does not get it into our errors.
func TestEchoedSecretIsWithheld(t *testing.T) {
	for _, auth := range []ClientAuth{Basic{ID: "id", Secret: "can+ary"}, Basic{ID: "id", Secret: "can+ary", Raw: true}, Post{ID: "id", Secret: "can+ary"}} {
		s, _ := serve(t, func(_ int, r *http.Request, form url.Values) (*http.Response, error) {
			echo, _ := json.Marshal("the secret can+ary or can%2Bary " + r.Header.Get("Authorization") + form.Get("client_secret"))
			return reply(400, fmt.Sprintf(`{"error":%s,"error_description":%[1]s,"error_uri":%[1]s}`, echo), "Retry-After", "1"), nil
		})
		_, err := ClientCredentials{Server: s, Auth: auth}.Token(t.Context())
		var retrieve *oauth2.RetrieveError
		errors.As(err, &retrieve)
		text, _ := json.Marshal(err)
		all := fmt.Sprintf("%v %+v %#v %s %+v", err, err, err, text, retrieve)
		if strings.Contains(all, "ary") || !strings.Contains(err.Error(), redacted) {
			t.Errorf("%T: got %s, want the echo withheld", auth, all)
		}
	}
}

// apiKey is a caller's ClientAuth that sets another header.
type apiKey string

func (k apiKey) Authenticate(_ context.Context, r *Request) error {
	r.Header.Set("X-Api-Key", string(k))
	return nil
}

// G15: nor however it writes it, and wherever it was.
func TestEchoIsWithheldInEveryForm(t *testing.T) {
	const secret = `a%b/c+d<e"f`
	for _, auth := range []ClientAuth{Post{ID: "id", Secret: secret}, Basic{ID: "id", Secret: secret}, apiKey(secret), apiKey("Key " + secret)} {
		for _, echo := range []string{secret, url.QueryEscape(secret), url.PathEscape(secret), html.EscapeString(secret), strconv.Quote(secret)} {
			body, _ := json.Marshal(map[string]string{"error": "invalid_client", "error_description": "bad: " + echo})
			s, _ := serve(t, always(401, string(body)))
			_, err := ClientCredentials{Server: s, Auth: auth}.Token(t.Context())
			wantText(t, err, "invalid_client", redacted)
			if strings.Contains(err.Error(), echo) {
				t.Errorf("%T, %s: got %q, want the echo withheld", auth, echo, err)
			}
		}
	}
}

func TestRetryAfterIsInTheError(t *testing.T) {
	_, err := fetch(t, 429, "", "Retry-After", "120")
	var e *Error
	if !errors.As(err, &e) || e.RetryAfter != 2*time.Minute {
		t.Errorf("got %v, want RetryAfter of two minutes", err)
	}
}

// G18: only a 4xx is a server's last word about a refresh token or a code. A
// 5xx is an accident, whatever its body says, and a redirect is not an answer.
func TestOnlyA4xxEndsALogin(t *testing.T) {
	for _, status := range []int{302, 307, 400, 401, 403, 500, 502, 503, 504, 599} {
		want := status/100 == 4
		for _, header := range []string{"", "1"} { // Retry-After
			s, _ := serve(t, always(status, `{"error":"invalid_grant"}`, "Retry-After", header))
			s.Retries = -1
			flow := AuthorizationCode{Server: s, ClientID: "id", RedirectURL: "https://app.test/"}
			_, err := flow.Refresh(t.Context(), &oauth2.Token{RefreshToken: "rt-1"})
			if errors.Is(err, ErrLoginRequired) != want {
				t.Errorf("refresh, %d: got %v, want ErrLoginRequired: %v", status, err, want)
			}
			_, err = flow.Exchange(t.Context(), "code", oauth2.GenerateVerifier())
			if errors.Is(err, ErrCodeExpired) != want || errors.Is(err, ErrLoginRequired) != want {
				t.Errorf("exchange, %d: got %v, want ErrCodeExpired: %v", status, err, want)
			}
			if e, ok := errors.AsType[*Error](err); !ok || e.Temporary() == want || e.Code != "invalid_grant" {
				t.Errorf("exchange, %d: got %v, want invalid_grant, temporary: %v", status, err, !want)
			}
		}
	}
}

// The root package, which knows only the RetrieveError, can tell from it
// whether a refusal without an OAuth error was a page.
func TestRetrieveErrorSaysWhetherItWasHTML(t *testing.T) {
	for _, row := range []struct{ body, header, want string }{
		{"<html>blocked", "text/html; charset=utf-8", "text/html"},
		{"\r\n <!DOCTYPE html>", "application/json", "text/html"},
		{"\ufeff<html>", "", "text/html"},
		{"<html>" + strings.Repeat("x", maxAnswer), "text/plain", "text/html"},
		{`{"message":"no"}`, "application/json", "application/json"},
		{"no", "text/html", "text/html"},
		{"no", "", ""},
		{"", "text/html", ""},
		{"", "", ""},
		{"no", "text/s3cret", redacted},
		{"no", "text/plain\u202e", "text/plain"},
	} {
		_, err := fetch(t, 400, row.body, "Content-Type", row.header)
		retrieve, ok := errors.AsType[*oauth2.RetrieveError](err)
		if !ok {
			t.Fatalf("%q: got %v, want a RetrieveError", row.body, err)
		}
		got := retrieve.Response.Header
		if got.Get("Content-Type") != row.want || got.Get("Content-Type") == "" && len(got) != 0 {
			t.Errorf("%.20q as %q: got %v, want Content-Type %q", row.body, row.header, got, row.want)
		}
	}
}

// The root's ErrLoginRequired is the same value.
func TestErrLoginRequiredIsOneValue(t *testing.T) {
	if ErrLoginRequired != oauthcode.ErrLoginRequired {
		t.Error("got another value than internal/oauthcode's, want the same")
	}
	_, err := AuthorizationCode{ClientID: "id"}.Refresh(t.Context(), &oauth2.Token{})
	if want := "grant: there is no refresh token: login required: only the user's consent can help"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

// What answered is named where it may not be an OAuth endpoint at all: the URL
// without its query, and the field that holds it. 404 does not pass by waiting.
func TestWrongURLIsNamed(t *testing.T) {
	s, w := serve(t, always(404, "404 page not found", "Content-Type", "text/plain"))
	for _, endpoint := range []*string{&s.TokenURL, &s.RevokeURL, &s.DeviceAuthURL} {
		*endpoint += "/wr%20ng?key=canary"
	}
	for field, call := range map[string]func() error{
		"https://auth.test/token/wr%20ng (Server.TokenURL)": func() error {
			_, err := ClientCredentials{Server: s, Auth: basic}.Token(t.Context())
			return err
		},
		"https://auth.test/revoke/wr%20ng (Server.RevokeURL)": func() error { return s.Revoke(t.Context(), basic, "token", "") },
		"https://auth.test/device/wr%20ng (Server.DeviceAuthURL)": func() error {
			_, err := Device{Server: s, ClientID: "id"}.Start(t.Context())
			return err
		},
	} {
		err := call()
		wantText(t, err, "grant: "+field+" answered 404", "check the URL")
		if e, ok := errors.AsType[*Error](err); !ok || e.Temporary() {
			t.Errorf("%s: got %v, want an *Error that is not temporary", field, err)
		}
		if strings.Contains(err.Error(), "canary") {
			t.Errorf("got %s, want no query", err)
		}
	}
	if n := w.seen.Load(); n != 3 {
		t.Errorf("got %d requests, want 3: none is repeated", n)
	}
}

// A client that is not accepted learns how it authenticated, as that is what
// most often is wrong.
func TestInvalidClientSaysWhatWasSent(t *testing.T) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signing := SigningKey{Signer: key}
	long := Secret(strings.Repeat("s", 32))
	for _, row := range []struct {
		auth ClientAuth
		want []string
	}{
		{Basic{ID: "id", Secret: "s3cret"}, []string{"in a header (grant.Basic)", "use grant.Post"}},
		{Post{ID: "id", Secret: "s3cret"}, []string{"in the body (grant.Post)", "use grant.Basic"}},
		{None{ID: "id"}, []string{"no secret was sent"}},
		{PrivateKeyJWT{ID: "id", Key: signing}, []string{`with the audience "https://auth.test"`, "set Audience", "token URL"}},
		{PrivateKeyJWT{ID: "id", Key: signing, Audience: "other"}, []string{`with the audience "other"`}},
		{ClientSecretJWT{ID: "id", Secret: long}, []string{`with the audience "https://auth.test"`}},
		{also{Post{ID: "id", Secret: "s3cret"}, func(context.Context, *Request) error { return nil }}, []string{"grant.Post"}},
		{&TLS{ID: "id"}, []string{"grant.TLS", "certificate"}},
	} {
		s, _ := serve(t, always(401, `{"error":"invalid_client"}`))
		_, err := ClientCredentials{Server: s, Auth: row.auth}.Token(t.Context())
		wantText(t, err, append(row.want, "https://auth.test answered 401 invalid_client; ")...)
	}
	s, _ := serve(t, always(401, `{"error":"invalid_client"}`))
	_, err = ClientCredentials{Server: s, Auth: apiKey("key")}.Token(t.Context())
	if want := "grant: https://auth.test answered 401 invalid_client"; err == nil || err.Error() != want {
		t.Errorf("another package's Auth: got %v, want %s", err, want)
	}
	for _, assertion := range []string{"", "a.b", "a.!.c", "a.bm8.c", "a.eyJhdWQiOlsiYSIsImIiXX0.c"} { // no JSON; two audiences
		if got := claimedAudience(assertion); got != "" {
			t.Errorf("claimedAudience(%q): got %q, want none", assertion, got)
		}
	}
}
