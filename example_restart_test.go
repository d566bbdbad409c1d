package bearer_test

import (
	"context"
	"fmt"
	"net/http"
	"os"

	"example.com/bearer"
	"example.com/bearer/bearertest"
	"example.com/bearer/grant"
)

// A token that survives a restart. The second run of the program finds the
// first one's token in the folder, and asks for none.
func Example_restart() {
	server, err := bearertest.NewServer(bearertest.Config{Network: new(bearertest.Network)})
	if err != nil {
		panic(err)
	}
	defer server.Close()
	dir, err := os.MkdirTemp("", "bearer")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)

	run := func() {
		cache := &bearer.Cache{
			Source: grant.ClientCredentials{
				Server: grant.Server{TokenURL: server.Endpoint(bearertest.TokenEndpoint), Transport: server.Transport()},
				Auth:   grant.Basic{ID: "client", Secret: "secret"},
			},
			Store: bearer.DirStore(dir),
			Key:   "reports/client", // everything that the token depends on
		}
		client := &http.Client{Transport: &bearer.Transport{Source: cache, Base: server.Transport()}}
		resp, err := client.Get(server.Endpoint(bearertest.APIEndpoint))
		if err != nil {
			fmt.Println(err)
			return
		}
		resp.Body.Close()
		fmt.Println(resp.Status, "- token requests so far:", server.Counts().TokenRequests())
	}
	run()
	run()

	// A user's token is stored by Set, after the login:
	cache := &bearer.Cache{Store: bearer.DirStore(dir), Key: "reports/alice"}
	access, refresh := server.Issue("client", "read")
	err = cache.Set(context.Background(), &bearer.Token{AccessToken: access, RefreshToken: refresh})
	fmt.Println("stored:", err == nil)

	// Output:
	// 200 OK - token requests so far: 1
	// 200 OK - token requests so far: 1
	// stored: true
}
