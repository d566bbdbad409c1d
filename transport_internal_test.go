package bearer

import (
	"net/url"
	"testing"
)

// G12 counts rejections per host: each API has one spelling.
func TestHostOf(t *testing.T) {
	for rawURL, want := range map[string]string{
		"https://api.test/v1":        "api.test:443",
		"https://API.Test:443/":      "api.test:443",
		"https://api.test:8443/":     "api.test:8443",
		"http://localhost/":          "localhost:80",
		"https://[2001:DB8::1]/":     "[2001:db8::1]:443",
		"https://[fe80::1%25eth0]:1": "[fe80::1%eth0]:1",
		"unix:/run/api.sock":         ":",
	} {
		u, err := url.Parse(rawURL)
		if err != nil {
			t.Fatal(err)
		}
		if got := hostOf(u); got != want {
			t.Errorf("%s: got %q, want %q", rawURL, got, want)
		}
	}
}
