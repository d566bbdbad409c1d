// Package oauthcode knows the error codes of OAuth 2.0.
package oauthcode

import (
	"net/http"

	"golang.org/x/oauth2"
)

// permanent are the codes after which the same request would be refused
// again. Codes that are missing here, server_error and temporarily_unavailable
// above all, may pass.
var permanent = map[string]bool{
	// RFC 6749 sections 4.1.2.1 and 5.2
	"invalid_request": true, "invalid_client": true, "invalid_grant": true, "unauthorized_client": true,
	"unsupported_grant_type": true, "invalid_scope": true, "access_denied": true, "unsupported_response_type": true,
	// RFC 8628 section 3.5
	"expired_token": true,
	// RFC 7009 section 2.2.1
	"unsupported_token_type": true,
	// RFC 8707 section 2
	"invalid_target": true,
	// OpenID Connect Core section 3.1.2.6
	"interaction_required": true, "login_required": true, "account_selection_required": true, "consent_required": true,
}

// transient are the codes that are no refusal: the request may succeed later,
// or has perhaps been processed.
var transient = map[string]bool{
	// RFC 6749 section 4.1.2.1, and so of some token endpoints
	"server_error": true, "temporarily_unavailable": true,
	// RFC 8628 section 3.5
	"authorization_pending": true, "slow_down": true,
}

// Transient reports whether code says that the server has not refused the
// request. It is false for unknown codes.
func Transient(code string) bool { return transient[code] }

// Permanent reports whether a server that refuses a request with code will
// refuse the same request again.
func Permanent(code string) bool { return permanent[code] }

// ErrLoginRequired says that only the user's consent can help. It is
// ErrLoginRequired of both the root package and package grant. As an
// [*oauth2.RetrieveError] it has the code "login_required".
var ErrLoginRequired error = loginRequired{}

type loginRequired struct{}

func (loginRequired) Error() string { return "login required: only the user's consent can help" }

func (loginRequired) As(target any) bool {
	retrieve, ok := target.(**oauth2.RetrieveError)
	if ok {
		*retrieve = &oauth2.RetrieveError{
			Response:         &http.Response{Header: http.Header{}, Body: http.NoBody},
			ErrorCode:        "login_required",
			ErrorDescription: "only the user's consent can help",
		}
	}
	return ok
}
