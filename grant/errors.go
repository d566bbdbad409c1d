package grant

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"golang.org/x/oauth2"

	"example.com/bearer/internal/oauthcode"
)

// An Error is an answer of the authorization server other than the one that was
// asked for: an error of RFC 6749 section 5.2, another status, or a body that
// cannot be used. It holds no secret: text from the server that repeats one, or
// a part of one, is withheld.
//
// [errors.As] finds an [*oauth2.RetrieveError] in it, so that code written for
// that package continues to work. Its Body is empty, and its header holds at
// most Retry-After and Content-Type; the latter is text/html whenever the body
// was HTML, and absent if there was no body.
type Error struct {
	Status      int           // the HTTP status; 0 if the error came through the browser, in a callback
	Code        string        // the server's error code, such as "invalid_grant"; "" if it sent none
	Description string        // the server's text for developers; shortened, invisible characters removed
	URI         string        // a page about the error, if the server named one
	RetryAfter  time.Duration // how long the server asked not to be called; 0 if it did not ask

	from        string // scheme and host that answered
	endpoint    string // the URL that answered, without query, and the field that holds it
	contentType string // see As
	problem     string // what is wrong with an answer that has no code
	hint        string // what to do about it, if known
	superseded  func(context.Context) bool
	spent       bool // see MaybeSpent
}

// Error returns one line, without secrets.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("grant: ")
	from := e.from
	if e.Code == "" && e.endpoint != "" { // perhaps no OAuth endpoint, so say which one was meant
		from = e.endpoint
	}
	switch {
	case e.Status == 0: // from a callback, or made by this package
		b.WriteString("refused:")
	case from == "":
		fmt.Fprintf(&b, "answered %d", e.Status)
	default:
		fmt.Fprintf(&b, "%s answered %d", from, e.Status)
	}
	switch {
	case isWord(e.Code):
		b.WriteString(" " + e.Code)
	case e.Code != "":
		fmt.Fprintf(&b, " %q", e.Code)
	}
	if e.Description != "" {
		fmt.Fprintf(&b, " %q", e.Description)
	}
	if e.URI != "" {
		fmt.Fprintf(&b, " (see %q)", e.URI)
	}
	if e.problem != "" {
		b.WriteString(": " + e.problem)
	}
	if e.hint != "" {
		b.WriteString("; " + e.hint)
	}
	return b.String()
}

// isWord reports whether code looks like the error codes of the RFCs. Anything
// else is quoted, lest a server write the rest of our sentence.
func isWord(code string) bool {
	return code != "" && strings.Trim(code, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.") == ""
}

// Temporary reports whether the same request may succeed later. It is false for
// an error code that refuses the request permanently, unless the status says that
// the server failed (5xx), redirects (3xx), or ran out of time or patience
// (408, 429); and for 404, 405 and 410, since there is no token endpoint at
// that URL. Other answers without a code are temporary: a bare 403 may be a
// firewall's.
func (e *Error) Temporary() bool {
	switch e.Status {
	case http.StatusRequestTimeout, http.StatusTooManyRequests:
		return true
	case http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusGone:
		return false
	}
	return e.Status >= 500 || e.Status/100 == 3 || !oauthcode.Permanent(e.Code)
}

// Superseded reports whether SecretFunc now returns another secret than the one
// that was refused. If so, invalid_client is not final: try again. It calls
// SecretFunc. It is false if there is none, or if it fails.
func (e *Error) Superseded(ctx context.Context) bool {
	return e.Code == "invalid_client" && e.superseded != nil && e.superseded(ctx)
}

// MaybeSpent reports whether the request held a refresh token or another
// credential that can be used once, and the server may have used it up although
// it did not answer with a token: after a 500, say, or half an answer. A 503
// proves the contrary only with Retry-After or the code
// temporarily_unavailable. Sending the credential again may look like theft to
// the server (RFC 9700 section 4.14.2), so a bearer.Cache does that only when
// nothing else is left.
func (e *Error) MaybeSpent() bool { return e.spent }

// As is for [errors.As]: it fills in an [*oauth2.RetrieveError]. An answer with
// a 2xx status and no error code is not one in that package either.
func (e *Error) As(target any) bool {
	retrieve, ok := target.(**oauth2.RetrieveError)
	if !ok || e.Code == "" && e.Status/100 == 2 {
		return false
	}
	header := http.Header{}
	if e.RetryAfter > 0 {
		seconds := int64((e.RetryAfter + time.Second - 1) / time.Second) // never earlier than asked
		header.Set("Retry-After", strconv.FormatInt(seconds, 10))
	}
	if e.contentType != "" {
		header.Set("Content-Type", e.contentType)
	}
	*retrieve = &oauth2.RetrieveError{
		Response: &http.Response{
			Status:     strings.TrimSpace(strconv.Itoa(e.Status) + " " + http.StatusText(e.Status)),
			StatusCode: e.Status,
			Header:     header,
			Body:       http.NoBody, // already read, but callers may close it
		},
		ErrorCode:        e.Code,
		ErrorDescription: e.Description,
		ErrorURI:         e.URI,
	}
	return true
}
