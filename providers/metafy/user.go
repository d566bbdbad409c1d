package metafy

import (
	"context"
	"errors"
	"net/url"

	"golang.org/x/oauth2"

	"example.com/bearer/grant"
)

// User asks Metafy for a user's tokens. It is a bearer.Source and a bearer.Refresher, and may be
// used by any number of goroutines. The steps of a login are those of [grant.AuthorizationCode].
type User struct {
	ClientID     string                                // required
	ClientSecret grant.Secret                          // exactly one of ClientSecret and SecretFunc is set
	SecretFunc   func(context.Context) (string, error) // asked for each attempt
	RedirectURL  string                                // required: the one that is registered
	Scopes       []string                              // what the user is asked to allow

	// Server changes how Metafy is reached, as in [Source].
	Server grant.Server
}

var errNoRedirect = errors.New("metafy: User.RedirectURL is empty; set it to the one that is registered")

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

// Exchange spends the code, see [grant.AuthorizationCode.Exchange].
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

// Revoke makes Metafy forget a token. hint is "access_token", "refresh_token" or empty.
func (u User) Revoke(ctx context.Context, token, hint string) error {
	return u.flow().Revoke(ctx, token, hint)
}

func (u User) flow() grant.AuthorizationCode {
	return grant.AuthorizationCode{
		Server:      endpoints(u.Server),
		Auth:        grant.Post{ID: u.ClientID, Secret: u.ClientSecret, SecretFunc: u.SecretFunc},
		RedirectURL: u.RedirectURL,
		Scopes:      u.Scopes,
	}
}
