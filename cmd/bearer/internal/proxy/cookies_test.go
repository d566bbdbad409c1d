package proxy

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"example.com/bearer/bearertest"
)

// A cookie that an API sets comes back to it, and to no other API.
func TestCookiesOfAPIs(t *testing.T) {
	var set []string // one request at a time
	api := func(rw http.ResponseWriter, _ *http.Request) { rw.Header()["Set-Cookie"] = set }
	one := newWorld(t, bearertest.Config{}, oneClient, api)
	two := newWorld(t, bearertest.Config{}, twoClients, api)
	for _, test := range []struct{ cookie, one, reports, files string }{
		{"a=b; Path=/", "a=b; Path=/", "a=b; Path=/reports", "a=b; Path=/files"},
		{"a=b; path=/v1/; Secure", "a=b; Secure; Path=/", "a=b; Secure; Path=/reports", "a=b; Secure; Path=/files/v1"},
		{"a=b; Path=/v1/x; Domain=api.test; Max-Age=9", "a=b; Max-Age=9; Path=/x", "a=b; Max-Age=9; Path=/reports/x", "a=b; Max-Age=9; Path=/files/v1/x"},
		{"a=b", "a=b; Path=/v1", "a=b; Path=/reports/v1", "a=b; Path=/files/v1"}, // of the request
		{"a=b; Path=/v12", "", "", "a=b; Path=/files/v12"},
		{"bearer-proxy-8080=forged; Path=/-/", "", "", ""},
	} {
		set = []string{test.cookie}
		for _, got := range []struct {
			answer
			want string
		}{
			{one.send("GET", "/v1/daily", ""), test.one},
			{two.send("GET", "/reports/v1/daily", ""), test.reports},
			{two.send("GET", "/files/v1/daily", ""), test.files},
		} {
			if cookie := strings.Join(got.Header["Set-Cookie"], "|"); cookie != got.want {
				t.Errorf("%s: got %q, want %q", test.cookie, cookie, got.want)
			}
		}
	}
	set = []string{"a=b"}
	if got := two.send("GET", "/reports", "").Header["Set-Cookie"]; !slices.Equal(got, []string{"a=b; Path=/reports"}) {
		t.Errorf("without a path: got %q, want that of the client", got)
	}
}
