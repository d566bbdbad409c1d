package bearer

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"syscall"
	"testing"

	"golang.org/x/oauth2"
)

type word struct{ temporary bool }

func (w word) Error() string   { return "word" }
func (w word) Temporary() bool { return w.temporary }

func answered(status int, code, contentType string, more ...string) error {
	h := http.Header{"Content-Type": {contentType}}
	for i := 0; i < len(more); i += 2 {
		h.Set(more[i], more[i+1])
	}
	return fmt.Errorf("wrapped: %w", &oauth2.RetrieveError{Response: &http.Response{StatusCode: status, Header: h}, ErrorCode: code})
}

// G17, G18, G22: what an error of a Source says about the endpoint, the refresh
// token and the login.
func TestVerdicts(t *testing.T) {
	refusedConnection := &url.Error{Op: "Post", Err: &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}}
	for _, row := range []struct {
		name           string
		err            error
		kind           failureKind
		spent          bool
		grant, perhaps bool
	}{
		{name: "unknown", err: errors.New("down"), kind: sick, spent: true},
		{name: "refused connection", err: refusedConnection, kind: sick},
		{name: "unknown host", err: &net.DNSError{Err: "no such host"}, kind: sick},
		{name: "reset", err: &net.OpError{Op: "read", Err: syscall.ECONNRESET}, kind: sick, spent: true},
		{name: "deadline", err: context.DeadlineExceeded, kind: sick, spent: true},
		{name: "cancelled", err: context.Canceled, kind: brokeOff, spent: true},
		{name: "panic", err: panicked("boom"), kind: brokeOff, spent: true},
		{name: "permanent by its word", err: word{false}, kind: refusal, spent: true},
		{name: "temporary by its word", err: word{true}, kind: sick, spent: true},
		{name: "no Source", err: errNoSource, kind: refusal, spent: true},
		{name: "invalid_grant", err: answered(400, "invalid_grant", "application/json"), kind: refusal, grant: true},
		{name: "invalid_grant with 500", err: answered(500, "invalid_grant", "application/json"), kind: sick, spent: true},
		{name: "invalid_client", err: answered(401, "invalid_client", "application/json"), kind: refusal},
		{name: "an unknown code", err: answered(400, "user_is_locked", "application/json"), kind: refusal, perhaps: true},
		{name: "temporarily_unavailable with 400", err: answered(400, "temporarily_unavailable", ""), kind: refusal},
		{name: "server_error with 400", err: answered(400, "server_error", ""), kind: refusal},
		{name: "an unknown code with 404", err: answered(404, "Not Found", "application/json"), kind: refusal}, // Spring
		{name: "an unknown code with 403", err: answered(403, "Forbidden", "application/json"), kind: refusal},
		{name: "400 and nothing", err: answered(400, "", ""), kind: refusal, perhaps: true},
		{name: "401 and text", err: answered(401, "", "text/plain"), kind: refusal, perhaps: true},
		{name: "400 and HTML", err: answered(400, "", "text/html; charset=utf-8"), kind: refusal},
		{name: "403 and HTML", err: answered(403, "", "text/html"), kind: refusal},
		{name: "a code with 200", err: answered(200, "bad_refresh_token", "application/json"), kind: refusal, perhaps: true},
		{name: "invalid_grant with 200", err: answered(200, "invalid_grant", "application/json"), kind: refusal, perhaps: true},
		{name: "server_error with 200", err: answered(200, "server_error", "application/json"), kind: sick, spent: true},
		{name: "404", err: answered(404, "", ""), kind: refusal},
		{name: "408", err: answered(408, "", ""), kind: sick},
		{name: "429", err: answered(429, "", ""), kind: sick},
		{name: "302", err: answered(302, "", ""), kind: sick},
		{name: "500", err: answered(500, "", ""), kind: sick, spent: true},
		{name: "503", err: answered(503, "", ""), kind: sick, spent: true},
		{name: "503 with Retry-After", err: answered(503, "", "", "Retry-After", "1"), kind: sick},
		{name: "503 temporarily_unavailable", err: answered(503, "temporarily_unavailable", ""), kind: sick},
		{name: "login_required", err: answered(0, "login_required", ""), kind: refusal},
	} {
		if got := kindOf(row.err); got != row.kind {
			t.Errorf("%s: got kind %d, want %d", row.name, got, row.kind)
		}
		if got := maybeSpent(row.err); got != row.spent {
			t.Errorf("%s: got maybe spent %v, want %v", row.name, got, row.spent)
		}
		if got := refusesGrant(row.err); got != row.grant {
			t.Errorf("%s: got refuses the grant %v, want %v", row.name, got, row.grant)
		}
		if got := mayRefuseGrant(row.err); got != row.perhaps {
			t.Errorf("%s: got may refuse the grant %v, want %v", row.name, got, row.perhaps)
		}
	}
}
