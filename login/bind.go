package login

import (
	"cmp"
	"errors"
	"net/url"
	"strings"

	"example.com/bearer/internal/origin"
)

// bind names what a pending login belongs to: its state, the authorization
// server, the client and the redirect URL. The login's cookie is sealed with
// it, so that only a Handler for the same server, client and redirect URL
// accepts the login, whichever Handlers share the Key. Otherwise a malicious
// server could have the code of an honest one redeemed at its own token
// endpoint (RFC 9700 section 4.4), or log the user in as someone else.
//
// The server is the origin and path of authURL. Other parameters, such as the
// scope, may change while a login is under way. redirectURL stands in if
// authURL does not contain the redirect URL.
func bind(state, authURL, redirectURL string) (string, error) {
	u, err := url.Parse(authURL)
	if err != nil {
		// The parser's error would quote the URL, which contains the state.
		return "", errors.New("login: Flow.AuthCodeURL returned a URL that cannot be parsed; check the grant's authorization endpoint")
	}
	query := u.Query()
	return url.Values{
		"state":        {state},
		"server":       {u.Scheme, strings.ToLower(u.Hostname()), origin.Port(u), u.EscapedPath()},
		"client_id":    {query.Get("client_id")},
		"redirect_uri": {cmp.Or(query.Get("redirect_uri"), redirectURL)},
	}.Encode(), nil
}
