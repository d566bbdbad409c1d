// Package bearertest is an OAuth 2.0 authorization server and an API that its
// tokens protect, for tests and demonstrations.
//
// Both are real: tokens expire, refresh tokens rotate, a refresh token that
// is used twice ends its family, client credentials are checked. What can go
// wrong on a network is scripted with a [Fault], and what was received is in
// [Server.Counts] and [Server.Requests].
//
//	srv := bearertest.Start(t, bearertest.Config{})
//	srv.Fault(bearertest.TokenEndpoint, bearertest.Fault{Times: 2, Status: 503})
//	// point the client at srv.Endpoint(bearertest.TokenEndpoint) ...
//
// A [Server] listens on a loopback address, or it lives in a [Network] in
// memory, which works in a testing/synctest bubble: an hour of token lifetime
// then costs no time. Create the Server inside the bubble.
//
// It is not a server for production: it keeps everything in memory, and its
// consent page asks nobody who they are.
package bearertest
