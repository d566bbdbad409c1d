package grant

import (
	"context"
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
)

// Only a code that the server sent is the last word; a status or a page of a firewall is not.
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
		{404, `{"message":"not found"}`, "", true},
	} {
		_, err := fetch(t, row.status, row.body)
		var e *Error
		if !errors.As(err, &e) || e.Status != row.status || e.Code != row.code || e.Temporary() != row.want {
			t.Errorf("%d %s: got %v (temporary %v), want code %q, temporary %v", row.status, row.body, err, e.Temporary(), row.code, row.want)
		}
	}
}

// Code written for x/oauth2 goes on to work, and so does the root package, which knows only that.
func TestErrorIsARetrieveErrorToo(t *testing.T) {
	_, err := fetch(t, 400, `{"error":"invalid_grant","error_description":"gone","error_uri":"https://auth.test/doc"}`, "Retry-After", "7", "X-Secret", "canary")
	var retrieve *oauth2.RetrieveError
	if !errors.As(fmt.Errorf("wrapped: %w", err), &retrieve) {
		t.Fatalf("got %v, want a RetrieveError in it", err)
	}
	if retrieve.ErrorCode != "invalid_grant" || retrieve.ErrorDescription != "gone" || retrieve.ErrorURI != "https://auth.test/doc" || retrieve.Body != nil {
		t.Errorf("got %+v, want code, description and URI, and no body", retrieve)
	}
	if r := retrieve.Response; r.StatusCode != 400 || r.Status != "400 Bad Request" || len(r.Header) != 1 || r.Header.Get("Retry-After") != "7" {
		t.Errorf("got status %q and header %v, want 400 Bad Request and only Retry-After", r.Status, r.Header)
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

// apiKey is a ClientAuth of a caller's own, with a header of its own.
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
