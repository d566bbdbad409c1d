package bearer_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"example.com/bearer"
	"example.com/bearer/grant"
)

// G15: a Cache and a Transport do not show the secrets of what they point to.
func TestFormatShowsNoSecret(t *testing.T) {
	source := &grant.ClientCredentials{Server: grant.Server{TokenURL: "https://auth.test/token"}, Auth: &grant.Basic{ID: "id", Secret: "canary"}}
	c := &bearer.Cache{Source: source, Key: "name"}
	if err := c.Set(t.Context(), &bearer.Token{AccessToken: "canary", Expiry: time.Now().Add(time.Hour)}); err != nil {
		t.Fatal(err)
	}
	for _, v := range []any{c, &bearer.Transport{Source: source}, &bearer.Transport{Source: c, Hosts: []string{"api.test"}}, (*bearer.Cache)(nil), (*bearer.Transport)(nil)} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			if got := fmt.Sprintf(verb, v); strings.Contains(got, "canary") || strings.Contains(got, "63616e617279") || strings.Contains(got, "[99 97 110") {
				t.Errorf("%s: got %s, want no secret", verb, got)
			}
		}
		var log strings.Builder
		slog.New(slog.NewTextHandler(&log, nil)).Info("x", "v", v)
		data, _ := json.Marshal(v)
		if strings.Contains(log.String(), "canary") || strings.Contains(string(data), "canary") {
			t.Errorf("got %s and %s, want no secret", log.String(), data)
		}
	}
	if got := fmt.Sprint(c); got != `bearer.Cache{Key:"name"}` {
		t.Errorf("got %s", got)
	}
}
