package bearer

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/oauth2"

	"example.com/bearer/internal/mistake"
	"example.com/bearer/internal/oauthcode"
)

// The errors to branch on, with [errors.Is].
var (
	// ErrNotFound is what a [Store] returns when it holds nothing under a key.
	ErrNotFound = errors.New("bearer: not found in the store")

	// ErrChanged is what a [Swapper] returns when the value is not the one that
	// was to be replaced.
	ErrChanged = errors.New("bearer: the stored value has changed meanwhile")

	// ErrInsecure is returned by [Transport] for a request that would send a
	// token in plaintext (RFC 6750 section 5.3). See [Transport.InsecureAllowHTTP].
	ErrInsecure = errors.New("bearer: refusing to send a token in plaintext")

	// ErrBreakerOpen is in a [TokenError] when the [Breaker] lets no request
	// through to the token endpoint.
	ErrBreakerOpen = errors.New("bearer: circuit breaker is open")

	// ErrNoKey is in a [TokenError] when a request has no credential: because
	// [Transport.CacheFor] returned a nil Cache, or because nothing names the
	// key of one in package pool.
	ErrNoKey = mistake.New("bearer: the request has no credential: Transport.CacheFor returned no Cache, or no key is set")

	// ErrLoginRequired is in a [TokenError] when only the user's consent can
	// help: there was no login yet, or the refresh token has expired, was
	// revoked or was used before. It is the same value as ErrLoginRequired of
	// package grant.
	ErrLoginRequired = oauthcode.ErrLoginRequired
)

// loginRequired returns err, a refusal of the refresh token, as one that is
// ErrLoginRequired too.
func loginRequired(err error) error {
	if errors.Is(err, ErrLoginRequired) {
		return err
	}
	return &loginError{err}
}

type loginError struct{ refusal error }

func (e *loginError) Error() string {
	return describe(e.refusal) + "; the user has to log in again"
}

func (e *loginError) Unwrap() []error { return []error{e.refusal, ErrLoginRequired} }

// A TokenError says that no token could be had, and so that no request was
// sent. It holds no secret.
type TokenError struct {
	// Err is the cause: what the [Source] returned, the error of a context
	// that ended, or [ErrBreakerOpen] with the failure that opened it.
	Err error

	// RetryAfter is how long to wait before the next attempt; until then
	// callers get the same error at once. Zero: not known, or waiting does not
	// help.
	RetryAfter time.Duration
}

// Error returns one line, without secrets.
func (e *TokenError) Error() string {
	msg := "bearer: no token: " + describe(e.Err)
	if d := e.RetryAfter.Round(time.Millisecond); d > 0 && e.Temporary() {
		msg += fmt.Sprintf(" (try again in %v)", d)
	}
	return msg
}

// Unwrap returns the cause.
func (e *TokenError) Unwrap() error { return e.Err }

// Timeout reports whether a deadline ended the waiting, as net.Error has it:
// url.Error.Timeout asks.
func (e *TokenError) Timeout() bool { return errors.Is(e.Err, context.DeadlineExceeded) }

// Temporary reports whether a later attempt may succeed without anything else
// being changed. Retry policies ask for it.
func (e *TokenError) Temporary() bool {
	return !errors.Is(e.Err, ErrLoginRequired) && kindOf(e.Err) != refusal
}

// describe is err's text, without another prefix of ours.
func describe(err error) string {
	if err == nil {
		return "unknown cause"
	}
	return strings.TrimPrefix(err.Error(), "bearer: ")
}

// shortestSecret is the length below which the body of an answer holds no
// secret, but may well be a part of any text.
const shortestSecret = 16

// withoutBody returns err with a text that does not have the body of the token
// endpoint's answer, which golang.org/x/oauth2 prints and which can hold a
// token. It is applied to what a Source returns, before anything is made of it.
func withoutBody(err error) error {
	re, ok := errors.AsType[*oauth2.RetrieveError](err)
	switch {
	case !ok:
		return err
	case re.Response == nil && re.ErrorCode == "": // its Error panics
		return &wrapped{"the Source returned an empty oauth2.RetrieveError", err}
	case len(re.Body) == 0:
		return err
	}
	bare := *re
	bare.Body = []byte("(body withheld)")
	text := strings.ReplaceAll(err.Error(), re.Error(), bare.Error())
	if len(re.Body) >= shortestSecret { // in the text of what wraps re
		text = strings.ReplaceAll(text, string(re.Body), string(bare.Body))
	}
	return &wrapped{text, err}
}

// errorf is because with the package's prefix: once, in front.
func errorf(text string, err error) error { return because("bearer: "+text, err) }

// because returns err with text before its own, which loses our prefix there.
func because(text string, err error) error { return &wrapped{text + ": " + describe(err), err} }

type wrapped struct {
	text string
	err  error
}

func (w *wrapped) Error() string { return w.text }
func (w *wrapped) Unwrap() error { return w.err }
