package peers

import (
	"context"
	"net/http"

	"golang.org/x/oauth2"
)

// OAuth2 is golang.org/x/oauth2: ReuseTokenSourceWithExpiry under
// oauth2.Transport. Its sources take no context.
var OAuth2 = Peer{
	Name:   "x-oauth2",
	Module: "golang.org/x/oauth2",
	Blocks: true,
	Transport: func(s Setup) http.RoundTripper {
		return &oauth2.Transport{Source: oauth2Cache(s), Base: s.Base}
	},
	Tokens: func(s Setup) func(context.Context) Get {
		cache := oauth2Cache(s)
		return func(context.Context) Get {
			return func() (string, error) { return oauth2Token(cache) }
		}
	},
	Many: func(n int, fetch func(i int) Fetch) func(context.Context, int) (string, error) {
		caches := many(n, func(i int) oauth2.TokenSource { return oauth2Cache(Setup{Fetch: fetch(i)}) })
		return func(_ context.Context, i int) (string, error) { return oauth2Token(caches[i]) }
	},
}

func oauth2Cache(s Setup) oauth2.TokenSource {
	if s.Margin == 0 {
		return oauth2.ReuseTokenSource(nil, oauth2Source(s.Fetch))
	}
	return oauth2.ReuseTokenSourceWithExpiry(nil, oauth2Source(s.Fetch), s.Margin)
}

// oauth2Source is an uncached oauth2.TokenSource.
type oauth2Source Fetch

func (f oauth2Source) Token() (*oauth2.Token, error) {
	t, err := f(context.Background())
	if err != nil {
		return nil, err
	}
	return &oauth2.Token{AccessToken: t.Value, Expiry: t.Expiry}, nil
}

func oauth2Token(ts oauth2.TokenSource) (string, error) {
	t, err := ts.Token()
	if err != nil {
		return "", err
	}
	return t.AccessToken, nil
}
