package credential

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"example.com/bearer"
)

func TestEachNameHasItsOwnSecret(t *testing.T) {
	t.Setenv(SharedVariable, "shared")
	t.Setenv("BEARER_ACME_2_X_CLIENT_SECRET", "acme's")
	if got, err := (Secret{Name: "acme-2_x"}).Get(t.Context()); got != "acme's" || err != nil {
		t.Errorf("acme-2_x: got another secret or the error %v, want that of BEARER_ACME_2_X_CLIENT_SECRET", err)
	}
	if _, err := (Secret{Name: "other"}).Get(t.Context()); !errors.Is(err, ErrNoSecret) {
		t.Errorf("other: got %v, want ErrNoSecret, whatever other variables hold", err)
	}
}

// Callers wait while a refresh is repeated, and a missing secret does not
// appear by waiting.
func TestAMissingSecretIsNotRetried(t *testing.T) {
	for what, secret := range map[string]Secret{
		"no secret":   {Name: "c"},
		"absent file": {Name: "c", File: t.TempDir() + "/absent"},
	} {
		synctest.Test(t, func(t *testing.T) {
			cache := bearer.Cache{Source: Credential{TokenURL: "https://auth.test/token", ClientID: "i"}.Source(secret)}
			start := time.Now()
			if _, err := cache.Token(t.Context()); err == nil {
				t.Errorf("%s: got a token, want an error", what)
			}
			if took := time.Since(start); took != 0 {
				t.Errorf("%s: got the error after %v, want it at once", what, took)
			}
		})
	}
}
