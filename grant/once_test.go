package grant

import (
	"errors"

	"io"
	"net/http"
	"net/url"
	"testing"
	"testing/synctest"

	"golang.org/x/oauth2"
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

// G16: who asks for a refresh learns whether its refresh token may be used up.
func TestMaybeSpent(t *testing.T) {
	for _, row := range []struct {
		name   string
		answer func() (*http.Response, error)
		want   bool
	}{
		{"refused connection", func() (*http.Response, error) { return nil, refused }, false},
		{"429", func() (*http.Response, error) { return reply(429, ""), nil }, false},
		{"503", func() (*http.Response, error) { return reply(503, ""), nil }, false},
		{"invalid_grant", func() (*http.Response, error) { return reply(400, `{"error":"invalid_grant"}`), nil }, false},
		{"a firewall's page", func() (*http.Response, error) { return reply(403, "<html>"), nil }, false},
		{"500", func() (*http.Response, error) { return reply(500, ""), nil }, true},
		{"502", func() (*http.Response, error) { return reply(502, "<html>"), nil }, true},
		{"half a token", func() (*http.Response, error) { return reply(200, good[:len(good)/2]), nil }, true},
		{"dropped", func() (*http.Response, error) { return nil, io.EOF }, true},
	} {
		synctest.Test(t, func(t *testing.T) {
			s, _ := serve(t, func(int, *http.Request, url.Values) (*http.Response, error) { return row.answer() })
			_, err := s.refresh(t.Context(), basic, &oauth2.Token{RefreshToken: "refresh"}, target{})
			var e interface {
				error
				MaybeSpent() bool
			}
			if got := errors.As(err, &e) && e.MaybeSpent(); got != row.want || err == nil {
				t.Errorf("%s: got %v, maybe spent %v; want %v", row.name, err, got, row.want)
			}
		})
	}
}
