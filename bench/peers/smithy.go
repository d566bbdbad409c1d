package peers

import (
	"context"
	"net/http"
	"time"

	smithy "github.com/aws/smithy-go/auth/bearer"
)

// Smithy is github.com/aws/smithy-go/auth/bearer's TokenCache. It refreshes
// nothing early unless it is told to, asks without a pause and waits without
// end: the options say otherwise. Its own middleware stands above the HTTP
// client.
var Smithy = Peer{
	Name:   "smithy-go",
	Module: "github.com/aws/smithy-go",
	Transport: func(s Setup) http.RoundTripper {
		return glue{smithyTokens(s), s.Base}
	},
	Above: func(s Setup) func(*http.Request) (*http.Response, error) {
		return glue{smithyTokens(s), s.Base}.aboveClient()
	},
	Tokens: func(s Setup) func(context.Context) Get {
		token := smithyTokens(s)
		return func(ctx context.Context) Get {
			return func() (string, error) { return token(ctx) }
		}
	},
	Many: func(n int, fetch func(i int) Fetch) func(context.Context, int) (string, error) {
		caches := many(n, func(i int) *smithy.TokenCache { return smithyCache(Setup{Fetch: fetch(i)}) })
		return func(ctx context.Context, i int) (string, error) {
			t, err := caches[i].RetrieveBearerToken(ctx)
			return t.Value, err
		}
	},
}

func smithyTokens(s Setup) func(context.Context) (string, error) {
	cache := smithyCache(s)
	return func(ctx context.Context) (string, error) {
		t, err := cache.RetrieveBearerToken(ctx)
		return t.Value, err
	}
}

func smithyCache(s Setup) *smithy.TokenCache {
	margin := s.Margin
	if margin == 0 {
		margin = 5 * time.Minute
	}
	fetch := s.Fetch
	return smithy.NewTokenCache(smithy.TokenProviderFunc(func(ctx context.Context) (smithy.Token, error) {
		t, err := fetch(ctx)
		return smithy.Token{Value: t.Value, CanExpire: true, Expires: t.Expiry}, err
	}), func(o *smithy.TokenCacheOptions) {
		o.RefreshBeforeExpires = margin
		o.RetrieveBearerTokenTimeout = 30 * time.Second
		o.AsyncRefreshMinimumDelay = margin / 10
	})
}
