package proxy

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/oauth2"

	"example.com/bearer"
	"example.com/bearer/bearertest"
)

const impatient = `
clients:
  reports: {token_url: AUTH/token, client_id: client, client_secret: ` + secret + `, base_url: API/v1, refresh: {retry_for: false}}
`

// Without a token nothing is sent, and the answer says what to do.
func TestNothingIsSentWithoutAToken(t *testing.T) {
	w := newWorld(t, bearertest.Config{}, strings.Replace(impatient, secret, "wrong", 1), nil)
	got := w.send("POST", "/daily", "body")
	w.wants(got, http.StatusBadGateway, "Check client_id, its secret or key, and auth_method of reports.")
	if got.Header.Get("Content-Type") != "application/problem+json" || !strings.Contains(got.body, `"status":502`) || !strings.Contains(got.body, `"client":"reports"`) {
		t.Errorf("got %v and %s, want a problem by RFC 9457", got.Header, got.body)
	}

	login := newWorld(t, bearertest.Config{}, `
clients:
  me: {token_url: AUTH/token, auth_url: AUTH/authorize, grant_type: authorization_code, client_id: client, client_secret: `+secret+`, base_url: API}
`, nil)
	login.wants(login.send("GET", "/", ""), http.StatusBadGateway, "Run: bearer login me")
	for _, w := range []*world{w, login} {
		if n := len(w.arrived()) + w.Counts().Rejected; n != 0 {
			t.Errorf("the API got %d requests, want none", n)
		}
	}
}

// While the breaker is open the answer is 503, with when to try again.
func TestBreakerOpen(t *testing.T) {
	w := makeWorld(t, bearertest.Config{}, impatient, nil)
	w.Fault(bearertest.TokenEndpoint, bearertest.Fault{Status: 500, Times: -1})
	w.listen(time.Minute) // and fetches tokens
	var got answer
	for range 20 {
		if got = w.send("GET", "/", ""); got.StatusCode == http.StatusServiceUnavailable {
			break
		}
	}
	w.wants(got, http.StatusServiceUnavailable, "problems/token-endpoint")
	if s, err := strconv.Atoi(got.Header.Get("Retry-After")); err != nil || s < 1 {
		t.Errorf("got Retry-After %q, want seconds", got.Header.Get("Retry-After"))
	}
	w.wants(w.send("GET", "/-/readyz", ""), http.StatusServiceUnavailable, "not ready")
	if n := len(w.arrived()) + w.Counts().Rejected; n != 0 {
		t.Errorf("the API got %d requests, want none", n)
	}
}

// What goes wrong at the API is not about the token.
func TestAPIDown(t *testing.T) {
	w := newWorld(t, bearertest.Config{}, oneClient, nil)
	w.send("GET", "/", "")
	w.api.Close()
	w.wants(w.send("GET", "/", ""), http.StatusBadGateway, "Check base_url, and whether the API runs.")
	w.wants(w.send("GET", "/-/readyz", ""), 200, "ready")
}

// Each error of a request has its problem.
func TestFailures(t *testing.T) {
	refused := func(code string) error {
		return &oauth2.RetrieveError{Response: &http.Response{Status: "400"}, ErrorCode: code}
	}
	for _, test := range []struct {
		err    error
		status int
		want   string
	}{
		{&bearer.TokenError{Err: refused("invalid_scope")}, 502, "Check scopes of x."},
		{&bearer.TokenError{Err: refused("invalid_client")}, 502, "Check client_id"},
		{&bearer.TokenError{Err: errors.New("dial"), RetryAfter: time.Minute}, 502, "Try again later"},
		{&bearer.TokenError{Err: bearer.ErrLoginRequired, RetryAfter: time.Minute}, 502, "bearer login x"},
		{&bearer.TokenError{Err: bearer.ErrBreakerOpen}, 503, "Retry-After"},
		{bearer.ErrInsecure, 502, "Use https"},
		{context.DeadlineExceeded, 504, "deadline"},
		{&net.OpError{Op: "dial", Err: errors.New("refused")}, 502, "refused"},
	} {
		p := (&Proxy{Config: Config{Explain: error.Error}}).failed("x", test.err)
		if p.status != test.status || !strings.Contains(p.detail, test.want) {
			t.Errorf("%v: got %d and %q, want %d and %q", test.err, p.status, p.detail, test.status, test.want)
		}
	}
}

// After a rejection a request is sent again with its body, if that is not too
// long; and never a second time.
func TestReplay(t *testing.T) {
	w := newWorld(t, bearertest.Config{}, oneClient, echoLength)
	w.wants(w.send("POST", "/", "12345"), 200, "5")
	w.RevokeAll()
	w.wants(w.send("POST", "/", strings.Repeat("x", maxReplay)), 200, strconv.Itoa(maxReplay))
	w.RevokeAll()
	w.wants(w.send("POST", "/", strings.Repeat("x", maxReplay+1)), 401, "")
	if rejected := w.Counts().Rejected; rejected != 2 {
		t.Errorf("got %d rejections, want 2", rejected)
	}
	w.wants(w.send("GET", "/", ""), 200, "0")
}
