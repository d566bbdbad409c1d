package matrica_test

import (
	"context"
	"fmt"
	"net/url"

	"golang.org/x/oauth2"

	"example.com/bearer/providers/matrica"
)

// A login: send the browser to AuthCodeURL, read its return with Callback, then
// call Exchange within a minute. Keep the state and the verifier in the
// browser's session meanwhile.
func ExampleApp_User() {
	user := matrica.App{
		ClientID:    "application",
		RedirectURL: "https://app.example.com/callback",
	}.User()
	verifier := oauth2.GenerateVerifier()
	address, err := user.AuthCodeURL(context.Background(), "random-state", verifier)
	if err != nil {
		fmt.Println(err)
		return
	}
	u, _ := url.Parse(address)
	fmt.Println(u.Host+u.Path, u.Query().Get("scope"), u.Query().Get("code_challenge_method"))

	// The user declined, and the browser returns like this:
	_, err = user.Callback(url.Values{"error": {"access_denied"}, "state": {"random-state"}}, "random-state")
	fmt.Println(err)
	// Output:
	// matrica.io/oauth2 profile S256
	// grant: refused: access_denied; the user declined, ask again only when the user wants to
}
