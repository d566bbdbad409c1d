package grant

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
)

// lostError says that an exchange ended without an answer. It unwraps to the cause, and to what
// the server said in an earlier attempt.
type lostError struct {
	text   string
	cause  error
	before error // nil if there was nothing
	spent  bool  // see MaybeSpent
}

func (e *lostError) Error() string {
	if e.before == nil {
		return e.text
	}
	return e.text + "; before that: " + strings.TrimPrefix(e.before.Error(), "grant: ")
}

// Temporary is always true: the next attempt may find a better network.
func (e *lostError) Temporary() bool { return true }

// MaybeSpent is as [Error.MaybeSpent].
func (e *lostError) MaybeSpent() bool { return e.spent }

func (e *lostError) Unwrap() []error {
	if e.before == nil {
		return []error{e.cause}
	}
	return []error{e.cause, e.before}
}

// failed gives the error of an exchange that go-retryablehttp ended with err.
func (x *exchange) failed(err error) error {
	var before error
	if x.said != nil { // else a nil *Error would be an error
		before = x.said
	}
	switch ended := x.ctx.Err(); {
	case x.pausing && ended != nil && errors.Is(err, ended):
		if x.lost != nil {
			before = x.lostAnswer(x.lost, before)
		}
		return &lostError{text: "grant: gave up on " + x.host + ": " + ended.Error(), cause: ended, before: before}
	case x.unauthenticated:
		return &lostError{text: err.Error(), cause: err, before: before}
	}
	return x.lostAnswer(err, before)
}

// lostAnswer makes an error of an attempt that brought no answer. Its text is made from the bare
// cause: *url.Error would print the URL with its query, and a transport's own words may hold
// anything.
func (x *exchange) lostAnswer(cause, before error) error {
	var wrapped *url.Error
	if errors.As(cause, &wrapped) {
		cause = wrapped.Err
	}
	// A transport may give the cause of a context that has ended, and that can be any error.
	if ended := x.ctx.Err(); ended != nil && !errors.Is(cause, ended) && errors.Is(cause, context.Cause(x.ctx)) {
		cause = fmt.Errorf("%w: %w", ended, cause)
	}
	var timeout net.Error
	text := "grant: "
	switch {
	case unsent(cause):
		text += "cannot reach " + x.host
	case errors.Is(cause, context.Canceled):
		text += "the request to " + x.host + " was cancelled"
	case errors.Is(cause, context.DeadlineExceeded), errors.As(cause, &timeout) && timeout.Timeout():
		text += x.host + " timed out"
	default:
		text += "the answer of " + x.host + " was lost after the request had been sent"
	}
	spent := x.once != "" && !unsent(cause)
	if x.request.repeats(cause.Error()) {
		cause = &withheld{cause}
	}
	text += ": " + printable(cause.Error(), maxText)
	if spent {
		text += "; the " + x.once + " may have been spent, so it was not sent again"
	}
	return &lostError{text: text, cause: cause, before: before, spent: spent}
}

// withheld is a cause whose words have a secret in them. [errors.Is] sees it; [errors.As] does not,
// for whoever gets it may print it.
type withheld struct{ cause error }

func (w *withheld) Error() string        { return redacted }
func (w *withheld) Is(target error) bool { return errors.Is(w.cause, target) }

// unsent reports whether err means that the request cannot have reached the server, because
// there was never a connection to it. In doubt it is false.
func unsent(err error) bool {
	var (
		op  *net.OpError
		dns *net.DNSError
	)
	return errors.As(err, &op) && (op.Op == "dial" || op.Op == "proxyconnect") || errors.As(err, &dns) || badTLS(err)
}

// badTLS reports whether the server failed to prove who it is. Another attempt would find the
// same certificate.
func badTLS(err error) bool {
	var (
		certificate *tls.CertificateVerificationError
		record      tls.RecordHeaderError
	)
	return errors.As(err, &certificate) || errors.As(err, &record) || errors.Is(err, http.ErrSchemeMismatch)
}
