package grant

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"golang.org/x/oauth2"

	"example.com/bearer/internal/mistake"
)

// AuthorizationCode gets tokens for a user who consents in a browser (RFC 6749
// section 4.1). It always uses PKCE (RFC 7636), unless NoPKCE is set. A login
// takes three steps:
//
//	u, err := flow.AuthCodeURL(ctx, state, verifier) // send the browser there
//	code, err := flow.Callback(r.URL.Query(), state)
//	token, err := flow.Exchange(ctx, code, verifier)
//
// or two: ExchangeCallback is the last two of them.
//
// state and verifier are new for each login, and kept in the browser's session.
// It is a bearer.Source and a bearer.Refresher: Refresh redeems the refresh
// token. Token always returns [ErrLoginRequired], since only the user can help.
type AuthorizationCode struct {
	Server   Server     // AuthURL and TokenURL are required
	ClientID string     // empty: the ID of Auth
	Auth     ClientAuth // nil: None, for a public client

	// RefreshAuth authenticates the client in Refresh, for servers that want
	// another way there. Nil: Auth.
	RefreshAuth ClientAuth

	// RedirectURL is where the browser comes back to, exactly as it is
	// registered. It is required for a login.
	RedirectURL string

	Scopes   []string // empty: the server's default
	Audience string   // whom the token is for, if the server asks (Auth0)
	Resource []string // the same by RFC 8707: absolute URLs

	// Params are further parameters of the authorization URL, such as prompt.
	// ExchangeParams and RefreshParams are further parameters of the token
	// requests of Exchange and Refresh, for servers that need some. A
	// parameter that a field sets in the same request is an error.
	Params         url.Values
	ExchangeParams url.Values
	RefreshParams  url.Values

	// RefreshScopes sends the scopes with a refresh, for servers that require
	// them: the granted ones, which are the token's Extra("scope"), or Scopes
	// if the server did not name them. If false, no scopes are sent, and the
	// new token has the granted ones (RFC 6749 section 6).
	RefreshScopes bool

	// CallbackExtras names parameters that the server adds to its callback and
	// the program needs later, such as QuickBooks' realmId.
	// [AuthorizationCode.ExchangeCallback] makes them the token's Extra.
	//
	// Extras names members of the token answer that Refresh takes over from
	// the token before if the server's answer lacks them, as it does the
	// refresh token. Those that CallbackExtras names are taken over too.
	CallbackExtras []string
	Extras         []string

	// NoPKCE leaves PKCE out, for a server that rejects its parameters. It is
	// an error for a public client, whose code nothing else protects; see
	// [ClientAuth] for which clients are public.
	NoPKCE bool
}

// AuthCodeURL returns the URL to send the user's browser to. state is a random
// value that is bound to the browser, by a cookie for instance, and verifier
// comes from [oauth2.GenerateVerifier]; use each for one login only. With
// NoPKCE the verifier is ignored.
//
// ctx is for servers that want the parameters beforehand (RFC 9126). It is not
// used yet.
func (a AuthorizationCode) AuthCodeURL(ctx context.Context, state, verifier string) (string, error) {
	u, err := a.Server.endpoint("Server.AuthURL", a.Server.AuthURL)
	if err != nil {
		return "", err
	}
	id, _, err := a.client()
	if err != nil {
		return "", err
	}
	if state == "" {
		return "", mistake.New("grant: AuthCodeURL: state is empty; pass a random one that is bound to the browser")
	}
	// The server's own parameters are kept (RFC 6749 section 3.1).
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return "", mistake.New("grant: Server.AuthURL has a query that cannot be parsed")
	}
	if err := a.forConsent().add(query); err != nil {
		return "", err
	}
	// The later requests are checked now, before the user consents for nothing.
	for _, later := range []target{a.forExchange(), a.forRefresh(nil)} {
		if err := later.further.check(); err != nil {
			return "", err
		}
	}
	if err := checkExtras("AuthorizationCode.CallbackExtras", a.CallbackExtras); err != nil {
		return "", err
	}
	if err := checkExtras("AuthorizationCode.Extras", a.Extras); err != nil {
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
	query = a.Server.onTheWire(query)
	// Spaces as %20: some servers take the plus sign of forms literally.
	u.RawQuery = strings.ReplaceAll(query.Encode(), "+", "%20")
	return u.String(), nil
}

// Exchange redeems the code that [AuthorizationCode.Callback] returned, with
// the verifier of the same login. The code is sent once, unless the server
// cannot have seen it. The error is [ErrCodeExpired] if the server does not
// accept the code any longer; other refusals are an [*Error].
func (a AuthorizationCode) Exchange(ctx context.Context, code, verifier string) (*oauth2.Token, error) {
	return a.exchange(ctx, code, verifier, nil)
}

// ExchangeCallback is Callback and Exchange in one. The token also has those
// parameters of the query that CallbackExtras names, unless the token answer
// has members of these names; if the query lacks one, the code is not sent and
// that is the error.
func (a AuthorizationCode) ExchangeCallback(ctx context.Context, query url.Values, state, verifier string) (*oauth2.Token, error) {
	code, err := a.Callback(query, state)
	if err != nil {
		return nil, err
	}
	extras, err := a.callbackExtras(query)
	if err != nil {
		return nil, err
	}
	return a.exchange(ctx, code, verifier, extras)
}

func (a AuthorizationCode) exchange(ctx context.Context, code, verifier string, extras map[string]any) (*oauth2.Token, error) {
	_, auth, err := a.client()
	if err != nil {
		return nil, err
	}
	if code == "" {
		return nil, mistake.New("grant: Exchange: code is empty; pass the one from Callback")
	}
	if err := a.checkLogin(verifier); err != nil {
		return nil, err
	}
	params, err := a.forExchange().params("authorization_code")
	if err != nil {
		return nil, err
	}
	params.Set("code", code)
	params.Set("redirect_uri", a.RedirectURL)
	if !a.NoPKCE {
		params.Set("code_verifier", verifier)
	}
	token, err := call{
		server: a.Server, auth: auth, field: "Server.TokenURL", url: a.Server.TokenURL,
		params: params, once: "authorization code", extras: extras,
	}.redeem(ctx)
	return token, meaning(err, "invalid_grant",
		"the code has expired, was used before, or belongs to another verifier or redirect URL; send the user to AuthCodeURL again",
		ErrCodeExpired, ErrLoginRequired)
}

// Token returns [ErrLoginRequired]: there is no token without the user.
func (a AuthorizationCode) Token(context.Context) (*oauth2.Token, error) {
	return nil, ErrLoginRequired
}

// Refresh redeems prev's refresh token (RFC 6749 section 6). The new token has
// the refresh token that the server returned, or prev's if it returned none. If
// the server rejects the refresh token, the error is both [ErrLoginRequired]
// and an [*Error] with the code invalid_grant.
//
// The refresh token is sent once, unless the server cannot have seen it. If it
// rotates, an answer that was lost has spent it, and using it again may revoke
// the whole grant (RFC 9700 section 4.14.2).
func (a AuthorizationCode) Refresh(ctx context.Context, prev *oauth2.Token) (*oauth2.Token, error) {
	_, auth, err := a.client()
	if err != nil {
		return nil, err
	}
	if a.RefreshAuth != nil {
		auth = a.RefreshAuth
	}
	return a.Server.refresh(ctx, auth, prev, a.forRefresh(prev), slices.Concat(a.Extras, a.CallbackExtras))
}

// Revoke revokes a token of this client; see [Server.Revoke].
func (a AuthorizationCode) Revoke(ctx context.Context, token, hint string) error {
	_, auth, err := a.client()
	if err != nil {
		return err
	}
	return a.Server.Revoke(ctx, auth, token, hint)
}

func (a AuthorizationCode) forConsent() target {
	return target{a.Scopes, a.Audience, a.Resource, further{field: "AuthorizationCode.Params", params: a.Params}}
}

func (a AuthorizationCode) forExchange() target {
	return target{resource: a.Resource, further: further{"AuthorizationCode.ExchangeParams", a.ExchangeParams, setByInExchange}}
}

func (a AuthorizationCode) forRefresh(prev *oauth2.Token) target {
	t := target{resource: a.Resource, further: further{"AuthorizationCode.RefreshParams", a.RefreshParams, setByInRefresh}}
	if a.RefreshScopes {
		t.scopes = granted(prev, a.Scopes)
	}
	return t
}

func (a AuthorizationCode) client() (string, ClientAuth, error) {
	return client("AuthorizationCode", a.ClientID, a.Auth)
}

// client returns the client's id and how it authenticates. Either may be left
// out, since each implies the other.
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
			return "", nil, mistake.Errorf("grant: %s.ClientID is %q and Auth's ID is %q; set one", kind, id, other)
		}
	}
	if id == "" {
		return "", nil, mistake.Errorf("grant: %s.ClientID is empty; set it or Auth's ID", kind)
	}
	return id, auth, nil
}

// checkLogin checks what both steps of a login send. A server may allow a
// request without RedirectURL if only one is registered, but servers compare it
// exactly (RFC 9700 section 4.1.3), so it is always sent. The verifier must
// satisfy RFC 7636 section 4.1: a shorter one can be guessed.
func (a AuthorizationCode) checkLogin(verifier string) error {
	if a.RedirectURL == "" {
		return mistake.New("grant: AuthorizationCode.RedirectURL is empty; set it to the one that is registered")
	}
	if a.NoPKCE {
		return a.checkConfidential()
	}
	const unreserved = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~"
	if len(verifier) < 43 || len(verifier) > 128 || strings.Trim(verifier, unreserved) != "" {
		return mistake.New("grant: the verifier is not 43 to 128 characters of RFC 7636; use oauth2.GenerateVerifier")
	}
	return nil
}

// checkConfidential refuses a client that needs PKCE. It asks Auth, since a
// wrapper's type does not show what is inside.
func (a AuthorizationCode) checkConfidential() error {
	auth, declared := a.Auth.(interface{ Public() bool })
	switch {
	case a.Auth == nil, declared && auth.Public():
		return mistake.New("grant: AuthorizationCode.NoPKCE is set for a public client; remove it")
	case !declared:
		return mistake.Errorf("grant: AuthorizationCode.NoPKCE is set and Auth, a %T, has no method Public() bool, so the client is taken for public; remove NoPKCE, or add the method, returning false if the client is confidential", a.Auth)
	}
	return nil
}
