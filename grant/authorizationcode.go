package grant

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"golang.org/x/oauth2"
)

// AuthorizationCode gets tokens in the name of a user who consents in a browser (RFC 6749
// section 4.1), always with PKCE (RFC 7636) unless that is turned off. A login is three steps:
//
//	verifier := oauth2.GenerateVerifier()          // one per login, kept in the user's session
//	u, err := flow.AuthCodeURL(state, verifier)    // send the browser there
//	code, err := flow.Callback(r.URL.Query(), state)
//	token, err := flow.Exchange(ctx, code, verifier)
//
// It is a bearer.Source and a bearer.Refresher: Token cannot do anything without the user and
// gives [ErrLoginRequired], Refresh redeems the refresh token.
type AuthorizationCode struct {
	Server   Server     // AuthURL and TokenURL are required
	ClientID string     // empty: the ID of Auth
	Auth     ClientAuth // nil: None, for a public client

	RedirectURL string     // where the browser comes back to; required for a login, exactly as it is registered
	Scopes      []string   // empty: what the server gives by default
	Audience    string     // for servers that want to know what the token is for, such as Auth0
	Resource    []string   // the same by RFC 8707: absolute URLs
	Params      url.Values // further parameters of the authorization URL, such as prompt

	// NoPKCE leaves PKCE out, for a server that refuses its parameters. A public client has
	// nothing else to protect its code with and gets an error.
	NoPKCE bool
}

// AuthCodeURL gives the URL to send the user's browser to. state is a random value that is bound
// to the browser, such as a cookie's, and verifier is one of [oauth2.GenerateVerifier]; each is
// for one login only. With NoPKCE the verifier is not used.
func (a AuthorizationCode) AuthCodeURL(state, verifier string) (string, error) {
	u, err := a.Server.endpoint("Server.AuthURL", a.Server.AuthURL)
	if err != nil {
		return "", err
	}
	id, _, err := a.client()
	if err != nil {
		return "", err
	}
	if state == "" {
		return "", errors.New("grant: AuthCodeURL: state is empty; give a random one that is bound to the browser")
	}
	query, err := url.ParseQuery(u.RawQuery) // the server's own are kept, RFC 6749 section 3.1
	if err != nil {
		return "", errors.New("grant: Server.AuthURL has a query that cannot be parsed")
	}
	if err := a.target().add(query); err != nil {
		return "", err
	}
	if err := a.checkLogin(verifier); err != nil {
		return "", err
	}
	for name, value := range map[string]string{
		"response_type": "code", "client_id": id, "redirect_uri": a.RedirectURL, "state": state,
	} {
		query.Set(name, value)
	}
	if !a.NoPKCE {
		query.Set("code_challenge", oauth2.S256ChallengeFromVerifier(verifier))
		query.Set("code_challenge_method", "S256")
	}
	// Spaces as %20: some servers do not take the plus sign of forms for one.
	u.RawQuery = strings.ReplaceAll(query.Encode(), "+", "%20")
	return u.String(), nil
}

// Exchange spends the code that [AuthorizationCode.Callback] gave, with the verifier of the same
// login. It is sent once, unless the server cannot have seen it. A code that is no good any more
// is [ErrCodeExpired], other refusals are an [*Error].
func (a AuthorizationCode) Exchange(ctx context.Context, code, verifier string) (*oauth2.Token, error) {
	_, auth, err := a.client()
	if err != nil {
		return nil, err
	}
	if code == "" {
		return nil, errors.New("grant: Exchange: code is empty; give the one from Callback")
	}
	if err := a.checkLogin(verifier); err != nil {
		return nil, err
	}
	params := url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {a.RedirectURL}}
	if !a.NoPKCE {
		params.Set("code_verifier", verifier)
	}
	if len(a.Resource) > 0 {
		params["resource"] = a.Resource
	}
	token, err := a.Server.redeem(ctx, auth, params, "authorization code")
	return token, meaning(err, "invalid_grant",
		"the code has expired, was used before, or belongs to another verifier or redirect URL; send the user to AuthCodeURL again",
		ErrCodeExpired, ErrLoginRequired)
}

// Token gives [ErrLoginRequired]: there is no token without a user.
func (a AuthorizationCode) Token(context.Context) (*oauth2.Token, error) {
	return nil, ErrLoginRequired
}

// Refresh redeems prev's refresh token (RFC 6749 section 6). The token that comes back has the new
// refresh token if the server gave one, else the old one. If the server refuses it, the error is
// both [ErrLoginRequired] and an [*Error] with the code invalid_grant. It is sent once, unless the
// server cannot have seen it: a refresh token that rotates is spent by an answer that was lost, and
// to use it again may revoke everything that came of it (RFC 9700 section 4.14.2).
func (a AuthorizationCode) Refresh(ctx context.Context, prev *oauth2.Token) (*oauth2.Token, error) {
	_, auth, err := a.client()
	if err != nil {
		return nil, err
	}
	return a.Server.refresh(ctx, auth, prev, a.Resource)
}

// Revoke makes the server forget a token, see [Server.Revoke].
func (a AuthorizationCode) Revoke(ctx context.Context, token, hint string) error {
	_, auth, err := a.client()
	if err != nil {
		return err
	}
	return a.Server.Revoke(ctx, auth, token, hint)
}

func (a AuthorizationCode) target() target {
	return target{a.Scopes, a.Audience, a.Resource, a.Params}
}

func (a AuthorizationCode) client() (string, ClientAuth, error) {
	return client("AuthorizationCode", a.ClientID, a.Auth)
}

// client gives the client's id and how it authenticates, when either may be left out.
func client(kind, id string, auth ClientAuth) (string, ClientAuth, error) {
	if auth == nil {
		auth = None{ID: id}
	}
	if err := nilInside(kind+".Auth", auth); err != nil {
		return "", nil, fmt.Errorf("grant: %w", err)
	}
	if named, ok := auth.(interface{ clientID() string }); ok {
		switch other := named.clientID(); {
		case id == "":
			id = other
		case other != id && other != "":
			return "", nil, fmt.Errorf("grant: %s.ClientID is %q and Auth's ID is %q; set one", kind, id, other)
		}
	}
	if id == "" {
		return "", nil, fmt.Errorf("grant: %s.ClientID is empty; set it or Auth's ID", kind)
	}
	return id, auth, nil
}

// checkLogin checks what both steps of a login send. A server may do without RedirectURL if only
// one is registered, but it is what servers compare exactly (RFC 9700 section 4.1.3), so it is
// always said. The verifier is held to RFC 7636 section 4.1: one that is too short can be guessed.
func (a AuthorizationCode) checkLogin(verifier string) error {
	if a.RedirectURL == "" {
		return errors.New("grant: AuthorizationCode.RedirectURL is empty; set it to the one that is registered")
	}
	if a.NoPKCE {
		switch a.Auth.(type) {
		case nil, None, *None:
			return errors.New("grant: AuthorizationCode.NoPKCE is set for a public client; remove it")
		}
		return nil
	}
	const unreserved = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~"
	if len(verifier) < 43 || len(verifier) > 128 || strings.Trim(verifier, unreserved) != "" {
		return errors.New("grant: the verifier is not 43 to 128 characters of RFC 7636; use oauth2.GenerateVerifier")
	}
	return nil
}
