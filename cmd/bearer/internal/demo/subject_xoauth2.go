package demo

import (
	"context"
	"net/http"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
)

// xoauth2Subject is golang.org/x/oauth2 at its best.
//
// Its clients replace a token 10 s before it expires. Here that is longer than
// a token's lifetime, and would cost a token request for each API request. So
// it is set to a tenth of the lifetime: in proportion more than 10 s of the
// usual hour, and enough for a token from the cache to reach the API before it
// expires.
//
// AuthStyle is set, so that no request is spent on probing for it.
var xoauth2Subject = Subject{
	Key:  "xoauth2",
	Name: "x/oauth2",
	authorize: func(env environment) http.RoundTripper {
		ctx := context.WithValue(context.Background(), oauth2.HTTPClient, &http.Client{Transport: env.token})
		config := &clientcredentials.Config{
			ClientID:     env.clientID,
			ClientSecret: env.clientSecret,
			TokenURL:     env.tokenURL,
			AuthStyle:    oauth2.AuthStyleInHeader,
		}
		return &oauth2.Transport{
			Source: oauth2.ReuseTokenSourceWithExpiry(nil, config.TokenSource(ctx), env.lifetime/10),
			Base:   env.api,
		}
	},
}
