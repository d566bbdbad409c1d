package bearer_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"example.com/bearer"
	"example.com/bearer/bearertest"
	"example.com/bearer/grant"
)

// An API's client that is never without a valid token.
func Example() {
	srv, err := bearertest.NewServer(bearertest.Config{}) // an authorization server, and an API
	if err != nil {
		fmt.Println(err)
		return
	}
	defer srv.Close()

	client := &http.Client{Transport: &bearer.Transport{
		Source: grant.ClientCredentials{
			Server: grant.Server{TokenURL: srv.Endpoint(bearertest.TokenEndpoint)},
			Auth:   grant.Basic{ID: "client", Secret: "secret"},
		},
	}}

	for range 3 {
		resp, err := client.Get(srv.Endpoint(bearertest.APIEndpoint))
		if err != nil {
			fmt.Println(err)
			return
		}
		resp.Body.Close()
		fmt.Println(resp.Status)
		srv.RevokeAll() // the next request is rejected, and sent again with a new token
	}
	fmt.Println(srv.Counts().TokenRequests(), "token requests")
	// Output:
	// 200 OK
	// 200 OK
	// 200 OK
	// 3 token requests
}

// The configuration that a program has for golang.org/x/oauth2 is a Source as
// it is.
func ExampleTransport() {
	srv, err := bearertest.NewServer(bearertest.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer srv.Close()

	client := &http.Client{Transport: &bearer.Transport{
		Source: &clientcredentials.Config{
			ClientID:     "client",
			ClientSecret: "secret",
			TokenURL:     srv.Endpoint(bearertest.TokenEndpoint),
			AuthStyle:    oauth2.AuthStyleInHeader, // otherwise it tries which one works
		},
	}}
	resp, err := client.Get(srv.Endpoint(bearertest.APIEndpoint))
	if err != nil {
		fmt.Println(err)
		return
	}
	resp.Body.Close()
	fmt.Println(resp.Status)
	// Output: 200 OK
}

// static is a Source whose token never changes.
var static = bearer.SourceFunc(func(context.Context) (*bearer.Token, error) {
	return &bearer.Token{AccessToken: "secret-token"}, nil
})

// echo answers with the Authorization that it was sent.
var echo = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	fmt.Fprintf(w, "authorization: %q", r.Header.Get("Authorization"))
})

func printBody(resp *http.Response, err error) {
	if err != nil {
		fmt.Println(err)
		return
	}
	defer resp.Body.Close()
	body := make([]byte, 80)
	n, _ := resp.Body.Read(body)
	fmt.Printf("%s\n", body[:n])
}

// Only the hosts in Hosts get the token.
func ExampleTransport_hosts() {
	api, other := httptest.NewServer(echo), httptest.NewServer(echo)
	defer api.Close()
	defer other.Close()

	client := &http.Client{Transport: &bearer.Transport{
		Source: static,
		Hosts:  []string{api.Listener.Addr().String()},
	}}
	printBody(client.Get(api.URL))
	printBody(client.Get(other.URL))
	// Output:
	// authorization: "Bearer secret-token"
	// authorization: ""
}

// An API that says 403 where 401 is meant.
func ExampleTransport_rejected() {
	srv, err := bearertest.NewServer(bearertest.Config{RejectStatus: http.StatusForbidden})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer srv.Close()

	first := true
	client := &http.Client{Transport: &bearer.Transport{
		Source: bearer.SourceFunc(func(context.Context) (*bearer.Token, error) {
			access, _ := srv.Issue("client", "")
			if first {
				first = false
				access = "revoked"
			}
			return &bearer.Token{AccessToken: access}, nil
		}),
		Rejected: func(resp *http.Response) bool { return resp.StatusCode == http.StatusForbidden },
	}}
	resp, err := client.Get(srv.Endpoint(bearertest.APIEndpoint))
	if err != nil {
		fmt.Println(err)
		return
	}
	resp.Body.Close()
	fmt.Println(resp.Status)
	// Output: 200 OK
}

// vault stands for a library that provides tokens as golang.org/x/oauth2 does.
type vault struct{}

func (vault) Token() (*oauth2.Token, error) {
	return &oauth2.Token{AccessToken: "from-the-vault"}, nil
}

// An oauth2.TokenSource of another library can be a Source too.
func ExampleFromOAuth2() {
	api := httptest.NewServer(echo)
	defer api.Close()

	client := &http.Client{Transport: &bearer.Transport{Source: bearer.FromOAuth2(vault{})}}
	printBody(client.Get(api.URL))
	// Output: authorization: "Bearer from-the-vault"
}

// Two clients, with what each needs, share one credential and its one token.
func ExampleCache() {
	api := httptest.NewServer(echo)
	defer api.Close()

	n := 0
	cache := &bearer.Cache{
		Source: bearer.SourceFunc(func(context.Context) (*bearer.Token, error) {
			n++
			return &bearer.Token{AccessToken: fmt.Sprint("token-", n)}, nil
		}),
	}
	users := &http.Client{Transport: &bearer.Transport{Source: cache}}
	uploads := &http.Client{Transport: &bearer.Transport{Source: cache, MaxReplayBytes: 1 << 20}}
	printBody(users.Get(api.URL))
	printBody(uploads.Post(api.URL, "text/plain", http.NoBody))
	// Output:
	// authorization: "Bearer token-1"
	// authorization: "Bearer token-1"
}

// Hooks count, or log, what happens; a log/slog Logger in [bearer.Cache] needs
// none.
func ExampleHooks() {
	srv, err := bearertest.NewServer(bearertest.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer srv.Close()

	told := make(chan struct{}) // hooks run beside the requests
	cache := &bearer.Cache{
		Source: grant.ClientCredentials{
			Server: grant.Server{TokenURL: srv.Endpoint(bearertest.TokenEndpoint)},
			Auth:   grant.Basic{ID: "client", Secret: "secret"},
		},
		Key: "matter/batch",
		Hooks: &bearer.Hooks{
			TokenRefreshed: func(_ context.Context, e bearer.Event) { fmt.Println(e.Key, "refreshed") },
			TokenRejected:  func(_ context.Context, e bearer.Event) { fmt.Println(e.Key, "rejected with", e.Status) },
			RequestReplayed: func(_ context.Context, e bearer.Event) {
				fmt.Println(e.Key, "replayed, now", e.Status)
				close(told)
			},
		},
	}
	client := &http.Client{Transport: &bearer.Transport{Source: cache}}
	for range 2 {
		resp, err := client.Get(srv.Endpoint(bearertest.APIEndpoint))
		if err != nil {
			fmt.Println(err)
			return
		}
		resp.Body.Close()
		srv.RevokeAll()
	}
	<-told
	// Output:
	// matter/batch refreshed
	// matter/batch rejected with 401
	// matter/batch refreshed
	// matter/batch replayed, now 200
}
