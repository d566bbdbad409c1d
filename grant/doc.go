// Package grant requests OAuth 2.0 tokens from an authorization server, as
// [oauth2.Token].
//
// A [Server] holds the endpoints; [Server.Discover] finds them. A [ClientAuth]
// authenticates the client: [Basic], [Post], [None], [PrivateKeyJWT],
// [ClientSecretJWT] or [TLS]. A grant says what is requested:
// [ClientCredentials], [JWTBearer] and [TokenExchange] need no user,
// [AuthorizationCode] and [Device] do. Each grant is a bearer.Source; the last
// two are bearer.Refreshers too, and return [ErrLoginRequired] when only the
// user can help. [FromOAuth2Config] and [FromClientCredentialsConfig] convert
// configurations of golang.org/x/oauth2.
//
// All are plain structs: a literal is the configuration, and a zero field means
// the recommended value. They are safe for concurrent use as long as no field
// changes.
//
// Every request to an authorization server has these properties:
//
//   - It goes by https, or by plaintext to this machine. Redirects are never
//     followed: a 307 would pass the client's secret to another host.
//   - Each attempt has a time limit. Retries have full jitter, honour
//     Retry-After and never outlive the context. A grant that can be used only
//     once is sent again only if the server cannot have seen it.
//   - At most 1 MiB of an answer is read, and all of it is checked before use.
//   - The error says what the server answered ([*Error]) or that it could not
//     be reached, and never holds a secret. Code that looks for an
//     [*oauth2.RetrieveError] finds one.
package grant
