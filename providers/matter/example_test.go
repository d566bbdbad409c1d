package matter_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"

	"example.com/bearer/grant"
	"example.com/bearer/providers/matter"
)

// Use the source in a bearer.Transport, with Hosts, which keep the token from
// other hosts.
func ExampleApp_Source() {
	fake := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, `{"access_token":"token","expires_in":3600,"token_type":"Bearer"}`)
	}))
	defer fake.Close()

	source := matter.App{
		ClientID:     "client",
		ClientSecret: "s3cret",
		Server:       grant.Server{TokenURL: fake.URL}, // leave it out to reach Matter itself
	}.Source()
	token, err := source.Token(context.Background())
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(token.Type(), token.ExpiresIn, matter.Hosts)
	// Output: Bearer 3600 [api.thisismatter.com]
}
