package grant

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"net/url"
)

// Callback reads the query with which the browser came back to RedirectURL, and gives the code to
// exchange. state is the one that AuthCodeURL was given, from where the browser's session keeps
// it; empty when there is none any more.
//
// The errors, all but the last to be told apart with [errors.Is]: [ErrStateMismatch];
// [ErrIssuerMismatch], if Server.Issuer is set and another server answered (RFC 9207);
// [ErrAccessDenied] when the user declined; an [*Error] with another code of RFC 6749 section
// 4.1.2.1.
func (a AuthorizationCode) Callback(query url.Values, state string) (code string, err error) {
	for name, values := range query {
		if len(values) > 1 {
			return "", fmt.Errorf("grant: the callback has %q twice, which RFC 6749 section 3.1 forbids; start again", printable(name, maxCode))
		}
	}
	// First of all: whatever else the query says may be somebody else's.
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
	if code = query.Get("code"); code == "" {
		return "", errors.New("grant: the callback has neither a code nor an error; check that Server.AuthURL is the authorization endpoint, and start again")
	}
	return code, nil
}

// checkIssuer compares the server's name in a callback with the one that is expected, which foils
// a mix-up of two servers. A server that is not known to send its name need not.
func (s Server) checkIssuer(query url.Values) error {
	switch issuer := query.Get("iss"); {
	case s.Issuer != "" && issuer == s.Issuer:
		return nil
	case !s.IssuerInCallback && (s.Issuer == "" || issuer == ""):
		return nil
	}
	return ErrIssuerMismatch
}
