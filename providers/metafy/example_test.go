package metafy_test

import (
	"context"
	"fmt"

	"example.com/bearer/bearertest"
	"example.com/bearer/grant"
	"example.com/bearer/providers/metafy"
)

// A token on behalf of the application's owner, from request to revocation.
func ExampleApp_Owner() {
	fake, err := bearertest.NewServer(bearertest.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer fake.Close()

	owner := metafy.App{
		ClientID:     "client",
		ClientSecret: "secret",
		Server: grant.Server{ // leave it out to reach Metafy itself
			TokenURL:  fake.Endpoint(bearertest.TokenEndpoint),
			RevokeURL: fake.Endpoint(bearertest.RevokeEndpoint),
		},
	}.Owner()
	ctx := context.Background()
	token, err := owner.Token(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(token.Type(), token.ExpiresIn)

	err = owner.Revoke(ctx, token.AccessToken, "access_token")
	fmt.Println("revoked:", err == nil && fake.Counts().Revoked == 1)
	// Output:
	// Bearer 3600
	// revoked: true
}
