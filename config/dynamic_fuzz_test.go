package config

import (
	"net/url"
	"strings"
	"testing"
)

// Whatever a server says, the token goes within allowed_domains, and a value in
// a path is one segment of it.
func FuzzServersWord(f *testing.F) {
	for _, value := range []string{"", "a", "..", ".", "a/b", "a?b", "a#b", "a%2fb", "u@h", "h:1", "https://x.good.test", "https://x.good.test@evil.test", "https://x.good.test\\.evil.test", "evil.test/x.good.test", "X.GOOD.TEST.", "\x00", "é", "[::1]"} {
		f.Add(value)
	}
	f.Fuzz(func(t *testing.T, value string) {
		for _, template := range []URL{"${token.a}", "${token.a}/v1", "https://${token.a}/v1", "https://${token.a}.good.test/v1", "https://x-${callback.a}.good.test"} {
			c := Client{Server: Server{BaseURL: template, AllowedDomains: []string{"*.good.test"}}}
			u, err := c.base(func(string) string { return value })
			hosts, err2 := c.hosts(func(string) string { return value })
			if err == nil && (!strings.HasSuffix(strings.ToLower(u.Hostname()), ".good.test") || u.User != nil || u.Port() != "") {
				t.Errorf("%s with %q: got %s, want it within good.test", template, value, u)
			}
			if err2 == nil {
				if again, err := url.Parse("https://" + hosts[0] + "/"); err != nil || again.Host != hosts[0] || !strings.HasSuffix(strings.ToLower(hosts[0]), ".good.test") {
					t.Errorf("%s with %q: got the hosts %q, want one within good.test", template, value, hosts)
				}
			}
		}
		c := Client{Server: Server{BaseURL: "https://api.test/company/${callback.a}/v1"}}
		u, err := c.base(func(string) string { return value })
		if err == nil && (u.Host != "api.test" || u.RawQuery != "" || u.Fragment != "" || u.JoinPath("..", "..").Path != "/company/" && u.JoinPath("..", "..").Path != "/company") {
			t.Errorf("%q in a path: got %s, want one segment of it", value, u)
		}
	})
}
