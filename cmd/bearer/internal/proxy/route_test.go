package proxy

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"example.com/bearer/bearertest"
)

const twoClients = `
defaults: {token_url: AUTH/token, client_id: client, client_secret: ` + secret + `}
clients:
  reports: {base_url: "API/v1?key=k"}
  files: {base_url: API, allow: [GET /v1/, "PUT /v1/{name}", "POST /groups/{group}/members"]}
  nowhere: {}
`

// With one client every path is its own; with several the first segment names
// one. The rest, and the query, arrive as they were written.
func TestRoutes(t *testing.T) {
	one := newWorld(t, bearertest.Config{}, oneClient, nil)
	for path, want := range map[string]string{
		"/":                      "/v1/",
		"/daily?a=1&b=2;c&%zz":   "/v1/daily?a=1&b=2;c&%zz",
		"/reports/daily":         "/v1/reports/daily",
		"/group%2Fproject/x%20y": "/v1/group%2Fproject/x%20y",
		"//double//slash/":       "/v1//double//slash/",
		"/%E2%82%AC/...":         "/v1/%E2%82%AC/...",
	} {
		one.wants(one.send("GET", path, ""), 200, want)
	}
	two := newWorld(t, bearertest.Config{}, twoClients, nil)
	for path, want := range map[string]string{
		"/reports":               "/v1?key=k",
		"/reports/":              "/v1/?key=k",
		"/reports/a/b?c":         "/v1/a/b?key=k&c",
		"/files/v1/x%2Fy":        "/v1/x%2Fy",
		"/reports/a%2Fb/files/c": "/v1/a%2Fb/files/c?key=k",
	} {
		if got := two.send("GET", path, ""); got.body != want {
			t.Errorf("%s: got %s and %q, want %q", path, got.Status, got.body, want)
		}
	}
	for _, path := range []string{"/", "/nowhere/x", "/report/x", "/Reports/x", "/%72eports/x", "/reports%2Fx", "//reports/x"} {
		two.wants(two.send("GET", path, ""), 404, "Those that are served: files, reports.")
	}
	if !strings.Contains(two.log.String(), "client=nowhere") {
		t.Errorf("got the log\n%s\nwant that nowhere is not served", two.log)
	}
}

// What could lead out of base_url, once another server has read it, is refused.
func TestAmbiguousPaths(t *testing.T) {
	w := newWorld(t, bearertest.Config{}, oneClient, nil)
	for _, path := range []string{
		"/../admin", "/a/..", "/a/./b", "/.", "/%2e%2e/admin", "/.%2E/admin", "/a/%2e", "/..%2fadmin", "/a%2f..%2f..%2fadmin",
		"/%252e%252e/admin", "/%25252e%25252e/admin", "/..%5cadmin", "/a%5c..%5c..%5cadmin", "/..;/admin", "/..;x=1/admin", "/%2e%2e%3b/admin",
		"/a%00b", "/a%0d%0ab", "/.%20./%2e%2e%20/x", "/%25zz/%252e%252e/x",
	} {
		w.wants(w.send("GET", path, ""), 400, `"/problems/path`[1:])
	}
	for _, method := range []string{"TRACE", "TRACK"} {
		w.wants(w.send(method, "/", ""), 405, "problems/method")
	}
	if n := len(w.arrived()); n != 0 {
		t.Errorf("the API got %d requests, want none", n)
	}
}

// allow limits a client by method and path, however the path is written.
func TestLimits(t *testing.T) {
	w := newWorld(t, bearertest.Config{}, twoClients, nil)
	for _, test := range []struct {
		method, path string
		want         int
	}{
		{"GET", "/files/v1/", 200},
		{"HEAD", "/files/v1/a/b", 200},
		{"GET", "/files/v1/a%2Fb", 200},
		{"PUT", "/files/v1/a", 200},
		{"PUT", "/files/v1/a/b", 403},
		{"PUT", "/files/v1/a%2Fb", 403}, // a server may take it for a/b
		{"POST", "/files/groups/7/members", 200},
		{"POST", "/files/groups/7/8/members", 403},
		{"POST", "/files/v1/a", 403},
		{"DELETE", "/files/v1/a", 403},
		{"GET", "/files/v1", 403},
		{"GET", "/files/v12/", 403},
		{"GET", "/files/", 403},
		{"GET", "/files", 403},
		{"GET", "/files//v1/a", 403},
		{"GET", "/files/v1%2Fa", 403},
		{"GET", "/files/v1%5Ca", 403},
		{"GET", "/files/V1/a", 403},
		{"OPTIONS", "/files/v1/", 403},
		{"DELETE", "/reports/a", 200},
	} {
		before := len(w.arrived())
		if got := w.send(test.method, test.path, ""); got.StatusCode != test.want {
			t.Errorf("%s %s: got %s, want %d", test.method, test.path, got.Status, test.want)
		}
		if passed := len(w.arrived()) - before; (passed == 1) != (test.want == 200) {
			t.Errorf("%s %s: the API got %d requests", test.method, test.path, passed)
		}
	}
}

// allow is about what the API does: a header by which it may do something else
// is refused. Without allow it is the caller's own affair.
func TestLimitsAndOverrides(t *testing.T) {
	w := newWorld(t, bearertest.Config{}, twoClients, nil)
	for _, name := range []string{"X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override", "X-Original-URL", "X-Rewrite-URL"} {
		w.wants(w.send("POST", "/files/groups/7/members", "", name, "DELETE"), 403, "does not allow the header X-")
		w.wants(w.send("POST", "/reports/a", "", name, "DELETE"), 200, "")
	}
	if got := len(w.arrived()); got != 5 {
		t.Errorf("the API got %d requests, want the 5 of reports", got)
	}
}

// A redirect that stays below base_url leads through the proxy; any other leads
// where the API meant it to.
func TestRedirects(t *testing.T) {
	w := newWorld(t, bearertest.Config{}, twoClients, func(rw http.ResponseWriter, r *http.Request) {
		if to := r.Header.Get("X-To"); to != "" {
			rw.Header()["Location"] = []string{to} // as it is
		}
		rw.WriteHeader(http.StatusFound)
	})
	for _, test := range []struct{ to, want string }{
		{"/v1/next?a=b#c", "/reports/next?a=b#c"},
		{"next", "/reports/a/next"},
		{"../x%2Fy", "/reports/x%2Fy"},
		{w.api.URL + "/v1", "/reports"},
		{strings.Replace(w.api.URL, "http", "HTTP", 1) + "/v1/./z/../q", "/reports/q"},
		{"?page=2", "/reports/a/b?page=2"},
		{"/v2/next", w.api.URL + "/v2/next"},
		{"/v12", w.api.URL + "/v12"},
		{"../../v2", w.api.URL + "/v2"},
		{"https://elsewhere.test/v1/x", "https://elsewhere.test/v1/x"},
		{"//elsewhere.test/v1", "http://elsewhere.test/v1"},
		{w.api.URL + "0/v1/x", w.api.URL + "0/v1/x"},
		{"http://[", "http://["},
		{"", ""},
	} {
		got := w.send("GET", "/reports/a/b", "", "X-To", test.to)
		if location := got.Header.Get("Location"); got.StatusCode != 302 || location != test.want {
			t.Errorf("%q: got %s and %q, want %q", test.to, got.Status, location, test.want)
		}
	}
	only := &route{}
	for to, want := range map[string]string{
		"https://api.test":              "/",
		"https://api.test:443/x":        "/x",
		"https://api.test//evil.test/x": "https://api.test//evil.test/x", // as a path alone it would be another host
		"http://api.test/x":             "http://api.test/x",
	} {
		u, err := url.Parse(to)
		if err != nil {
			t.Fatal(err)
		}
		if got := only.through(&url.URL{Scheme: "https", Host: "api.test"}, u); got != want {
			t.Errorf("%s: got %q, want %q", to, got, want)
		}
	}
}

// A client that is named must be one that can be served.
func TestNamedClients(t *testing.T) {
	w := newWorld(t, bearertest.Config{}, twoClients, nil, func(c *Config) { c.Clients = []string{"reports"} })
	w.wants(w.send("GET", "/daily", ""), 200, "/v1/daily")
	for name, want := range map[string]string{"nowhere": "client nowhere has no base_url", "report": "did you mean reports?"} {
		c := w.proxy.Config
		c.Clients = []string{"reports", name}
		if _, err := New(c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", name, err, want)
		}
	}
}
