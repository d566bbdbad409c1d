// Package e2e holds the tests of module bearer against an authorization server
// that somebody else wrote: oidc-provider, from npm, with consent screens that
// a real browser goes through. There is nothing to import.
//
// They need node, chromium, and what npm installs from package-lock.json:
//
//	npm ci
//	BEARER_E2E=1 go test .
//
// Without BEARER_E2E they skip.
package e2e
