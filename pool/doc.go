// Package pool holds the credentials of many users or customers: one
// [bearer.Cache] for each key, made when it is needed, and bounded in number.
//
//	users := &pool.Pool{
//		New: func(ctx context.Context, user string) (*bearer.Cache, error) {
//			return &bearer.Cache{Source: app, Store: store, Key: user, Breaker: breaker}, nil
//		},
//		MaxEntries:   100_000,
//		MaxRefreshes: 50,
//	}
//	client := &http.Client{Transport: &bearer.Transport{CacheFor: users.CacheFor, Hosts: hosts}}
//
//	req, err := http.NewRequestWithContext(pool.WithKey(ctx, user), "GET", url, nil)
//
// A key never has two Caches at once, so that a refresh token is not used
// twice: a Cache that was evicted is taken back as long as anything still uses
// it. Nothing that a Cache alone knows is lost: what is not in the Store is kept
// until it is.
package pool
