package grant_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"golang.org/x/oauth2"

	"example.com/bearer/bearertest"
	"example.com/bearer/grant"
)

// A user's login, a refresh, and a refresh token that is gone.
func ExampleAuthorizationCode() {
	fake, err := bearertest.NewServer(bearertest.Config{Clients: []bearertest.Client{{ID: "app"}}})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer fake.Close()
	ctx := context.Background()

	server, err := grant.Server{Issuer: fake.URL}.Discover(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	flow := grant.AuthorizationCode{Server: server, ClientID: "app", RedirectURL: "http://127.0.0.1/callback"}

	verifier := oauth2.GenerateVerifier()
	address, err := flow.AuthCodeURL(ctx, "random-state", verifier)
	if err != nil {
		fmt.Println(err)
		return
	}
	code, err := flow.Callback(consent(address), "random-state")
	if err != nil {
		fmt.Println(err)
		return
	}
	token, err := flow.Exchange(ctx, code, verifier)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("logged in:", token.Type())

	_, err = flow.Refresh(ctx, token)
	fmt.Println("refreshed:", err == nil)
	_, err = flow.Refresh(ctx, token) // it has been spent
	fmt.Println("login required:", errors.Is(err, grant.ErrLoginRequired))
	// Output:
	// logged in: Bearer
	// refreshed: true
	// login required: true
}

// consent is the browser and the user in it.
func consent(address string) url.Values {
	browser := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := browser.Get(address)
	if err != nil {
		return nil
	}
	resp.Body.Close()
	back, err := resp.Location()
	if err != nil {
		return nil
	}
	return back.Query()
}

func ExampleDevice() {
	fake, err := bearertest.NewServer(bearertest.Config{Clients: []bearertest.Client{{ID: "tv"}}, DeviceInterval: 1e6})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer fake.Close()

	device := grant.Device{
		Server: grant.Server{
			DeviceAuthURL: fake.Endpoint(bearertest.DeviceEndpoint),
			TokenURL:      fake.Endpoint(bearertest.TokenEndpoint),
		},
		ClientID: "tv",
	}
	ctx := context.Background()
	prompt, err := device.Start(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	prompt.Interval = 1e6 // a millisecond, so that this example is quick
	fmt.Println("a code to show:", prompt.UserCode != "")
	token, err := device.Wait(ctx, prompt)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(token.Type())
	// Output:
	// a code to show: true
	// Bearer
}
