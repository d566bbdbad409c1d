// Package matrica gets tokens for Matrica Connect, in the name of a user who consents.
//
// Matrica always wants PKCE, and takes the client's secret as a parameter, never by HTTP Basic,
// and only if the application is set to "Private". Its authorization code lives for about a
// minute, its access tokens for an hour. A scope is required; "profile" is one.
//
// Not documented, and so not known: whether refresh tokens rotate (both ways work here), and the
// parameters of the revocation endpoint, to which those of RFC 7009 are sent.
package matrica

import (
	"cmp"
	"context"
	"errors"
	"net/url"

	"golang.org/x/oauth2"

	"example.com/bearer/grant"
)

// The endpoints.
const (
	AuthURL   = "https://matrica.io/oauth2"
	TokenURL  = "https://api.matrica.io/oauth2/token"
	RevokeURL = "https://api.matrica.io/oauth2/token/revoke"
)

// Hosts are the API's hosts, for bearer.Transport.Hosts: only they get the token.
var Hosts = []string{"api.matrica.io"}

// User asks Matrica for a user's tokens. It is a bearer.Source and a bearer.Refresher, and may be
// used by any number of goroutines. The steps of a login are those of [grant.AuthorizationCode].
type User struct {
	ClientID     string                                // required
	ClientSecret grant.Secret                          // only if the application is "Private": this one or SecretFunc
	SecretFunc   func(context.Context) (string, error) // asked for each attempt
	RedirectURL  string                                // required: one of those registered
	Scopes       []string                              // empty: "profile"

	// Server changes how Matrica is reached: another Transport or Timeout, or endpoints of a test's
	// own. Zero fields are the recommended values, empty endpoints are Matrica's.
	Server grant.Server
}

var errNoRedirect = errors.New("matrica: User.RedirectURL is empty; set it to one that is registered")

// AuthCodeURL gives the URL to send the user's browser to, see [grant.AuthorizationCode.AuthCodeURL].
func (u User) AuthCodeURL(state, verifier string) (string, error) {
	if u.RedirectURL == "" {
		return "", errNoRedirect
	}
	return u.flow().AuthCodeURL(state, verifier)
}

// Callback reads the query with which the browser came back, see [grant.AuthorizationCode.Callback].
func (u User) Callback(query url.Values, state string) (code string, err error) {
	return u.flow().Callback(query, state)
}

// Exchange spends the code, which it has a minute for, see [grant.AuthorizationCode.Exchange].
func (u User) Exchange(ctx context.Context, code, verifier string) (*oauth2.Token, error) {
	if u.RedirectURL == "" {
		return nil, errNoRedirect
	}
	return u.flow().Exchange(ctx, code, verifier)
}

// Token gives [grant.ErrLoginRequired]: there is no token without a user.
func (u User) Token(ctx context.Context) (*oauth2.Token, error) { return u.flow().Token(ctx) }

// Refresh redeems prev's refresh token, see [grant.AuthorizationCode.Refresh].
func (u User) Refresh(ctx context.Context, prev *oauth2.Token) (*oauth2.Token, error) {
	return u.flow().Refresh(ctx, prev)
}

// Revoke makes Matrica forget a token. hint is "access_token", "refresh_token" or empty.
func (u User) Revoke(ctx context.Context, token, hint string) error {
	return u.flow().Revoke(ctx, token, hint)
}

func (u User) flow() grant.AuthorizationCode {
	server := u.Server
	server.AuthURL = cmp.Or(server.AuthURL, AuthURL)
	server.TokenURL = cmp.Or(server.TokenURL, TokenURL)
	server.RevokeURL = cmp.Or(server.RevokeURL, RevokeURL)
	scopes := u.Scopes
	if len(scopes) == 0 {
		scopes = []string{"profile"}
	}
	flow := grant.AuthorizationCode{Server: server, ClientID: u.ClientID, RedirectURL: u.RedirectURL, Scopes: scopes}
	if u.ClientSecret != "" || u.SecretFunc != nil {
		flow.Auth = grant.Post{ID: u.ClientID, Secret: u.ClientSecret, SecretFunc: u.SecretFunc}
	}
	return flow
}
