package demo

import (
	"net/http"

	"example.com/bearer"
	"example.com/bearer/grant"
)

// bearerSubject is bearer with its default values.
var bearerSubject = Subject{
	Key:  "bearer",
	Name: "bearer",
	authorize: func(env environment) http.RoundTripper {
		return &bearer.Transport{
			Source: &grant.ClientCredentials{
				Server: grant.Server{TokenURL: env.tokenURL, Transport: env.token},
				Auth:   grant.Basic{ID: env.clientID, Secret: grant.Secret(env.clientSecret)},
			},
			Base: env.api,
		}
	},
}
