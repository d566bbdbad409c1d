package config_test

import (
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"

	"example.com/bearer/bearertest"
	"example.com/bearer/config"
)

// A file declares a client, and the environment has its secret. A program calls
// [config.Load]; the example parses text, because the server is one for tests.
func Example() {
	server, err := bearertest.NewServer(bearertest.Config{Clients: []bearertest.Client{{ID: "batch", Secret: "s3cret-of-the-batch"}}})
	if err != nil {
		log.Fatal(err)
	}
	defer server.Close()
	api := httptest.NewServer(server.Protect(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, "the report of ", r.URL.Path)
	})))
	defer api.Close()

	variables := map[string]string{"REPORTS_SECRET": "s3cret-of-the-batch", "AUTH": server.URL, "API": api.URL}
	loader := config.Loader{Getenv: func(name string) string { return variables[name] }}
	set, err := loader.Parse([]byte(`
clients:
  reports:
    token_url: ${AUTH}/token
    client_id: batch
    client_secret: ${REPORTS_SECRET}
    base_url: ${API}
`))
	if err != nil {
		log.Fatal(err) // one line for each fault, with its place
	}
	client, err := set.Client("reports")
	if err != nil {
		log.Fatal(err)
	}
	resp, err := client.Get(api.URL + "/2026")
	if err != nil {
		log.Fatal(err)
	}
	defer resp.Body.Close()
	fmt.Println(resp.Status)
	// Output: 200 OK
}
