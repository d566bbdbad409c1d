// Package bearertest is an OAuth 2.0 authorization server and an API that its
// tokens protect, for tests and demonstrations.
//
// Both behave like real ones. Tokens expire and refresh tokens rotate. Reuse
// of a refresh token revokes its family. The server is strict where the RFCs
// are: a client that passes here sends what they require. A [Fault] scripts
// what goes wrong on a network or in an answer; [Server.Counts] and
// [Server.Requests] tell what arrived.
//
//	srv := bearertest.Start(t, bearertest.Config{})
//	srv.Fault(bearertest.TokenEndpoint, bearertest.Fault{Times: 2, Status: 503})
//	// point the client at srv.Endpoint(bearertest.TokenEndpoint) ...
//
// The API echoes each request that has a valid token. [Server.Protect] puts
// the same check in front of your own handler. Config.RequiredScope and
// Config.RequiredAudience add to what a token needs there.
//
// A [Server] listens on a loopback address, or lives in memory in a
// [Network], which works in a testing/synctest bubble: an hour of token
// lifetime then takes no time. Create the Server inside the bubble.
//
// It is not a server for production: it keeps everything in memory, and its
// consent page does not authenticate users.
package bearertest
