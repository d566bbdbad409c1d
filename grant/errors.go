package grant

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/oauth2"
)

// Error is an answer of the authorization server that is not what was asked for: an error of
// RFC 6749 section 5.2, another status, or something that is no answer at all. It holds no
// secret: text of the server that repeats one is withheld.
//
// [errors.As] finds an [*oauth2.RetrieveError] in it, so that code written for that package
// goes on to work. That one's Body is empty, and of the headers it has only Retry-After.
type Error struct {
	Status      int           // the HTTP status; 0 if the error came by the browser, in a callback
	Code        string        // the server's error code, such as "invalid_grant"; "" if it sent none
	Description string        // the server's words for a developer; shortened, control characters removed
	URI         string        // a page about the error, if the server named one
	RetryAfter  time.Duration // how long the server asked to be left alone; 0 if it did not ask

	from       string // scheme and host that answered
	problem    string // what is wrong with an answer that has no code
	hint       string // what to do about it, where that is known
	superseded func(context.Context) bool
	spent      bool // see MaybeSpent
}

// Error gives one line, without secrets.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("grant: ")
	switch {
	case e.Status == 0: // a callback's, or one of our own
		b.WriteString("refused:")
	case e.from == "":
		fmt.Fprintf(&b, "answered %d", e.Status)
	default:
		fmt.Fprintf(&b, "%s answered %d", e.from, e.Status)
	}
	if e.Code != "" {
		b.WriteString(" " + e.Code)
	}
	if e.Description != "" {
		fmt.Fprintf(&b, " %q", e.Description)
	}
	if e.URI != "" {
		b.WriteString(" (see " + e.URI + ")")
	}
	if e.problem != "" {
		b.WriteString(": " + e.problem)
	}
	if e.hint != "" {
		b.WriteString("; " + e.hint)
	}
	return b.String()
}

// permanent are the codes after which the same request would be refused again. What is missing
// here, server_error and temporarily_unavailable above all, may pass.
var permanent = []string{
	"invalid_request", "invalid_client", "invalid_grant", "unauthorized_client", // RFC 6749 section 5.2
	"unsupported_grant_type", "invalid_scope", "access_denied", "unsupported_response_type",
	"expired_token",                                                                            // RFC 8628 section 3.5
	"invalid_target",                                                                           // RFC 8707 section 2
	"unsupported_token_type",                                                                   // RFC 7009 section 2.2.1
	"login_required", "consent_required", "interaction_required", "account_selection_required", // OpenID Connect Core section 3.1.2.6
}

// Temporary reports whether the same request may work later. It is false only for an error code
// that the server sent and that says no: a bare 403 may be a firewall's, and a 400 that came with
// HTML is nobody's decision.
func (e *Error) Temporary() bool {
	return e.Status >= 500 || e.Status == http.StatusTooManyRequests || !slices.Contains(permanent, e.Code)
}

// Superseded reports whether the client's secret, which comes from a SecretFunc, is now another
// one than the one that was refused. Then invalid_client is not the last word: ask again. It
// calls SecretFunc; it is false when there is none, or when it fails.
func (e *Error) Superseded(ctx context.Context) bool {
	return e.Code == "invalid_client" && e.superseded != nil && e.superseded(ctx)
}

// MaybeSpent reports whether the request had a refresh token, or something else that can be used
// once, and the server may have used it up although it did not answer with a token: a 500, say, or
// half an answer. Sending it again may look like theft to the server (RFC 9700 section 4.14.2), so
// a bearer.Cache does that only when nothing else is left.
func (e *Error) MaybeSpent() bool { return e.spent }

// As is for [errors.As]: it fills in an [*oauth2.RetrieveError]. Answers with a 2xx status and no
// error code are none for that package either.
func (e *Error) As(target any) bool {
	retrieve, ok := target.(**oauth2.RetrieveError)
	if !ok || e.Code == "" && e.Status/100 == 2 {
		return false
	}
	*retrieve = retrieveError(e.Status, e.Code, e.Description, e.URI)
	if e.RetryAfter > 0 {
		seconds := int64((e.RetryAfter + time.Second - 1) / time.Second) // never earlier than asked
		(*retrieve).Response.Header.Set("Retry-After", strconv.FormatInt(seconds, 10))
	}
	return true
}

func retrieveError(status int, code, description, uri string) *oauth2.RetrieveError {
	return &oauth2.RetrieveError{
		Response: &http.Response{
			Status:     strings.TrimSpace(strconv.Itoa(status) + " " + http.StatusText(status)),
			StatusCode: status,
			Header:     http.Header{},
			Body:       http.NoBody, // read and gone, but callers may close it
		},
		ErrorCode:        code,
		ErrorDescription: description,
		ErrorURI:         uri,
	}
}
