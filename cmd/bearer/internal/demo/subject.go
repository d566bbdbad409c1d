package demo

import (
	"net/http"
	"slices"
	"time"
)

// A Subject is one way to authorize requests.
type Subject struct {
	Key  string // in JSON and for --only
	Name string // for people

	// authorize wraps the transport to the API.
	authorize func(environment) http.RoundTripper
}

// Subjects are all subjects, in the order they run in.
var Subjects = []Subject{xoauth2Subject, bearerSubject}

// Known reports whether key is that of one of the [Subjects].
func Known(key string) bool {
	return slices.ContainsFunc(Subjects, func(s Subject) bool { return s.Key == key })
}

// environment is what a Subject is told. It is the same for each, except for
// the addresses, since each has its own servers.
type environment struct {
	tokenURL, clientID, clientSecret string
	lifetime                         time.Duration

	api   http.RoundTripper // to the API, and to where the API redirects
	token http.RoundTripper // to the token endpoint
}
