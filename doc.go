// Package bearer keeps HTTP requests authorized with OAuth 2.0 bearer tokens.
//
// [Transport] is an [http.RoundTripper]. It is put into an existing
// [http.Client], or under a generated API client:
//
//	app := matter.App{ClientID: "id", ClientSecret: "secret"}
//	client := &http.Client{Transport: &bearer.Transport{
//		Source: app.Source(),
//		Hosts:  matter.Hosts,
//	}}
//	resp, err := client.Get("https://api.thisismatter.com/v1/funds")
//
// The token is obtained with the first request, refreshed in good time behind
// the requests that go on with the old one, and renewed once when an API rejects
// it, whereupon the rejected requests are sent again.
//
// # The parts
//
// A [Source] obtains tokens; package grant has the grants of OAuth 2.0, the
// packages below providers have servers with a name, and every TokenSource of
// golang.org/x/oauth2 is one by [FromOAuth2]. A [Cache] holds the current token
// of one credential. A Transport that is given a plain Source makes a Cache by
// itself; whoever wants a [Store], [Hooks] or other times makes one by hand. One
// Cache is one credential: Transports may share it, and many users are many
// Caches that share the Base, the Store and the Breaker.
//
// # What is guaranteed
//
//   - The caller's request is not changed, and its body is closed once.
//   - A token goes only to the hosts it is for: not to another origin that a
//     redirect leads to, and not in plaintext.
//   - However many requests find the token expired, or have it rejected, it is
//     refreshed once, and nobody waits longer than its own context lasts.
//   - Before a token expires nobody waits at all, and a token endpoint that is
//     out of order for a while is not noticed.
//   - A token endpoint that fails is not hammered: failures are shared, pauses
//     grow, and a circuit breaker opens.
//   - A rotated refresh token is stored before its access token is used, and
//     processes that share a [Locker] make one token request for all.
//   - No error, log line or hook value holds a secret.
//
// # What is not
//
// A request is sent again only after a rejection, never after a network error or
// a 503 of the API: that is for a retrying Base, or a client above. A body that
// cannot be had twice is not sent twice. Tokens in memory are not encrypted.
package bearer
