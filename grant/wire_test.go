package grant

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// wire is a server in memory: a func that answers. It counts the attempts, and
// notices bodies that were not closed.
type wire struct {
	answer func(attempt int, r *http.Request, form url.Values) (*http.Response, error)
	seen   atomic.Int32
	open   atomic.Int32 // bodies not closed yet
	late   atomic.Int32 // reads and closes after a body was closed
}

func (w *wire) RoundTrip(r *http.Request) (*http.Response, error) {
	var form url.Values
	if r.Body == nil {
		r.Body = http.NoBody // for answers that look at it
	} else {
		body, err := io.ReadAll(r.Body)
		r.Body.Close()
		if err != nil {
			return nil, err
		}
		if int64(len(body)) != r.ContentLength {
			return nil, fmt.Errorf("body of %d bytes, Content-Length %d", len(body), r.ContentLength)
		}
		form, _ = url.ParseQuery(string(body))
		r.Body = io.NopCloser(strings.NewReader(string(body)))
	}
	resp, err := w.answer(int(w.seen.Add(1)), r, form)
	if resp != nil {
		w.open.Add(1)
		resp.Request = r
		resp.Body = &counted{ReadCloser: resp.Body, wire: w}
	}
	return resp, err
}

type counted struct {
	io.ReadCloser
	wire   *wire
	closed atomic.Bool
}

func (c *counted) Read(p []byte) (int, error) {
	if c.closed.Load() {
		c.wire.late.Add(1)
	}
	return c.ReadCloser.Read(p)
}

func (c *counted) Close() error {
	if c.closed.Swap(true) {
		c.wire.late.Add(1)
	} else {
		c.wire.open.Add(-1)
	}
	return c.ReadCloser.Close()
}

// serve returns a server whose every endpoint is answered by f. When the test
// ends no body may be open.
func serve(t testing.TB, f func(attempt int, r *http.Request, form url.Values) (*http.Response, error)) (Server, *wire) {
	w := &wire{answer: f}
	t.Cleanup(func() {
		if n := w.open.Load(); n != 0 {
			t.Errorf("answers whose body was not closed: got %d, want 0", n)
		}
		if n := w.late.Load(); n != 0 {
			t.Errorf("uses of a body after it was closed: got %d, want 0", n)
		}
	})
	return Server{
		Issuer:        "https://auth.test",
		AuthURL:       "https://auth.test/authorize",
		TokenURL:      "https://auth.test/token",
		RevokeURL:     "https://auth.test/revoke",
		DeviceAuthURL: "https://auth.test/device",
		Transport:     w,
	}, w
}

// reply makes an answer; header holds names and values in turn. JSON is the
// default.
func reply(status int, body string, header ...string) *http.Response {
	resp := &http.Response{
		StatusCode: status,
		Header:     http.Header{"Content-Type": {"application/json"}},
		Body:       io.NopCloser(strings.NewReader(body)),
	}
	for i := 0; i+1 < len(header); i += 2 {
		resp.Header.Set(header[i], header[i+1])
	}
	return resp
}

// always answers every attempt in the same way.
func always(status int, body string, header ...string) func(int, *http.Request, url.Values) (*http.Response, error) {
	return func(int, *http.Request, url.Values) (*http.Response, error) {
		return reply(status, body, header...), nil
	}
}

const good = `{"access_token":"at-1","token_type":"Bearer","expires_in":3600}`

// basic is the client of most tests.
var basic = Basic{ID: "id", Secret: "s3cret"}

func wantWithin(t testing.TB, what string, got, least, most time.Duration) {
	t.Helper()
	if got < least || got > most {
		t.Errorf("%s: got %v, want between %v and %v", what, got, least, most)
	}
}

func wantText(t testing.TB, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("got no error, want one with %q", parts)
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("got error %q, want %q in it", err, part)
		}
	}
	if !strings.HasPrefix(err.Error(), "grant: ") || strings.Count(err.Error(), "grant: ") != 1 {
		t.Errorf(`got error %q, want "grant: " before it and nowhere else`, err)
	}
}
