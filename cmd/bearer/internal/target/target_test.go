package target_test

import (
	"net/url"
	"strings"
	"testing"

	"example.com/bearer/cmd/bearer/internal/target"
	"example.com/bearer/config"
)

const file = `
defaults: {token_url: "https://auth.test/token", client_id: c, client_secret: s}
clients:
  based: {base_url: "https://api.test/v1"}
  query: {base_url: "https://api.test/v1/?tenant=7"}
  ported: {base_url: "https://api.test:8443"}
  local: {base_url: "http://127.0.0.1:8080/api/"}
  plain: {base_url: "http://api.test/v1", insecure_allow_http: true}
  hosts: {hosts: [api.test, "files.test:8443"]}
  both: {base_url: "https://api.test/v1", hosts: [api.test]}
  open: {}
`

func of(t *testing.T, client string) *target.Target {
	t.Helper()
	set, err := config.Parse([]byte(file))
	if err != nil {
		t.Fatal(err)
	}
	where, err := target.Of(t.Context(), set, client)
	if err != nil {
		t.Fatal(err)
	}
	return where
}

func TestURLsThatAClientMayBeSentTo(t *testing.T) {
	for _, row := range []struct{ client, raw, want string }{
		{"based", "/users", "https://api.test/v1/users"},
		{"based", "users", "https://api.test/v1/users"},
		{"based", "users/", "https://api.test/v1/users/"},
		{"based", "", "https://api.test/v1"},
		{"based", "?page=2", "https://api.test/v1?page=2"},
		{"based", "users?page=2#top", "https://api.test/v1/users?page=2"},
		{"based", "a%2Fb", "https://api.test/v1/a%2Fb"},
		{"based", "/users/urn:x", "https://api.test/v1/users/urn:x"},
		{"based", "https://api.test/v1", "https://api.test/v1"},
		{"based", "https://API.test:443/v1/users", "https://API.test:443/v1/users"},
		{"based", "a..b/...", "https://api.test/v1/a..b/..."},
		{"based", "search?q=../x", "https://api.test/v1/search?q=../x"},
		{"based", "two words", "https://api.test/v1/two%20words"},
		{"query", "/users", "https://api.test/v1/users?tenant=7"},
		{"query", "users?page=2", "https://api.test/v1/users?tenant=7&page=2"},
		{"ported", "/x", "https://api.test:8443/x"},
		{"local", "x", "http://127.0.0.1:8080/api/x"},
		{"plain", "x", "http://api.test/v1/x"},
		{"hosts", "https://api.test/anything", "https://api.test/anything"},
		{"hosts", "https://api.test:444/", "https://api.test:444/"},
		{"hosts", "https://files.test:8443/f", "https://files.test:8443/f"},
		{"both", "/users", "https://api.test/v1/users"},
		{"both", "https://api.test/v2/users", "https://api.test/v2/users"},
	} {
		got, err := of(t, row.client).URL(row.raw)
		if err != nil || got.String() != row.want {
			t.Errorf("%s, %q: got %v and the error %v, want %s", row.client, row.raw, got, err, row.want)
		}
	}
}

func TestURLsThatAreRefused(t *testing.T) {
	for _, row := range []struct{ client, raw, want string }{
		{"based", "https://evil.test/v1/x", "is not where based is, whose token goes only to https://api.test"},
		{"based", "https://api.test.evil.test/v1", "is not where"},
		{"based", "https://api.test./v1", "is not where"},
		{"based", "https://sub.api.test/v1", "is not where"},
		{"based", "//evil.test/v1", "names a host without a scheme"},
		{"based", "//api.test/v1", "names a host without a scheme"},
		{"based", "///evil.test", "names a host without a scheme"},
		{"based", "https:evil.test", "is not an absolute URL"},
		{"based", "https:///v1/x", "is not an absolute URL"},
		{"based", "mailto:a@api.test", "is not an absolute URL"},
		{"based", "users:1/x", "is not an absolute URL"},
		{"based", "1:2/x", "a path whose first segment has a colon needs /"},
		{"based", "https://user:canary@api.test/v1/x", "has a user name"},
		{"based", "https://api.test@evil.test/v1/x", "has a user name"},
		{"based", "https://api.test:8443/v1", "is not where"},
		{"based", "https://api.test:x/v1", "the port is not a number"},
		{"based", "http://api.test:443/v1", "is not where"},
		{"based", "ftp://api.test:443/v1", "is not where"},
		{"based", "https://api.test/v2", "is not below the base_url of based, https://api.test/v1"},
		{"based", "https://api.test/v12", "is not below"},
		{"based", "https://api.test/", "is not below"},
		{"based", "https://api.test/v1%2Fx", "is not below"},
		{"based", "/../admin", "a segment . or .."},
		{"based", "..", "a segment . or .."},
		{"based", "./x", "a segment . or .."},
		{"based", "https://api.test/v1/../admin", "a segment . or .."},
		{"based", "%2e%2e/admin", "a segment . or .."},
		{"based", "%2E./admin", "a segment . or .."},
		{"based", "%252e%252e/admin", "a segment . or .."},
		{"based", "%25zz/%252e%252e/admin", "a segment . or .."},
		{"based", "x%20/%2e%2e%20/admin", "a segment . or .."},
		{"based", "%" + strings.Repeat("25", 1<<19) + "2e", "a segment . or .."},
		{"based", "x%2f..%2f..%2fadmin", "a segment . or .."},
		{"based", "x%5c..%5c..%5cadmin", "a segment . or .."},
		{"based", "..;a=b/admin", "a segment . or .."},
		{"based", `\\evil.test\x`, "has a backslash"},
		{"based", `https://api.test\@evil.test/`, "has a backslash"},
		{"based", `..\admin`, "has a backslash"},
		{"based", "x%zz", "a % is not followed"},
		{"based", "https://api.test/v1/\x00", "a character that a URL cannot have"},
		{"based", "https://api%2etest/v1", "a % is not followed"},
		{"plain", "https://api.test/v1/x", "is not where"},
		{"hosts", "/users", "hosts has no base_url"},
		{"hosts", "https://files.test/f", "is not a host of hosts, whose token goes only to api.test and files.test:8443"},
		{"hosts", "http://api.test/", "would show the token"},
		{"hosts", "ftp://api.test/", "has the scheme ftp"},
	} {
		got, err := of(t, row.client).URL(row.raw)
		if err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s, %q: got %v and the error %v, want an error with %q", row.client, row.raw, got, err, row.want)
		}
		if err != nil && strings.Contains(err.Error(), "canary") {
			t.Errorf("%q: the error %q shows a password", row.raw, err)
		}
	}
}

func TestAClientWithoutBaseURLAndHosts(t *testing.T) {
	set, err := config.Parse([]byte(file))
	if err != nil {
		t.Fatal(err)
	}
	for client, want := range map[string]string{"open": "neither base_url nor hosts", "none": "there is no client"} {
		if _, err := target.Of(t.Context(), set, client); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got the error %v, want one with %q", client, err, want)
		}
	}
}

func TestPrefixes(t *testing.T) {
	for client, want := range map[string]string{
		"based": "https://api.test/v1", "ported": "https://api.test:8443", "local": "", "plain": "",
		"hosts": "https://api.test https://files.test:8443", "both": "https://api.test",
	} {
		if got := strings.Join(of(t, client).Prefixes(), " "); got != want {
			t.Errorf("%s: got %q, want %q", client, got, want)
		}
	}
}

// Whatever URL accepts leads to the client's host and stays below base_url for
// every reader of the path.
func FuzzURL(f *testing.F) {
	for _, seed := range []string{"/x", "https://api.test/v1/x", "//evil", `\\evil`, "%2e%2e", "https://api.test@evil/", "?a#b", "a;b/..;/c"} {
		f.Add(seed)
	}
	set, err := config.Parse([]byte(file))
	if err != nil {
		f.Fatal(err)
	}
	where, err := target.Of(f.Context(), set, "based")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		u, err := where.URL(raw)
		if err != nil {
			return
		}
		again, err := url.Parse(u.String())
		if err != nil || again.Scheme != "https" || !strings.EqualFold(again.Hostname(), "api.test") || again.User != nil {
			t.Fatalf("%q: got %q (%v), which leads elsewhere", raw, u, err)
		}
		if clean := again.JoinPath(); clean.Path != "/v1" && !strings.HasPrefix(clean.Path, "/v1/") {
			t.Errorf("%q: got %q, which is not below /v1", raw, u)
		}
	})
}
