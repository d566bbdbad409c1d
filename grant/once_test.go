package grant

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/oauth2"

	"example.com/bearer/internal/attempt"
)

// G16: a grant that can be spent once is sent again only if the server cannot
// have processed it. A bare 503 proves nothing: gateways answer it after an
// upstream time-out.
func TestSpendableGrantIsSentAgainOnlyIfUnprocessed(t *testing.T) {
	for _, row := range []struct {
		name  string
		first func() (*http.Response, error)
		want  int32
	}{
		{"refused connection", func() (*http.Response, error) { return nil, refused }, 2},
		{"429", func() (*http.Response, error) { return reply(429, ""), nil }, 2},
		{"503 with Retry-After", func() (*http.Response, error) { return reply(503, "", "Retry-After", "1"), nil }, 2},
		{"503 with its code", func() (*http.Response, error) { return reply(503, `{"error":"temporarily_unavailable"}`), nil }, 2},
		{"503", func() (*http.Response, error) { return reply(503, ""), nil }, 1},
		{"503 with HTML", func() (*http.Response, error) { return reply(503, "<html>", "Retry-After", "soon"), nil }, 1},
		{"503 with another code", func() (*http.Response, error) { return reply(503, `{"error":"server_error"}`), nil }, 1},
		{"500 with Retry-After", func() (*http.Response, error) { return reply(500, "", "Retry-After", "1"), nil }, 1},
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

func maybeSpent(err error) bool {
	var e interface {
		error
		MaybeSpent() bool
	}
	return errors.As(err, &e) && e.MaybeSpent()
}

// G16: the caller of a refresh learns whether its refresh token may be spent.
func TestMaybeSpent(t *testing.T) {
	for _, row := range []struct {
		name   string
		answer func() (*http.Response, error)
		want   bool
	}{
		{"refused connection", func() (*http.Response, error) { return nil, refused }, false},
		{"408", func() (*http.Response, error) { return reply(408, ""), nil }, false},
		{"429", func() (*http.Response, error) { return reply(429, ""), nil }, false},
		{"503 with Retry-After", func() (*http.Response, error) { return reply(503, "", "Retry-After", "1"), nil }, false},
		{"503 with its code", func() (*http.Response, error) { return reply(503, `{"error":"temporarily_unavailable"}`), nil }, false},
		{"invalid_grant", func() (*http.Response, error) { return reply(400, `{"error":"invalid_grant"}`), nil }, false},
		{"a firewall's page", func() (*http.Response, error) { return reply(403, "<html>"), nil }, false},
		{"503", func() (*http.Response, error) { return reply(503, ""), nil }, true},
		{"503 with invalid_grant", func() (*http.Response, error) { return reply(503, `{"error":"invalid_grant"}`), nil }, true},
		{"500", func() (*http.Response, error) { return reply(500, ""), nil }, true},
		{"502", func() (*http.Response, error) { return reply(502, "<html>"), nil }, true},
		{"an error code with 200", func() (*http.Response, error) { return reply(200, `{"error":"bad_refresh_token"}`), nil }, false},
		{"server_error with 200", func() (*http.Response, error) { return reply(200, `{"error":"server_error"}`), nil }, true},
		{"half a token", func() (*http.Response, error) { return reply(200, good[:len(good)/2]), nil }, true},
		{"dropped", func() (*http.Response, error) { return nil, io.EOF }, true},
	} {
		synctest.Test(t, func(t *testing.T) {
			s, _ := serve(t, func(int, *http.Request, url.Values) (*http.Response, error) { return row.answer() })
			_, err := s.refresh(t.Context(), basic, &oauth2.Token{RefreshToken: "refresh"}, target{}, nil)
			if got := maybeSpent(err); got != row.want || err == nil {
				t.Errorf("%s: got %v, maybe spent %v; want %v", row.name, err, got, row.want)
			}
		})
	}
}

// G16: an error of a connection proves that nothing was written only if
// httptrace agrees. A damaged TLS record can also be the answer to a request.
func TestWhatProvesThatNothingWasWritten(t *testing.T) {
	nothing := func(*httptrace.ClientTrace) {}
	connecting := func(trace *httptrace.ClientTrace) { trace.GetConn("auth.test:443") }
	connected := func(trace *httptrace.ClientTrace) {
		trace.GetConn("auth.test:443")
		trace.GotConn(httptrace.GotConnInfo{})
	}
	wrote := func(trace *httptrace.ClientTrace) {
		trace.GetConn("auth.test:443")
		trace.WroteRequest(httptrace.WroteRequestInfo{})
	}
	record := tls.RecordHeaderError{Msg: "first record does not look like a TLS handshake"}
	reset := errors.New("connection reset by peer")
	for _, row := range []struct {
		name  string
		trace func(*httptrace.ClientTrace)
		err   error
		want  bool // maybe spent
	}{
		{"damaged record, no trace", nothing, record, true},
		{"damaged record while connecting", connecting, record, false},
		{"damaged record once connected", connected, record, true},
		{"damaged record after writing", wrote, record, true},
		{"scheme mismatch, no trace", nothing, http.ErrSchemeMismatch, true},
		{"scheme mismatch while connecting", connecting, http.ErrSchemeMismatch, false},
		{"scheme mismatch after writing", wrote, http.ErrSchemeMismatch, true},
		{"certificate, no trace", nothing, &tls.CertificateVerificationError{Err: errors.New("unknown authority")}, false},
		{"refused, no trace", nothing, refused, false},
		{"refused, by a transport that retried after writing", wrote, refused, true},
		{"reset, no trace", nothing, reset, true},
		{"reset while connecting", connecting, reset, false},
		{"reset once connected", connected, reset, true},
	} {
		synctest.Test(t, func(t *testing.T) {
			s, _ := serve(t, func(_ int, r *http.Request, _ url.Values) (*http.Response, error) {
				if trace := httptrace.ContextClientTrace(r.Context()); trace != nil {
					row.trace(trace)
				}
				return nil, row.err
			})
			_, err := s.refresh(t.Context(), basic, &oauth2.Token{RefreshToken: "refresh"}, target{}, nil)
			if got := maybeSpent(err); got != row.want || err == nil {
				t.Errorf("%s: got %v, maybe spent %v; want %v", row.name, err, got, row.want)
			}
			if reached := !strings.Contains(fmt.Sprint(err), "cannot reach https://auth.test"); reached != row.want {
				t.Errorf("%s: got %v, want it to say that the server could not be reached: %v", row.name, err, !row.want)
			}
		})
	}
}

// G16: an answer that breaks off was an answer to something, whatever the trace
// of the caller's transport says.
func TestBrokenAnswerWasSent(t *testing.T) {
	s, w := serve(t, func(_ int, r *http.Request, _ url.Values) (*http.Response, error) {
		httptrace.ContextClientTrace(r.Context()).GetConn("auth.test:443")
		resp := reply(200, "")
		resp.Body = io.NopCloser(brokenReader{})
		return resp, nil
	})
	_, err := s.refresh(t.Context(), basic, &oauth2.Token{RefreshToken: "refresh"}, target{}, nil)
	if !maybeSpent(err) || w.seen.Load() != 1 {
		t.Errorf("got %v after %d attempts, want a token that may be spent, after 1", err, w.seen.Load())
	}
}

// G16: the trace is one attempt's: an earlier one that was written does not
// matter if the server refused it unprocessed.
func TestEachAttemptHasItsOwnTrace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, w := serve(t, func(n int, r *http.Request, _ url.Values) (*http.Response, error) {
			trace := httptrace.ContextClientTrace(r.Context())
			if trace == nil {
				return nil, errors.New("no trace")
			}
			trace.GetConn("auth.test:443")
			if n == 1 {
				trace.GotConn(httptrace.GotConnInfo{})
				return reply(429, ""), nil
			}
			return nil, refused
		})
		_, err := s.refresh(t.Context(), basic, &oauth2.Token{RefreshToken: "refresh"}, target{}, nil)
		if maybeSpent(err) || w.seen.Load() != 3 {
			t.Errorf("got %v after %d attempts, want a token that cannot be spent, after 3", err, w.seen.Load())
		}
	})
}

// G16, G17: the caller that marks the context repeats the request; grant sends
// it once.
func TestMarkedContextIsOneAttempt(t *testing.T) {
	for _, failure := range []func(int, *http.Request, url.Values) (*http.Response, error){
		always(503, `{"error":"temporarily_unavailable"}`, "Retry-After", "1"),
		func(int, *http.Request, url.Values) (*http.Response, error) { return nil, refused },
	} {
		synctest.Test(t, func(t *testing.T) {
			var last *wire
			s, _ := serve(t, nil)
			s.Retries = 5
			for name, call := range flows(s) {
				if name == "device wait" {
					continue // polls by design, one attempt each
				}
				for _, row := range []struct {
					ctx  context.Context
					want int32
				}{{t.Context(), 6}, {attempt.Once(t.Context()), 1}} {
					last = s.Transport.(*wire)
					last.answer = failure
					last.seen.Store(0)
					start := time.Now()
					if err := call(row.ctx); err == nil {
						t.Errorf("%s: got no error, want one", name)
					}
					if n := last.seen.Load(); n != row.want {
						t.Errorf("%s: got %d attempts, want %d", name, n, row.want)
					}
					if d := time.Since(start); row.want == 1 && d != 0 {
						t.Errorf("%s: got the error after %v, want it at once", name, d)
					}
				}
			}
		})
	}
}
