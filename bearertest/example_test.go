package bearertest_test

import (
	"fmt"
	"io"
	"net/http"
	"net/url"

	"example.com/bearer/bearertest"
)

// A client requests tokens during an outage of the token endpoint.
func Example() {
	srv, err := bearertest.NewServer(bearertest.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer srv.Close()
	srv.Fault(bearertest.TokenEndpoint, bearertest.Fault{Times: 2, Status: http.StatusServiceUnavailable})

	for range 3 {
		resp, err := srv.Client().PostForm(srv.Endpoint(bearertest.TokenEndpoint), url.Values{
			"grant_type":    {"client_credentials"},
			"client_id":     {"client"},
			"client_secret": {"secret"},
		})
		if err != nil {
			fmt.Println(err)
			return
		}
		resp.Body.Close()
		fmt.Println(resp.Status)
	}
	c := srv.Counts()
	fmt.Println(c.TokenRequests(), "requests,", c.Issued, "token,", c.Faults, "faults")
	// Output:
	// 503 Service Unavailable
	// 503 Service Unavailable
	// 200 OK
	// 3 requests, 1 token, 2 faults
}

// A server in memory needs no socket and works in a synctest bubble.
func ExampleNetwork() {
	network := new(bearertest.Network)
	srv, err := bearertest.NewServer(bearertest.Config{Network: network})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer srv.Close()
	foreign := new(bearertest.Recorder)
	network.Handle("other.test", foreign)

	client := &http.Client{Transport: network}
	for _, u := range []string{srv.Endpoint(bearertest.APIEndpoint), "https://other.test/"} {
		resp, err := client.Get(u)
		if err != nil {
			fmt.Println(err)
			return
		}
		resp.Body.Close()
		fmt.Println(u, resp.StatusCode)
	}
	fmt.Println(len(foreign.Requests()), "request at the other origin")
	// Output:
	// https://auth.test/api/ 401
	// https://other.test/ 200
	// 1 request at the other origin
}

// Protect checks the token and its scope, and then calls a handler of yours.
func ExampleServer_Protect() {
	network := new(bearertest.Network)
	srv, err := bearertest.NewServer(bearertest.Config{
		Network:       network,
		RequiredScope: func(*http.Request) string { return "read" },
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer srv.Close()
	network.Handle("api.test", srv.Protect(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		caller, _ := bearertest.GranteeFrom(r.Context())
		fmt.Fprintf(w, "hello %s", caller.Subject)
	})))

	for _, scope := range []string{"write", "read write"} {
		token, _ := srv.IssueFor(bearertest.Grantee{ClientID: "client", Subject: "bob", Scope: scope})
		req, _ := http.NewRequest("GET", "https://api.test/hello", nil)
		req.Header.Set("Authorization", "Bearer "+token)
		resp, err := srv.Client().Do(req)
		if err != nil {
			fmt.Println(err)
			return
		}
		body, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		fmt.Println(resp.StatusCode, string(body))
	}
	// Output:
	// 403 {"error":"insufficient_scope"}
	//
	// 200 hello bob
}
