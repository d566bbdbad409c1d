package pool_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"example.com/bearer"
	"example.com/bearer/bearertest"
	"example.com/bearer/grant"
	"example.com/bearer/pool"
)

// A service calls an API for each of its tenants, as that tenant's client. Those
// that are not called for are forgotten, and come back when they are.
func Example() {
	// What the service has in its database.
	secrets := map[string]grant.Secret{"acme": "secret of acme", "globex": "secret of globex"}
	srv, err := bearertest.NewServer(bearertest.Config{Clients: []bearertest.Client{
		{ID: "acme", Secret: "secret of acme"}, {ID: "globex", Secret: "secret of globex"},
	}})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer srv.Close()

	breaker := new(bearer.CircuitBreaker) // of the token endpoint, which all share
	tenants := &pool.Pool{
		New: func(ctx context.Context, tenant string) (*bearer.Cache, error) {
			secret, ok := secrets[tenant]
			if !ok {
				return nil, fmt.Errorf("there is no tenant %q", tenant)
			}
			return &bearer.Cache{Breaker: breaker, Source: grant.ClientCredentials{
				Server: grant.Server{TokenURL: srv.Endpoint(bearertest.TokenEndpoint)},
				Auth:   grant.Basic{ID: tenant, Secret: secret},
			}}, nil
		},
		MaxEntries:   10_000,
		MaxRefreshes: 50,
	}
	defer tenants.Close(context.Background())
	client := &http.Client{Transport: &bearer.Transport{CacheFor: tenants.CacheFor}}

	for _, tenant := range []string{"acme", "globex", "acme", "initech"} {
		ctx := pool.WithKey(context.Background(), tenant)
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, srv.Endpoint(bearertest.APIEndpoint), nil)
		if err != nil {
			fmt.Println(err)
			return
		}
		resp, err := client.Do(req)
		if err != nil {
			fmt.Println("nothing was sent:", errors.Unwrap(err))
			continue
		}
		var echo bearertest.Echo
		err = json.NewDecoder(resp.Body).Decode(&echo)
		resp.Body.Close()
		fmt.Println(resp.StatusCode, echo.ClientID, err)
	}
	fmt.Println(srv.Counts().TokenRequests(), "token requests,", tenants.Len(), "tenants in memory")
	// Output:
	// 200 acme <nil>
	// 200 globex <nil>
	// 200 acme <nil>
	// nothing was sent: bearer: no token: there is no tenant "initech"
	// 2 token requests, 2 tenants in memory
}
