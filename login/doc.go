// Package login asks a user for consent: it sends the browser to the
// authorization server, receives it back, and exchanges the code for a token
// (RFC 6749 section 4.1).
//
// Use [Loopback] in a program on the user's own machine, and [Handler] in a web
// application. Both make a new state and PKCE verifier for each login, accept
// an answer only with the state of a pending login, exchange its code once, and
// show nothing of a query in a page.
//
// They take any grant that is a [Flow]. Their errors are those of package
// grant, for use with [errors.Is]: [grant.ErrAccessDenied] if the user
// declined, [grant.ErrStateMismatch], [grant.ErrCodeExpired] and others. None
// contains a secret.
package login
