package grant

import (
	"cmp"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/url"
)

// Callback reads the query with which the browser came back to RedirectURL, and
// returns the code to exchange. state is the one that was passed to
// AuthCodeURL, from the browser's session; pass "" if the session has none.
//
// The error is one of these, which [errors.Is] and [errors.As] find:
//   - [ErrStateMismatch], also if the query has no state;
//   - [ErrIssuerMismatch], if Server.Issuer is set and another server answered
//     (RFC 9207);
//   - [ErrAccessDenied], if the user declined;
//   - an [*Error] with another code of RFC 6749 section 4.1.2.1.
//
// A query that none of these describes is an error too.
func (a AuthorizationCode) Callback(query url.Values, state string) (code string, err error) {
	for name, values := range query {
		if len(values) > 1 {
			return "", fmt.Errorf("grant: the callback has %q twice, which RFC 6749 section 3.1 forbids; start again", printable(name, maxCode))
		}
	}
	// This comes first: without the right state, anyone may have sent the rest.
	if state == "" || subtle.ConstantTimeCompare([]byte(query.Get("state")), []byte(state)) != 1 {
		return "", ErrStateMismatch
	}
	if err := a.Server.checkIssuer(query); err != nil {
		return "", err
	}
	if refusal := query.Get("error"); refusal != "" {
		e := &Error{
			Code:        printable(refusal, maxCode),
			Description: printable(query.Get("error_description"), maxText),
			URI:         printable(query.Get("error_uri"), maxText),
		}
		return "", meaning(e, "access_denied", "the user declined, ask again only when the user wants to", ErrAccessDenied)
	}
	if code = query.Get(cmp.Or(a.Server.CodeParam, "code")); code == "" {
		return "", errors.New("grant: the callback has neither a code nor an error; check that Server.AuthURL is the authorization endpoint, and start again")
	}
	return code, nil
}

// checkIssuer compares the issuer in a callback with the expected one, which
// prevents a mix-up of two servers. A server that is not known to send its
// issuer may leave it out.
func (s Server) checkIssuer(query url.Values) error {
	switch issuer := query.Get("iss"); {
	case s.Issuer != "" && issuer == s.Issuer:
		return nil
	case !s.IssuerInCallback && (s.Issuer == "" || issuer == ""):
		return nil
	}
	return ErrIssuerMismatch
}
