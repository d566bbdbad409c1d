// Package login asks a user for consent: it sends a browser to the authorization server, takes it
// back, and exchanges the code for a token (RFC 6749 section 4.1).
//
// [Loopback] is for a program on the user's own machine, [Handler] for a web application. Both
// make a new state and PKCE verifier for each login, accept an answer only with the state of a
// login that is under way, and only once, and show nothing of the query in a page.
//
// What they need of a grant is the interface [Flow]. The errors are those of package grant, to be
// told apart with [errors.Is]: [grant.ErrAccessDenied] when the user declined,
// [grant.ErrStateMismatch], [grant.ErrCodeExpired] and so on. None of them holds a secret.
package login
