// Package grant speaks OAuth 2.0 to an authorization server: it asks for tokens and gives
// them back as [oauth2.Token].
//
// A [Server] says where the endpoints are, or finds out by [Server.Discover]. A [ClientAuth] says
// how the client proves who it is: [Basic], [Post], [None], [PrivateKeyJWT], [ClientSecretJWT] or
// [TLS]. A grant says what is asked for: [ClientCredentials], [JWTBearer] and [TokenExchange] need
// no user, [AuthorizationCode] and [Device] do. Each grant is a bearer.Source, and those with a
// user are bearer.Refreshers too; [ErrLoginRequired] is where only the user can help.
//
// All are plain structs: a literal is the configuration, a zero field means the recommended value.
// One value may be used by any number of goroutines, as long as nobody changes its fields
// meanwhile.
//
// What every request to an authorization server is given here:
//
//   - https, or plaintext to this very machine. A redirect is never followed, because a 307
//     would hand the client's secret to another host.
//   - A time limit for each attempt, and retries with full jitter that honour Retry-After and
//     never outlive the context. A grant that can be spent only once is sent again only when the
//     server cannot have seen it.
//   - At most 1 MiB of an answer is read, and what it says is checked before it is believed.
//   - An error says what the server answered ([*Error]) or that it could not be reached, and
//     never holds a secret. Code that looks for [*oauth2.RetrieveError] finds one.
package grant
