package login

import (
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

// A login ends on this site, also if a foreign link began it.
func TestLocal(t *testing.T) {
	for path, want := range map[string]string{
		"/":                                    "/",
		"/wallets?page=2&sort=a#top":           "/wallets?page=2&sort=a#top",
		"/café/%2e%2e/x":                       "/café/%2e%2e/x",
		"/redirect?to=https://x.test":          "/redirect?to=https://x.test",
		"":                                     "/",
		"wallets":                              "/",
		"https://evil.example":                 "/",
		"//evil.example":                       "/",
		"///evil.example":                      "/",
		`/\evil.example`:                       "/",
		`\\evil.example`:                       "/",
		`/a\..\\evil.example`:                  "/",
		"/\t/evil.example":                     "/",
		"/\n/evil.example":                     "/",
		"/\r\nSet-Cookie: a=b":                 "/",
		" //evil.example":                      "/",
		"/ /evil.example":                      "/",
		"\x00//evil.example":                   "/",
		"javascript:alert(1)":                  "/",
		"/\x7f/evil.example":                   "/",
		"/" + strings.Repeat("x", maxReturnTo): "/",
	} {
		if got := local(path); got != want {
			t.Errorf("%q: got %q, want %q", path, got, want)
		}
	}
}

// Outside a Handler's funcs ReturnTo is the front page.
func TestReturnToOfAnyRequest(t *testing.T) {
	if got := ReturnTo(httptest.NewRequest("GET", "/x?return_to=/y", nil)); got != "/" {
		t.Errorf("got %q, want /", got)
	}
}

// What local accepts, resolved as browsers do, is on the same host.
func FuzzLocal(f *testing.F) {
	base, _ := url.Parse("https://app.test/login/callback")
	f.Fuzz(func(t *testing.T, path string) {
		got := local(path)
		// The WHATWG URL standard drops these and reads a backslash as a slash.
		browser := strings.NewReplacer("\t", "", "\n", "", "\r", "", `\`, "/").Replace(strings.Trim(got, " "))
		if browser != got || !strings.HasPrefix(got, "/") || strings.HasPrefix(got, "//") {
			t.Fatalf("%q: got %q, which browsers read differently", path, got)
		}
		if u, err := base.Parse(got); err == nil && u.Host != "app.test" {
			t.Fatalf("%q: got %q, which leads to %q", path, got, u.Host)
		}
	})
}
