package bearer_test

import (
	"context"
	"fmt"
	"net/http"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"example.com/bearer"
	"example.com/bearer/bearertest"
	"example.com/bearer/grant"
	"example.com/bearer/providers/matter"
)

// A batch of requests to Matter's API, 64 at a time. All of them share one
// token, which is asked for once.
func Example_batch() {
	server := newMatter()
	defer server.Close()

	source := matter.App{
		ClientID:     "client",
		ClientSecret: "secret",
		Server:       grant.Server{Transport: server.Transport()}, // in your program: leave it out
	}.Source()
	client := &http.Client{Transport: &bearer.Transport{
		Source: source,
		Base:   server.Transport(), // in your program: leave it out
		Hosts:  matter.Hosts,
	}}

	var done atomic.Int32
	batch, ctx := errgroup.WithContext(context.Background())
	batch.SetLimit(64)
	for i := range 1000 {
		batch.Go(func() error {
			url := fmt.Sprintf("https://api.thisismatter.com/funds/%d", i)
			req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
			if err != nil {
				return err
			}
			resp, err := client.Do(req)
			if err != nil {
				return err
			}
			defer resp.Body.Close()
			if resp.StatusCode != http.StatusOK {
				return fmt.Errorf("%s: %s", url, resp.Status)
			}
			done.Add(1)
			return nil
		})
	}
	if err := batch.Wait(); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(done.Load(), "requests,", server.Counts().TokenRequests(), "token request")

	// Output:
	// 1000 requests, 1 token request
}

// newMatter stands in for Matter: in memory, under its real name.
func newMatter() *bearertest.Server {
	server, err := bearertest.NewServer(bearertest.Config{
		Network:      new(bearertest.Network),
		Host:         "api.thisismatter.com",
		DefaultGrant: "client_credentials",
		Routes: map[string]bearertest.Endpoint{
			"/auth/v1/token": bearertest.TokenEndpoint,
			"/funds/":        bearertest.APIEndpoint,
		},
	})
	if err != nil {
		panic(err)
	}
	return server
}
