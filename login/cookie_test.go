package login

import (
	"testing"
	"time"
)

var testJar = jar{key: testKey, secure: true, lifetime: time.Minute}

// A seal opens to what was sealed, and no two seals are equal.
func TestSealOpens(t *testing.T) {
	want := pending{Verifier: "verifier", ReturnTo: "/wallets", Expires: time.Unix(1_700_000_000, 0)}
	first, err := testJar.seal("state", want)
	if err != nil {
		t.Fatal(err)
	}
	if second, _ := testJar.seal("state", want); second == first {
		t.Error("got the same seal twice, want a fresh nonce")
	}
	if got, err := testJar.open("state", first); err != nil || got != want {
		t.Errorf("got %v and error %v, want what was sealed", got, err)
	}
	if _, err := testJar.open("other", first); err == nil {
		t.Error("the seal opens for another login")
	}
}

// Anyone can write a cookie: none that we did not seal opens, and none panics.
func FuzzOpen(f *testing.F) {
	f.Fuzz(func(t *testing.T, bound, value string) {
		if p, err := testJar.open(bound, value); err == nil {
			t.Fatalf("opened %q as %v", value, p)
		}
	})
}
