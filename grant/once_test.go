package grant

import (
	"io"
	"net/http"
	"net/url"
	"testing"
	"testing/synctest"
)

// G16: a grant that can be spent once is sent again only when the server cannot have processed it.
func TestSpendableGrantIsSentAgainOnlyIfUnseen(t *testing.T) {
	for _, row := range []struct {
		name  string
		first func() (*http.Response, error)
		want  int32
	}{
		{"refused connection", func() (*http.Response, error) { return nil, refused }, 2},
		{"429", func() (*http.Response, error) { return reply(429, ""), nil }, 2},
		{"503", func() (*http.Response, error) { return reply(503, ""), nil }, 2},
		{"500", func() (*http.Response, error) { return reply(500, ""), nil }, 1},
		{"502", func() (*http.Response, error) { return reply(502, "<html>"), nil }, 1},
		{"504", func() (*http.Response, error) { return reply(504, ""), nil }, 1},
		{"dropped", func() (*http.Response, error) { return nil, io.EOF }, 1},
		{"broken body", func() (*http.Response, error) {
			resp := reply(200, "")
			resp.Body = io.NopCloser(brokenReader{})
			return resp, nil
		}, 1},
	} {
		synctest.Test(t, func(t *testing.T) {
			s, w := serve(t, func(n int, _ *http.Request, _ url.Values) (*http.Response, error) {
				if n == 1 {
					return row.first()
				}
				return reply(200, good), nil
			})
			a, err := call{server: s, auth: basic, field: "Server.TokenURL", url: s.TokenURL, params: url.Values{}, once: "refresh token"}.do(t.Context())
			if n := w.seen.Load(); n != row.want {
				t.Errorf("%s: got %d attempts, want %d", row.name, n, row.want)
			}
			if row.want == 2 && (err != nil || a.status != 200) {
				t.Errorf("%s: got %v, want the second answer", row.name, err)
			}
			if row.name == "dropped" || row.name == "broken body" {
				wantText(t, err, "was lost after the request had been sent", "refresh token may have been spent")
			}
		})
	}
}
