package bearer

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
	"time"

	"golang.org/x/oauth2"

	"example.com/bearer/internal/mistake"
	"example.com/bearer/internal/oauthcode"
	"example.com/bearer/internal/retryafter"
)

// A failureKind says what a failed refresh means for the next one.
type failureKind int

const (
	// sick: the endpoint did not answer, or not as one that is healthy. Its
	// outage says when it is asked again.
	sick failureKind = iota

	// refusal: the server answered, and the answer was no. The same request
	// will probably meet it again.
	refusal

	// brokeOff: the Source or the Store panicked, or the work was cancelled.
	brokeOff

	// storeOut: the Store was needed, and is out of order. The endpoint was not
	// asked.
	storeOut

	// unfinished: another process began the refresh and did not end it. Nothing
	// has failed in this one.
	unfinished

	// breakerOpen: a Breaker let nothing through.
	breakerOpen
)

// kindOf judges what a Source returned. Without evidence that the server
// answered, the endpoint counts as sick: the next attempt may find it well.
func kindOf(err error) failureKind {
	switch {
	case mistake.Is(err):
		return refusal
	case errors.Is(err, errBrokeOff), cancelled(err):
		return brokeOff
	}
	if te, ok := errors.AsType[*TokenError](err); ok && te.RetryAfter > 0 {
		return breakerOpen // a Cache as the Source; it has made its own attempts
	}
	if notAsked(err) {
		return sick // whatever the endpoint answered earlier
	}
	if re, ok := errors.AsType[*oauth2.RetrieveError](err); ok {
		if status := statusOf(re); status/100 == 4 || refusesWith200(re) || status == 0 && oauthcode.Permanent(re.ErrorCode) {
			if status == http.StatusRequestTimeout || status == http.StatusTooManyRequests {
				return sick
			}
			return refusal
		}
		return sick
	}
	if permanentByItsWord(err) {
		return refusal
	}
	return sick
}

// refusesWith200 reports whether a server refused the request with an error
// code and a 2xx status, as GitHub does.
func refusesWith200(re *oauth2.RetrieveError) bool {
	return statusOf(re)/100 == 2 && re.ErrorCode != "" && !oauthcode.Transient(re.ErrorCode)
}

// permanentByItsWord reports whether err has a method Temporary that says that
// asking again is pointless. Those of package net do not count: they say so of
// a refused connection.
func permanentByItsWord(err error) bool {
	t, ok := errors.AsType[interface {
		error
		Temporary() bool
	}](err)
	var netErr net.Error
	return ok && !t.Temporary() && !errors.As(err, &netErr)
}

// A pauseError says that the endpoint was not asked, because it failed with
// last a moment ago.
type pauseError struct{ last error }

func (e *pauseError) Error() string { return e.last.Error() }
func (e *pauseError) Unwrap() error { return e.last }

// notAsked reports whether err says that nothing was sent. What it wraps is
// then an answer to an earlier request.
func notAsked(err error) bool {
	_, paused := errors.AsType[*pauseError](err)
	return paused || errors.Is(err, ErrBreakerOpen)
}

// needsLogin reports whether only the user's consent can help.
func needsLogin(err error) bool {
	return errors.Is(err, ErrLoginRequired) || codeOf(err) == "login_required"
}

// statusOf is the status of the server's answer; 0 if there was none.
func statusOf(re *oauth2.RetrieveError) int {
	if re.Response == nil {
		return 0
	}
	return re.Response.StatusCode
}

// refusesGrant reports whether the server refused the refresh token that it
// was sent (RFC 6749 section 5.2). Only a 4xx counts: a server error is an
// accident, whatever its body says, and with a 2xx the code and the status
// contradict each other, so the refresh token is tried again.
func refusesGrant(err error) bool {
	re, ok := errors.AsType[*oauth2.RetrieveError](err)
	return ok && re.ErrorCode == "invalid_grant" && kindOf(err) == refusal && !refusesWith200(re)
}

// mayRefuseGrant reports whether the server perhaps refused the refresh token:
// with invalid_grant and a 2xx, or with 400, 401 or a 2xx and a code that no RFC
// knows, such as GitHub's bad_refresh_token, or with 400 or 401 and no code at
// all, unless the answer is a page for people, which comes from a gateway. Other
// statuses are about the URL or the client, whatever their JSON calls them.
func mayRefuseGrant(err error) bool {
	re, ok := errors.AsType[*oauth2.RetrieveError](err)
	if !ok || re.Response == nil || kindOf(err) != refusal {
		return false
	}
	status := re.Response.StatusCode
	usual := status == http.StatusBadRequest || status == http.StatusUnauthorized
	switch re.ErrorCode {
	case "":
		return usual && !strings.Contains(re.Response.Header.Get("Content-Type"), "html")
	case "invalid_grant":
		return refusesWith200(re)
	}
	return (usual || refusesWith200(re)) && !oauthcode.Permanent(re.ErrorCode) && !oauthcode.Transient(re.ErrorCode)
}

// maybeSpent reports whether a refresh that failed with err may have used up
// the refresh token, with the successor lost. It is false only on evidence that
// the server did not process the request: nothing was sent, or the answer was a
// 4xx, a redirect, a refusal with a 2xx status, or a 503 that says so. A 503
// alone says nothing: gateways answer it after an upstream time-out.
func maybeSpent(err error) bool {
	if notAsked(err) {
		return false
	}
	if s, ok := errors.AsType[interface {
		error
		MaybeSpent() bool
	}](err); ok {
		return s.MaybeSpent()
	}
	if re, ok := errors.AsType[*oauth2.RetrieveError](err); ok {
		switch status := statusOf(re); {
		case status == http.StatusServiceUnavailable:
			return re.ErrorCode != "temporarily_unavailable" && re.Response.Header.Get("Retry-After") == ""
		default:
			return status/100 == 5 || status/100 == 2 && !refusesWith200(re)
		}
	}
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "dial" {
		return false
	}
	var dns *net.DNSError
	return !errors.As(err, &dns)
}

// supersedable is err as one that can tell whether the client's secret, which
// the server refused, is another one by now. Errors of package grant can.
func supersedable(err error) interface{ Superseded(context.Context) bool } {
	s, ok := errors.AsType[interface {
		error
		Superseded(context.Context) bool
	}](err)
	if !ok || codeOf(err) != "invalid_client" {
		return nil
	}
	return s
}

// codeOf is the error code of an OAuth error, else "".
func codeOf(err error) string {
	if re, ok := errors.AsType[*oauth2.RetrieveError](err); ok {
		return re.ErrorCode
	}
	return ""
}

// retryAfter is the pause that the server asked for with a Retry-After header
// (RFC 9110 section 10.2.3), or that an inner Cache named; zero without one.
func retryAfter(err error, now time.Time) time.Duration {
	if te, ok := errors.AsType[*TokenError](err); ok {
		return te.RetryAfter
	}
	re, ok := errors.AsType[*oauth2.RetrieveError](err)
	if !ok || re.Response == nil || notAsked(err) {
		return 0
	}
	d, _ := retryafter.Parse(re.Response.Header, now)
	return min(d, longestRetryAfter)
}
