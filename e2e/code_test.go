package e2e

import (
	"context"
	"errors"
	"net/http"
	"testing"

	"example.com/bearer"
	"example.com/bearer/grant"
	"example.com/bearer/login"

	"golang.org/x/oauth2"
)

// A user consents in a browser, the code is exchanged with its verifier, and
// the token works; for a client with a secret and for one without.
func TestConsentGranted(t *testing.T) {
	s := need(t)
	for _, test := range []struct {
		client string
		auth   grant.ClientAuth
		wire   string
	}{
		{"public", nil, "none"},
		{"confidential", grant.Basic{ID: "confidential", Secret: plainSecret}, "basic"},
	} {
		t.Run(test.client, func(t *testing.T) {
			flow := s.flow(t, test.client, test.auth)
			before := len(s.seen(t).of(test.client))
			cache := &bearer.Cache{Source: flow}
			if err := cache.Set(t.Context(), loggedIn(t, flow)); err != nil {
				t.Fatal(err)
			}
			client := &http.Client{Transport: &bearer.Transport{Source: cache}}
			if status, err := s.get(t.Context(), client); err != nil || status != http.StatusOK {
				t.Errorf("GET /api: got %d, %v, want 200", status, err)
			}
			requests := s.seen(t).of(test.client)[before:]
			if len(requests) != 1 || requests[0].Auth != test.wire || requests[0].Grant != "authorization_code" {
				t.Errorf("token requests: got %+v, want one authorization_code by %s", requests, test.wire)
			}
		})
	}
}

// A user who declines is an error of its own, and costs no token request.
func TestConsentDeclined(t *testing.T) {
	s := need(t)
	before := len(s.seen(t).of("public"))
	if _, err := logIn(t, at(s.flow(t, "public", nil)), declineConsent()); !errors.Is(err, grant.ErrAccessDenied) {
		t.Errorf("Login: got %v, want ErrAccessDenied", err)
	}
	if n := len(s.seen(t).of("public")) - before; n != 0 {
		t.Errorf("token requests: got %d, want 0", n)
	}
}

// A code is good once, and for the verifier that it was asked for with.
func TestCodeThatIsNoGood(t *testing.T) {
	s := need(t)
	for _, test := range []struct {
		name     string
		exchange exchange
	}{
		{"used before", func(ctx context.Context, flow login.Flow, code, verifier string) (*oauth2.Token, error) {
			if _, err := flow.Exchange(ctx, code, verifier); err != nil {
				t.Errorf("Exchange, the first time: %v", err)
			}
			return flow.Exchange(ctx, code, verifier)
		}},
		{"another verifier", func(ctx context.Context, flow login.Flow, code, _ string) (*oauth2.Token, error) {
			return flow.Exchange(ctx, code, oauth2.GenerateVerifier())
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			right := at(s.flow(t, "public", nil))
			_, err := logIn(t, func(redirectURL string) login.Flow {
				return wrong{right(redirectURL), test.exchange}
			}, grantConsent())
			if !errors.Is(err, grant.ErrCodeExpired) {
				t.Errorf("Login: got %v, want ErrCodeExpired", err)
			}
		})
	}
}

// wrong is a flow that does something else with its code.
type wrong struct {
	login.Flow
	exchange exchange
}

type exchange func(ctx context.Context, flow login.Flow, code, verifier string) (*oauth2.Token, error)

func (w wrong) Exchange(ctx context.Context, code, verifier string) (*oauth2.Token, error) {
	return w.exchange(ctx, w.Flow, code, verifier)
}
