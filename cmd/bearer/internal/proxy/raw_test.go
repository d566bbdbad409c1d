package proxy

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"

	"example.com/bearer/bearertest"
)

// raw sends the head of a request as it is, with what each needs, and returns
// the answer.
func (w *world) raw(target string, header ...string) *http.Response {
	w.Helper()
	host := strings.TrimPrefix(w.url, "http://")
	c, err := net.Dial("tcp", host)
	if err != nil {
		w.Fatal(err)
	}
	w.Cleanup(func() { c.Close() })
	fmt.Fprintf(c, "%s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\n%s\r\n\r\n", target, host, callerToken, strings.Join(append(header, "Connection: close"), "\r\n"))
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		w.Fatalf("%s: %v", target, err)
	}
	resp.Body.Close()
	return resp
}

// A request line without a path, or with another host before it, does not get
// around base_url or allow: an API would take what it names for the whole URL.
func TestRequestLines(t *testing.T) {
	limited := strings.Replace(oneClient, "base_url: API/v1", `base_url: API/v1, allow: ["GET /daily", "GET /{$}"]`, 1)
	for _, file := range []string{oneClient, limited} {
		w := newWorld(t, bearertest.Config{}, file, nil)
		for target, want := range map[string]int{
			"GET x:" + w.api.URL + "/admin": 400,
			"GET x:admin":                   400,
			"GET http:admin":                400,
			"GET " + w.url + "/daily":       200,
			"GET http://evil.test/daily":    421,
			"OPTIONS *":                     200, // net/http answers it
		} {
			if got := w.raw(target); got.StatusCode != want {
				t.Errorf("%s: got %s, want %d", target, got.Status, want)
			}
		}
		for _, r := range w.arrived() {
			if r.URL.Path != "/v1/daily" {
				t.Errorf("the API got %s %s", r.Method, r.RequestURI)
			}
		}
	}
}
