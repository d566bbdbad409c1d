// Package bearer keeps HTTP requests authorized with OAuth 2.0 bearer tokens.
//
// [Transport] is an [http.RoundTripper]. Put it into an existing [http.Client],
// or under a generated API client:
//
//	app := matter.App{ClientID: "id", ClientSecret: "secret"}
//	client := &http.Client{Transport: &bearer.Transport{
//		Source: app.Source(),
//		Hosts:  matter.Hosts,
//	}}
//	resp, err := client.Get("https://api.thisismatter.com/v1/funds")
//
// The first request obtains a token. Before it expires it is refreshed in the
// background, while requests go on with the one they have. When an API rejects
// it, it is renewed once, and the rejected requests are sent again.
//
// # The parts
//
// A [Source] obtains tokens. Package grant has the grants of OAuth 2.0, and the
// packages below providers have servers with a name. A [Cache] holds the current
// token of one credential. A Transport with a plain Source makes a Cache by
// itself; make one yourself for a [Store], [Hooks] or other times. One Cache is
// one credential: Transports may share it, and many users are many Caches that
// share the Base, the Store and the Breaker.
//
// # Guarantees
//
// The numbers are those that the tests cite; a gap is a guarantee that is not
// given yet.
//
// The transport:
//
//   - G1. The caller's request is never changed: not its headers, its body or its
//     URL. Its body is closed exactly once on every path.
//   - G2. A request that has an Authorization header, or the one that
//     [Transport.Header] names, is sent as it is, and its 401 is left alone.
//   - G3. A token goes only to [Transport.Hosts], or without them to the origin
//     that the program itself sent the request to. A chain of redirects that has
//     left is not trusted again, whatever header carries the token. Plaintext to
//     anything but this machine is [ErrInsecure].
//   - G4. However many requests an API rejects at once, the token is renewed once.
//     Each request is replayed at most once, with its whole body; otherwise the
//     first response is returned, unread or buffered.
//   - G5. Without a token no request is sent, and the error is a [*TokenError].
//
// The cache. A token is valid while it has neither expired nor been rejected by
// an API.
//
//   - G6. A valid token costs no lock, no allocation, and one look at the clock.
//   - G7. One refresh is in flight at a time. All waiters share its outcome.
//   - G8. A waiter leaves when its own context ends. No caller's cancellation
//     stops the refresh.
//   - G9. In the window before expiry no caller waits. If the background refresh
//     fails, it is tried again with growing pauses; the valid token is served
//     until it expires, and an expired one never is.
//   - G10. The window is [Cache.RefreshBefore], but at most a third of the
//     lifetime, with jitter.
//   - G11. [Cache.Renew] makes no request if the current token is not the rejected
//     one.
//   - G12. An API that rejects fresh tokens too does not cost a refresh per
//     request. This is counted per rejecting host.
//   - G13. A Source, Store, Breaker or hook that panics, hangs or calls
//     runtime.Goexit harms at most the refresh that it runs in. Hooks run after
//     that has ended.
//   - G14. A token expires when either the wall clock or the monotonic clock says
//     so: the machine may have been suspended, or its clock set back.
//
// Package grant:
//
//   - G15. The token endpoint is https or this machine, may not redirect, is read
//     up to 1 MiB, and its answer is checked. No secret is in an error, a log line,
//     a hook's value or a formatted value.
//   - G16. What can be used only once is sent again only if the server cannot have
//     processed it.
//
// Outages:
//
//   - G17. While callers wait, a refresh that may be repeated is repeated for
//     [Cache.RetryFor], so a short outage costs them time and no failure. After
//     that the circuit breaker opens, for about a quarter of the time that the
//     outage has lasted; failures are then shared and immediate. Caches that share
//     a [CircuitBreaker] share its schedule.
//   - G18. Only a refused refresh token is final, and while its access token is
//     valid only after a second refusal at expiry. The Store is read once more
//     before. Everything else is tried again: an endpoint that is sick after at
//     most 30 seconds, what looks permanent after at most 5 minutes.
//
// The store:
//
//   - G19. A rotated refresh token is in the Store before any caller gets its
//     access token. If the Store fails, or does not answer within two seconds, the
//     token is served all the same, and saving it is tried again until it works or
//     the process ends. An unsaved token is replaced only by one that the Store did
//     not hold before.
//   - G20. Processes that share a [Locker] make one token request per expiry, as
//     long as the lock can be had. Without it a rotating refresh token is not sent.
//     Pauses and open breakers do not hide what others have stored. With a [Swapper]
//     the processes share a failed refresh for its pause, too.
//   - G21. [DirStore] writes files of mode 0600 in a folder of mode 0700. A process
//     that is killed leaves the old value or the new one.
//   - G22. With a [Swapper], a refresh writes into the record that it is about to
//     send a rotating refresh token, before it does; only a token that the Store has
//     not taken yet may go without. A process that finds such a note without an
//     outcome, because its writer died or lost the lock, serves the access token
//     while it is valid, and sends the refresh token again only afterwards; within
//     the reuse grace that the Source declares, at once. A process that comes back
//     late stores its token if the one that it replaces is still the stored one, and
//     drops it otherwise.
//   - G23. A record belongs to the token endpoint and client that it came from, if
//     the Source names them. A credential that was deleted, here or in the Store,
//     is not brought back by a refresh that was under way.
//
// Many credentials:
//
//   - G24. With [Transport.CacheFor] a request never gets another key's token.
//     Without a key nothing is sent, and the error is [ErrNoKey].
//
// # Limits
//
// A request is sent again only after a rejection, never after a network error or
// a 503 of the API: that is for a retrying Base, or for a client above. A request
// whose body cannot be replayed is not retried. A process that is killed between
// the server's answer and the Store's loses a rotated refresh token, unless the
// server accepts the old one again (see grant.Server.ReuseGrace). Tokens in memory
// are not encrypted.
package bearer
