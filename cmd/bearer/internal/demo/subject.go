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

// Subjects are all there are, in the order in which they run.
var Subjects = []Subject{xoauth2Subject, bearerSubject}

// Known says whether key is one of [Subjects].
func Known(key string) bool {
	return slices.ContainsFunc(Subjects, func(s Subject) bool { return s.Key == key })
}

// environment is what a Subject is told: the same for each, but for the
// addresses, since each has servers of its own.
type environment struct {
	tokenURL, clientID, clientSecret string
	lifetime                         time.Duration

	api   http.RoundTripper // to the API and to wherever that redirects
	token http.RoundTripper // to the token endpoint
}
