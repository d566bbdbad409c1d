package vault

import (
	"testing"

	"github.com/zalando/go-keyring"
)

// Whatever is in the keyring under our name, reading and deleting it come to an
// end.
func FuzzKeyringText(f *testing.F) {
	for _, text := range []string{"", "dG9rZW4=", "2:abcd1234", "-1:a", "1000:a", "1001:a", ":", "999999999999999999999:a"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		keyring.MockInit()
		if n, _, _ := pieces(text); n < 0 || n > maxPieces {
			t.Errorf("got %d pieces, want 0 to %d", n, maxPieces)
		}
		if err := keyring.Set(keyringService, "k", text); err != nil {
			t.Fatal(err)
		}
		_, _ = keyringGet("k")
		if err := keyringDelete("k"); err != nil {
			t.Errorf("delete: got %v, want no error", err)
		}
	})
}
