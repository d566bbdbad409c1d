// Package peers drives bearer and the libraries beside it in the same way:
// each has one file here that says how it is configured, and why so.
package peers

import (
	"context"
	"net/http"
	"time"
)

// A Token is what a token endpoint gave.
type Token struct {
	Value  string
	Expiry time.Time
}

// A Fetch makes one token request. It is the same for all peers, so that what
// differs is what they do with it.
type Fetch func(ctx context.Context) (Token, error)

// A Setup is what a scenario asks of a peer.
type Setup struct {
	Fetch Fetch

	// Base sends the requests.
	Base http.RoundTripper

	// Margin is how long before expiry a token is to be refreshed, where the
	// peer has a say in it. Zero: what the peer recommends.
	Margin time.Duration
}

// A Get returns the current token.
type Get func() (string, error)

// A Peer is one library.
type Peer struct {
	Name   string
	Module string // whose version the tables show

	// Blocks says that callers wait for a refresh inside the margin too, so
	// that a large margin does the peer no good.
	Blocks bool

	// Transport authorizes each request with the cached token.
	Transport func(Setup) http.RoundTripper

	// Above is for a peer that is meant to stand above an http.Client, which
	// follows the redirects, and not under one. Nil: it stands under one.
	Above func(Setup) func(*http.Request) (*http.Response, error)

	// Tokens makes one cache. It is asked by many callers, each with its own
	// context where the peer takes one; what a caller brings along is made by
	// the inner function, before anything is measured.
	Tokens func(Setup) func(ctx context.Context) Get

	// Many makes n caches with nothing round them, one for each credential.
	Many func(n int, fetch func(i int) Fetch) func(ctx context.Context, i int) (string, error)
}

// Do returns what sends a request as the peer's users do.
func (p Peer) Do(s Setup) func(*http.Request) (*http.Response, error) {
	if p.Above != nil {
		return p.Above(s)
	}
	return (&http.Client{Transport: p.Transport(s)}).Do
}

// All are bearer and the peers, in the order of the tables.
var All = []Peer{Bearer, OAuth2, Smithy, Azcore, CloudAuth, ClientGo}

// many makes caches of one type side by side, without an interface or a
// closure for each, which would be counted as the peer's.
func many[C any](n int, cache func(i int) C) []C {
	all := make([]C, n)
	for i := range all {
		all[i] = cache(i)
	}
	return all
}
