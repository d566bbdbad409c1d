package main

import (
	"strings"
	"testing"

	"example.com/bearer/bearertest"
)

func TestRevokeEndsBothTokensAndForgetsThem(t *testing.T) {
	for _, provider := range []string{"matrica", "metafy", "acme"} {
		t.Run(provider, func(t *testing.T) {
			w := newWorld(t, bearertest.Config{})
			w.loggedIn(append([]string{provider}, w.endpoints()...)...)
			token := w.ok("token", provider)
			if got := w.ok("revoke", provider); !strings.Contains(got, "revoked and forgotten") {
				t.Errorf("got %q, want that it is revoked and forgotten", got)
			}
			if w.accepted(token) {
				t.Errorf("the API accepts the token that was revoked")
			}
			var hints []string
			for _, r := range w.Requests(bearertest.RevokeEndpoint) {
				hints = append(hints, r.Form.Get("token_type_hint"))
			}
			if got, want := strings.Join(hints, " "), "refresh_token access_token"; got != want {
				t.Errorf("revoked: got %q, want %q", got, want)
			}
			w.wantNoToken(provider)
			w.fails(exitFailed, "no token of "+provider+" is stored", "revoke", provider)
		})
	}
}

func TestRevokeThatFailsForgetsNothing(t *testing.T) {
	w := newWorld(t, bearertest.Config{})
	w.loggedIn(append([]string{"acme"}, w.endpoints()...)...)
	token := w.ok("token", "acme")
	w.Fault(bearertest.RevokeEndpoint, bearertest.Fault{Status: 403, Body: "<html>", Times: -1})
	w.fails(exitFailed, "nothing was forgotten", "revoke", "acme")
	if got := w.ok("token", "acme"); got != token {
		t.Errorf("got another token, want the one that could not be revoked")
	}
}

// RFC 7009 section 2.2.1: a server may be able to revoke only one kind.
func TestRevokeOfTheKindThatTheServerCanRevoke(t *testing.T) {
	w := newWorld(t, bearertest.Config{})
	w.loggedIn(append([]string{"acme"}, w.endpoints()...)...)
	unsupported := bearertest.Fault{Status: 400, Body: `{"error":"unsupported_token_type"}`, Header: map[string][]string{"Content-Type": {"application/json"}}}
	twice := unsupported
	twice.Times = 2
	w.Fault(bearertest.RevokeEndpoint, twice)
	w.fails(exitFailed, "unsupported_token_type", "revoke", "acme")
	w.Fault(bearertest.RevokeEndpoint, unsupported)
	w.ok("revoke", "acme")
}

func TestRevokeWithoutAnEndpointSaysWhatElse(t *testing.T) {
	w := newWorld(t, bearertest.Config{})
	w.ok("token", "matter", "--token-url", w.Endpoint(bearertest.TokenEndpoint))
	w.fails(exitFailed, "bearer logout matter", "revoke", "matter")
	w.ok("revoke", "matter", "--revoke-url", w.Endpoint(bearertest.RevokeEndpoint))

	w.ok("token", "metafy-app", "--token-url", w.Endpoint(bearertest.TokenEndpoint), "--revoke-url", w.Endpoint(bearertest.RevokeEndpoint))
	w.expire("metafy-app")
	if got := w.ok("revoke", "metafy-app"); !strings.Contains(got, "nothing to revoke") {
		t.Errorf("an expired token: got %q, want that there was nothing to revoke", got)
	}
}

func TestLogoutForgetsHereOnly(t *testing.T) {
	w := newWorld(t, bearertest.Config{})
	w.loggedIn(append([]string{"acme"}, w.endpoints()...)...)
	token := w.ok("token", "acme")
	if got := w.ok("logout", "acme"); !strings.Contains(got, "The server was not told") {
		t.Errorf("got %q, want that the server was not told", got)
	}
	if !w.accepted(token) {
		t.Errorf("the API does not accept the token, want that it was only forgotten")
	}
	w.wantNoToken("acme")
	w.fails(exitFailed, "no token of acme is stored", "logout", "acme")
	w.fails(exitUsage, `there is no client "acne"; did you mean acme?`, "logout", "acne")
}
