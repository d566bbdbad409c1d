package grant

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync/atomic"
)

// A lostError says that an exchange ended without an answer. It unwraps to the
// cause, and to what the server said in an earlier attempt.
type lostError struct {
	text   string
	cause  error
	before error // nil if the server said nothing
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

// MaybeSpent is like [Error.MaybeSpent].
func (e *lostError) MaybeSpent() bool { return e.spent }

func (e *lostError) Unwrap() []error {
	if e.before == nil {
		return []error{e.cause}
	}
	return []error{e.cause, e.before}
}

// failed returns the error of an exchange that go-retryablehttp ended with err.
func (x *exchange) failed(err error) error {
	var before error
	if x.said != nil { // a nil *Error in an error would not be nil
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

// lostAnswer returns the error of an attempt that brought no answer. Its text
// is made from the bare cause: *url.Error would print the URL with its query,
// and a transport's message may hold anything.
func (x *exchange) lostAnswer(cause, before error) error {
	var wrapped *url.Error
	if errors.As(cause, &wrapped) {
		cause = wrapped.Err
	}
	// A transport may return the cause of a context that has ended, which can
	// be any error.
	if ended := x.ctx.Err(); ended != nil && !errors.Is(cause, ended) && errors.Is(cause, context.Cause(x.ctx)) {
		cause = fmt.Errorf("%w: %w", ended, cause)
	}
	var timeout net.Error
	text := "grant: "
	switch {
	case errors.Is(cause, context.Canceled):
		text += "the request to " + x.host + " was cancelled"
	case x.unsent(cause):
		text += "cannot reach " + x.host
	case errors.Is(cause, context.DeadlineExceeded), errors.As(cause, &timeout) && timeout.Timeout():
		text += x.host + " timed out"
	case badTLS(cause):
		text += "the connection to " + x.host + " failed"
	default:
		text += "the answer of " + x.host + " was lost after the request had been sent"
	}
	spent := x.once != "" && !x.unsent(cause)
	if x.request.repeats(cause.Error()) {
		cause = &withheld{cause}
	}
	text += ": " + printable(cause.Error(), maxText)
	if spent {
		text += "; the " + x.once + " may have been spent, so it was not sent again"
	}
	return &lostError{text: text, cause: cause, before: before, spent: spent}
}

// A withheld error is a cause whose message repeats a secret. [errors.Is] sees
// the cause; [errors.As] does not, as its caller might print it.
type withheld struct{ cause error }

func (w *withheld) Error() string        { return redacted }
func (w *withheld) Is(target error) bool { return errors.Is(w.cause, target) }

// A connection is what httptrace says about the connection of one attempt. The
// hooks run in goroutines of the transport, some of which may outlive the
// attempt.
type connection struct{ asked, used atomic.Bool }

// trace returns the hooks. GotConn is enough for net/http, which calls it
// before it writes the first byte, in the goroutine of RoundTrip. The two Wrote
// hooks are for transports that do not call it.
func (c *connection) trace() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		GetConn:      func(string) { c.asked.Store(true) },
		GotConn:      func(httptrace.GotConnInfo) { c.used.Store(true) },
		WroteHeaders: func() { c.used.Store(true) },
		WroteRequest: func(httptrace.WroteRequestInfo) { c.used.Store(true) },
	}
}

// unsent reports whether the current attempt, which failed with err, cannot
// have reached the server: the transport asked for a connection and got none.
// A transport that fires no trace proves that only by the error of a dial, a
// lookup or a certificate, which precede every request on a connection. If in
// doubt, unsent is false.
func (x *exchange) unsent(err error) bool {
	if x.conn.used.Load() {
		return false
	}
	var (
		op          *net.OpError
		dns         *net.DNSError
		certificate *tls.CertificateVerificationError
	)
	return x.conn.asked.Load() ||
		errors.As(err, &op) && (op.Op == "dial" || op.Op == "proxyconnect") ||
		errors.As(err, &dns) || errors.As(err, &certificate)
}

// badTLS reports whether the other side does not speak TLS or failed to prove
// its identity. Another attempt would end in the same way.
func badTLS(err error) bool {
	var (
		certificate *tls.CertificateVerificationError
		record      tls.RecordHeaderError
	)
	return errors.As(err, &certificate) || errors.As(err, &record) || errors.Is(err, http.ErrSchemeMismatch)
}
