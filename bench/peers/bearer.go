package peers

import (
	"context"
	"net/http"

	"example.com/bearer"
)

// Bearer is this module with its zero values. Credentials in great number
// share the breaker, as the package's documentation says of many users at one
// server.
var Bearer = Peer{
	Name:   "bearer",
	Module: "example.com/bearer",
	Transport: func(s Setup) http.RoundTripper {
		return &bearer.Transport{Source: bearerCache(s), Base: s.Base}
	},
	Tokens: func(s Setup) func(context.Context) Get {
		cache := bearerCache(s)
		return func(ctx context.Context) Get {
			return func() (string, error) { return bearerToken(ctx, cache) }
		}
	},
	Many: func(n int, fetch func(i int) Fetch) func(context.Context, int) (string, error) {
		shared := new(bearer.CircuitBreaker)
		caches := many(n, func(i int) *bearer.Cache {
			return &bearer.Cache{Source: bearerSource(fetch(i)), Breaker: shared}
		})
		return func(ctx context.Context, i int) (string, error) { return bearerToken(ctx, caches[i]) }
	},
}

func bearerCache(s Setup) *bearer.Cache {
	return &bearer.Cache{Source: bearerSource(s.Fetch), RefreshBefore: s.Margin}
}

func bearerSource(fetch Fetch) bearer.Source {
	return bearer.SourceFunc(func(ctx context.Context) (*bearer.Token, error) {
		t, err := fetch(ctx)
		if err != nil {
			return nil, err
		}
		return &bearer.Token{AccessToken: t.Value, Expiry: t.Expiry}, nil
	})
}

func bearerToken(ctx context.Context, c *bearer.Cache) (string, error) {
	t, err := c.Token(ctx)
	if err != nil {
		return "", err
	}
	return t.AccessToken, nil
}
