// Package pool holds the credentials of many customers or users: one
// [bearer.Cache] for each key, made when it is needed, and bounded in number.
//
// A service that calls an API for each of its tenants, as that tenant's client:
//
//	tenants := &pool.Pool{
//		New: func(ctx context.Context, tenant string) (*bearer.Cache, error) {
//			auth, err := clientOf(ctx, tenant) // from the service's database
//			return &bearer.Cache{Source: grant.ClientCredentials{Server: server, Auth: auth}, Breaker: breaker}, err
//		},
//		MaxEntries:   10_000,
//		MaxRefreshes: 50,
//	}
//	client := &http.Client{Transport: &bearer.Transport{CacheFor: tenants.CacheFor, Hosts: hosts}}
//
// and for each call:
//
//	req, err := http.NewRequestWithContext(pool.WithKey(ctx, tenant), "GET", url, nil)
//
// With users who log in, each Cache has a Store, and a login is passed to its
// Set:
//
//	cache, err := users.Get(ctx, user)
//	if err == nil {
//		err = cache.Set(ctx, token)
//	}
//
// A key never has two Caches at once, so that a refresh token is not used
// twice: a Cache that was evicted is taken back as long as anything still uses
// it. Nothing that a Cache alone knows is lost: what is not in the Store is kept
// until it is, or the process ends.
//
// A Pool holds all in the memory of one process. Processes share a credential
// through the Store.
package pool
