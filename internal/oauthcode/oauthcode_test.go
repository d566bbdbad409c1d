package oauthcode

import (
	"errors"
	"testing"

	"golang.org/x/oauth2"
)

func TestPermanent(t *testing.T) {
	for code, want := range map[string]bool{
		"invalid_grant": true, "invalid_client": true, "expired_token": true, "unsupported_token_type": true,
		"server_error": false, "temporarily_unavailable": false, "slow_down": false, "authorization_pending": false, "": false,
	} {
		if got := Permanent(code); got != want {
			t.Errorf("Permanent(%q): got %v, want %v", code, got, want)
		}
	}
}

func TestErrLoginRequiredIsARetrieveError(t *testing.T) {
	retrieve, ok := errors.AsType[*oauth2.RetrieveError](ErrLoginRequired)
	if !ok || retrieve.ErrorCode != "login_required" {
		t.Errorf("got %v, %v, want a RetrieveError with the code login_required", retrieve, ok)
	}
}

// A transient code is not a permanent one; an unknown code is neither.
func TestTransient(t *testing.T) {
	for code := range transient {
		if !Transient(code) || Permanent(code) {
			t.Errorf("%s: got transient %v, permanent %v, want true and false", code, Transient(code), Permanent(code))
		}
	}
	if Transient("bad_refresh_token") || Transient("") {
		t.Error("an unknown code is transient, want false")
	}
}
