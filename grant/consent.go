package grant

import (
	"errors"

	"example.com/bearer/internal/oauthcode"
)

// ErrLoginRequired means that no retry and no new secret can help, only a user
// who consents: there was no login yet, or the refresh token has been revoked,
// has expired or was used before. Test for it with [errors.Is]. An
// [*oauth2.RetrieveError] in it has the code "login_required", unless the server
// named its own.
var ErrLoginRequired = oauthcode.ErrLoginRequired

var (
	// ErrStateMismatch means that a callback does not belong to the login that
	// this browser started. Someone may have sent the user here with their own
	// code (RFC 6749 section 10.12). Drop it and let the user start again.
	ErrStateMismatch = errors.New("grant: state mismatch: this callback does not belong to the login that was started here; start again")

	// ErrIssuerMismatch means that another server answered than the expected
	// one (RFC 9207, RFC 8414 section 3.3). Do not use what it sent.
	ErrIssuerMismatch = errors.New("grant: issuer mismatch: the answer is another server's; check Server.Issuer")

	// ErrAccessDenied means that the user declined. Ask again only when the
	// user wants to.
	ErrAccessDenied = errors.New("grant: access denied: the user declined; ask again only when the user wants to")

	// ErrCodeExpired means that an authorization code or a device code has
	// expired, or was used before. An authorization code lives for about a
	// minute, and both can be used only once. Let the user log in again, and
	// exchange the code at once.
	ErrCodeExpired = errors.New("grant: the code has expired or was used before; log in again")
)

// consentError is a refusal of the server, together with what it means.
type consentError struct {
	refusal *Error
	means   []error
}

func (e *consentError) Error() string { return e.refusal.Error() }

// Unwrap returns the server's error first, so that [errors.As] finds its code.
func (e *consentError) Unwrap() []error { return append([]error{e.refusal}, e.means...) }

// meaning adds to err what it means and what to do, if err is a lasting refusal
// with that code.
func meaning(err error, code, hint string, means ...error) error {
	var refusal *Error
	if !errors.As(err, &refusal) || refusal.Code != code || refusal.Temporary() {
		return err
	}
	explained := *refusal
	explained.hint = hint
	return &consentError{refusal: &explained, means: means}
}
