package peers

import (
	"context"
	"net/http"

	"cloud.google.com/go/auth"
)

// CloudAuth is cloud.google.com/go/auth's NewCachedTokenProvider. The
// RoundTripper does what its httptransport does, which would bring gRPC and
// telemetry along, without the look at the universe domain.
var CloudAuth = Peer{
	Name:   "cloud-auth",
	Module: "cloud.google.com/go/auth",
	Transport: func(s Setup) http.RoundTripper {
		cache := cloudAuthCache(s)
		return glue{func(ctx context.Context) (string, error) { return cloudAuthToken(ctx, cache) }, s.Base}
	},
	Tokens: func(s Setup) func(context.Context) Get {
		cache := cloudAuthCache(s)
		return func(ctx context.Context) Get {
			return func() (string, error) { return cloudAuthToken(ctx, cache) }
		}
	},
	Many: func(n int, fetch func(i int) Fetch) func(context.Context, int) (string, error) {
		caches := many(n, func(i int) auth.TokenProvider { return cloudAuthCache(Setup{Fetch: fetch(i)}) })
		return func(ctx context.Context, i int) (string, error) { return cloudAuthToken(ctx, caches[i]) }
	},
}

func cloudAuthCache(s Setup) auth.TokenProvider {
	return auth.NewCachedTokenProvider(cloudAuthProvider(s.Fetch), &auth.CachedTokenProviderOptions{ExpireEarly: s.Margin})
}

type cloudAuthProvider Fetch

func (f cloudAuthProvider) Token(ctx context.Context) (*auth.Token, error) {
	t, err := f(ctx)
	if err != nil {
		return nil, err
	}
	return &auth.Token{Value: t.Value, Expiry: t.Expiry}, nil
}

func cloudAuthToken(ctx context.Context, p auth.TokenProvider) (string, error) {
	t, err := p.Token(ctx)
	if err != nil {
		return "", err
	}
	return t.Value, nil
}
