package grant

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

// G15: no way of printing a Secret shows it, alone or inside a struct.
func TestSecretDoesNotShowItself(t *testing.T) {
	const canary = "canary"
	shown := func(how, text string) {
		t.Helper()
		if strings.Contains(text, canary) || strings.Contains(text, fmt.Sprintf("%x", canary)) || strings.Contains(text, fmt.Sprintf("%X", canary)) {
			t.Errorf("%s: got %q, want no secret in it", how, text)
		}
	}
	for _, value := range []any{Secret(canary), Basic{ID: "id", Secret: canary}, &Post{ID: "id", Secret: canary},
		[]Secret{canary}, map[string]Secret{"k": canary}, ClientCredentials{Auth: Basic{Secret: canary}}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "% x", "%10s"} {
			shown(fmt.Sprintf("%s of %T", verb, value), fmt.Sprintf(verb, value))
		}
		var log bytes.Buffer
		slog.New(slog.NewTextHandler(&log, nil)).Info("x", "value", value)
		slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "value", value)
		shown(fmt.Sprintf("slog of %T", value), log.String())
	}
	for _, value := range []any{Secret(canary), map[string]Secret{"k": canary}} {
		text, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		shown("JSON", string(text))
	}
	if got, want := fmt.Sprintf("%v|%#v|%q", Secret("x"), Secret("x"), Secret("")), `[redacted]|"[redacted]"|""`; got != want {
		t.Errorf("printed: got %s, want %s", got, want)
	}
}

// G15: nor does a private key, of any kind.
func TestSigningKeyDoesNotShowItself(t *testing.T) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signing := SigningKey{Signer: key, ID: "k1"}
	for _, value := range []any{signing, &signing, PrivateKeyJWT{ID: "id", Key: signing}, JWT{Issuer: "i", Key: signing},
		ClientCredentials{Auth: PrivateKeyJWT{ID: "id", Key: signing}}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d"} {
			got := fmt.Sprintf(verb, value)
			for _, leak := range []string{fmt.Sprintf("%d %d", key[0], key[1]), fmt.Sprintf("%x", key[:4]), fmt.Sprintf("%#x, %#x", key[0], key[1])} {
				if strings.Contains(got, leak) {
					t.Errorf("%s of %T: got %s, want no key in it", verb, value, got)
				}
			}
		}
	}
	if text, err := json.Marshal(PrivateKeyJWT{ID: "id", Key: signing}); err != nil || strings.Contains(string(text), "Signer") {
		t.Errorf("JSON: got %s and %v, want no key in it", text, err)
	}
}
