package bearer

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"golang.org/x/oauth2"

	"example.com/bearer/internal/retryafter"
)

// The errors to branch on, with [errors.Is].
var (
	// ErrNotFound is what a [Store] returns when it holds nothing under a key.
	ErrNotFound = errors.New("bearer: not found in the store")

	// ErrInsecure is returned by [Transport] for a request that would send a
	// token in plaintext (RFC 6750 section 5.3). See [Transport.InsecureAllowHTTP].
	ErrInsecure = errors.New("bearer: refusing to send a token in plaintext")

	// ErrBreakerOpen is in a [TokenError] when the [Breaker] lets no request
	// through to the token endpoint.
	ErrBreakerOpen = errors.New("bearer: circuit breaker is open")
)

// A TokenError says that no token could be had, and so that no request was
// sent. It holds no secret.
type TokenError struct {
	// Err is the cause: what the [Source] returned, the error of a context
	// that ended, or [ErrBreakerOpen] with the failure that opened it.
	Err error

	// RetryAfter is how long it makes no sense to ask again; until then the
	// same answer comes without a call. Zero: not known, or time alone does
	// not help.
	RetryAfter time.Duration
}

// Error gives one line, without secrets.
func (e *TokenError) Error() string {
	msg := "bearer: no token: " + describe(e.Err)
	if d := e.RetryAfter.Round(time.Millisecond); d > 0 {
		msg += fmt.Sprintf(" (try again in %v)", d)
	}
	return msg
}

// Unwrap returns the cause.
func (e *TokenError) Unwrap() error { return e.Err }

// Timeout reports whether a deadline ended the waiting, as net.Error has it:
// url.Error.Timeout asks.
func (e *TokenError) Timeout() bool { return errors.Is(e.Err, context.DeadlineExceeded) }

// describe is err's text, without a second prefix of ours.
func describe(err error) string {
	if err == nil {
		return "unknown cause"
	}
	return strings.ReplaceAll(err.Error(), "bearer: ", "")
}

// withoutBody returns err with a text that does not have the body of the token
// endpoint's answer, which golang.org/x/oauth2 prints and which can hold a
// token. It is applied to what a Source returns, before anything is made of it.
func withoutBody(err error) error {
	re, ok := errors.AsType[*oauth2.RetrieveError](err)
	if !ok || len(re.Body) == 0 {
		return err
	}
	return &bodiless{strings.ReplaceAll(err.Error(), string(re.Body), "(body withheld)"), err}
}

// bodiless hides err from everything that formats or encodes it.
type bodiless struct {
	text string
	err  error
}

func (e *bodiless) Error() string { return e.text }
func (e *bodiless) Unwrap() error { return e.err }

// permanentCodes are the error codes (RFC 6749 section 5.2, RFC 8628 section
// 3.5, RFC 8707 section 2, OpenID Connect Core section 3.1.2.6) that the same
// request will meet again.
var permanentCodes = map[string]bool{
	"invalid_grant":              true,
	"invalid_client":             true,
	"unauthorized_client":        true,
	"unsupported_grant_type":     true,
	"invalid_scope":              true,
	"invalid_request":            true,
	"invalid_target":             true,
	"access_denied":              true,
	"expired_token":              true,
	"login_required":             true,
	"account_selection_required": true,
	"consent_required":           true,
	"interaction_required":       true,
}

// permanent reports whether asking again would bring the same answer: an
// OAuth error that the authorization server gave in so many words. An HTML
// page with status 403 is somebody else's word, and a status of 500 is an
// accident whatever the body says.
func permanent(err error) bool {
	re, ok := errors.AsType[*oauth2.RetrieveError](err)
	if !ok || !permanentCodes[re.ErrorCode] {
		return false
	}
	return re.Response == nil ||
		re.Response.StatusCode < 500 && re.Response.StatusCode != http.StatusTooManyRequests
}

// retryAfter is what the server asked for with a Retry-After header (RFC 9110
// section 10.2.3), zero if it did not.
func retryAfter(err error, now time.Time) time.Duration {
	re, ok := errors.AsType[*oauth2.RetrieveError](err)
	if !ok || re.Response == nil {
		return 0
	}
	d, _ := retryafter.Parse(re.Response.Header, now)
	return d
}

// errorf is fmt.Errorf with the package's prefix, once.
func errorf(format string, err error) error { return fmt.Errorf("bearer: "+format, err) }
