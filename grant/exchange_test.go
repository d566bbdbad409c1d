package grant

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/oauth2"
)

var refused = &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connection refused")}

// G16: a blip of the network, 429 or 5xx is passed over.
func TestRetriesUntilItWorks(t *testing.T) {
	for _, first := range []func() (*http.Response, error){
		func() (*http.Response, error) { return nil, refused },
		func() (*http.Response, error) { return nil, io.ErrUnexpectedEOF },
		func() (*http.Response, error) { return reply(429, ""), nil },
		func() (*http.Response, error) { return reply(500, ""), nil },
		func() (*http.Response, error) { return reply(503, "<html>"), nil },
		func() (*http.Response, error) {
			resp := reply(200, "")
			resp.Body = io.NopCloser(io.MultiReader(strings.NewReader(`{"acc`), brokenReader{}))
			return resp, nil
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			s, w := serve(t, func(n int, _ *http.Request, _ url.Values) (*http.Response, error) {
				if n < 3 {
					return first()
				}
				return reply(200, good), nil
			})
			tok, err := ClientCredentials{Server: s, Auth: basic}.Token(t.Context())
			if err != nil || tok.AccessToken != "at-1" {
				t.Errorf("got %v, want a token in the third attempt", err)
			}
			if n := w.seen.Load(); n != 3 {
				t.Errorf("got %d attempts, want 3", n)
			}
		})
	}
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, errors.New("connection reset") }

// G16: what the server decided is not asked again, and an endpoint that stays
// down is asked three times.
func TestRetriesEnd(t *testing.T) {
	for _, row := range []struct {
		status, retries int
		want            int32
	}{{400, 0, 1}, {401, 0, 1}, {403, 0, 1}, {404, 0, 1}, {302, 0, 1}, {500, 0, 3}, {503, -1, 1}, {503, 5, 6}} {
		synctest.Test(t, func(t *testing.T) {
			s, w := serve(t, always(row.status, ""))
			s.Retries = row.retries
			_, err := ClientCredentials{Server: s, Auth: basic}.Token(t.Context())
			wantText(t, err, fmt.Sprint(row.status))
			if n := w.seen.Load(); n != row.want {
				t.Errorf("status %d, Retries %d: got %d attempts, want %d", row.status, row.retries, n, row.want)
			}
		})
	}
}

// G16: full jitter: the pauses of a fleet spread over the whole interval, which
// doubles.
func TestPausesAreJittered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var least, most [2]time.Duration
		least[0], least[1] = time.Hour, time.Hour
		for range 200 {
			var at []time.Time
			s, _ := serve(t, func(int, *http.Request, url.Values) (*http.Response, error) {
				at = append(at, time.Now())
				return reply(500, ""), nil
			})
			ClientCredentials{Server: s, Auth: basic}.Token(t.Context())
			for i := range 2 {
				pause := at[i+1].Sub(at[i])
				least[i], most[i] = min(least[i], pause), max(most[i], pause)
			}
		}
		wantWithin(t, "shortest first pause", least[0], 0, 20*time.Millisecond)
		wantWithin(t, "longest first pause", most[0], 80*time.Millisecond, 100*time.Millisecond)
		wantWithin(t, "shortest second pause", least[1], 0, 40*time.Millisecond)
		wantWithin(t, "longest second pause", most[1], 160*time.Millisecond, 200*time.Millisecond)
	})
}

// G16: Retry-After is honoured, up to a cap.
func TestRetryAfterIsHonouredUpToACap(t *testing.T) {
	for _, row := range []struct {
		header      string
		least, most time.Duration
	}{
		{"3", 3 * time.Second, 3*time.Second + backoffBase},
		{"3600", retryAfterCap, retryAfterCap + backoffBase},
		{"99999999999999999999", retryAfterCap, retryAfterCap + backoffBase},
		{"nonsense", 0, backoffBase},
	} {
		synctest.Test(t, func(t *testing.T) {
			s, _ := serve(t, func(n int, _ *http.Request, _ url.Values) (*http.Response, error) {
				if n == 1 {
					return reply(503, "", "Retry-After", row.header), nil
				}
				return reply(200, good), nil
			})
			start := time.Now()
			if _, err := (ClientCredentials{Server: s, Auth: basic}).Token(t.Context()); err != nil {
				t.Fatal(err)
			}
			wantWithin(t, "Retry-After: "+row.header, time.Since(start), row.least, row.most)
		})
	}
}

// G16: a pause that would outlast the context is not begun, and the server's
// error is given at once.
func TestNoPauseIntoTheDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, w := serve(t, always(503, `{"error":"temporarily_unavailable"}`, "Retry-After", "8"))
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		start := time.Now()
		_, err := ClientCredentials{Server: s, Auth: basic}.Token(ctx)
		if d := time.Since(start); d != 0 || w.seen.Load() != 1 {
			t.Errorf("got an answer after %v and %d attempts, want at once and 1", d, w.seen.Load())
		}
		var e *Error
		if !errors.As(err, &e) || e.Code != "temporarily_unavailable" || e.RetryAfter != 8*time.Second || !e.Temporary() {
			t.Errorf("got %v, want the server's temporary error with its Retry-After", err)
		}
	})
}

// G16: the context ends the pause, and the server's error is kept beside the
// context's.
func TestCancelledInThePauseKeepsTheServersError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := serve(t, always(503, `{"error":"temporarily_unavailable"}`, "Retry-After", "8"))
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		start := time.Now()
		_, err := ClientCredentials{Server: s, Auth: basic}.Token(ctx)
		if d := time.Since(start); d != time.Second {
			t.Errorf("got back after %v, want %v", d, time.Second)
		}
		wantText(t, err, "gave up", "temporarily_unavailable")
		var e *Error
		var retrieve *oauth2.RetrieveError
		if !errors.Is(err, context.Canceled) || !errors.As(err, &e) || !errors.As(err, &retrieve) {
			t.Errorf("got %v, want context.Canceled and the server's error in it", err)
		}
	})
}

// G16: a network that dies after the server spoke does not make its words
// forgotten.
func TestServersErrorSurvivesALaterFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := serve(t, func(n int, _ *http.Request, _ url.Values) (*http.Response, error) {
			if n == 1 {
				return reply(503, `{"error":"temporarily_unavailable"}`), nil
			}
			return nil, refused
		})
		_, err := ClientCredentials{Server: s, Auth: basic}.Token(t.Context())
		wantText(t, err, "cannot reach https://auth.test", "before that", "temporarily_unavailable")
		var e *Error
		if !errors.As(err, &e) || !errors.Is(err, refused) {
			t.Errorf("got %v, want the cause and the server's error in it", err)
		}
	})
}

// The time limit is one attempt's, and covers the body too.
func TestTimeoutIsPerAttempt(t *testing.T) {
	for _, row := range []struct {
		timeout, want time.Duration
	}{{0, 3 * defaultTimeout}, {time.Second, 3 * time.Second}} {
		synctest.Test(t, func(t *testing.T) {
			s, w := serve(t, func(n int, r *http.Request, _ url.Values) (*http.Response, error) {
				if n == 2 {
					resp := reply(200, "")
					resp.Body = io.NopCloser(hangingReader{r.Context()})
					return resp, nil
				}
				<-r.Context().Done()
				return nil, r.Context().Err()
			})
			s.Timeout = row.timeout
			start := time.Now()
			_, err := ClientCredentials{Server: s, Auth: basic}.Token(t.Context())
			wantText(t, err, "https://auth.test timed out")
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("got %v, want context.DeadlineExceeded in it", err)
			}
			wantWithin(t, "three attempts", time.Since(start), row.want, row.want+300*time.Millisecond)
			if n := w.seen.Load(); n != 3 {
				t.Errorf("got %d attempts, want 3", n)
			}
		})
	}
}

type hangingReader struct{ ctx context.Context }

func (h hangingReader) Read([]byte) (int, error) { <-h.ctx.Done(); return 0, h.ctx.Err() }

// No limit of the attempt leaves the context's.
func TestNegativeTimeoutIsNone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := serve(t, func(_ int, r *http.Request, _ url.Values) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		})
		s.Timeout = -1
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		start := time.Now()
		_, err := ClientCredentials{Server: s, Auth: basic}.Token(ctx)
		if d := time.Since(start); d != time.Hour || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v after %v, want context.DeadlineExceeded after an hour", err, d)
		}
	})
}

// G15: more than 1 MiB is not read, whether it ends or not.
func TestAnswerIsReadUpToALimit(t *testing.T) {
	for _, status := range []int{200, 400} {
		read := 0
		s, _ := serve(t, func(int, *http.Request, url.Values) (*http.Response, error) {
			resp := reply(status, "")
			resp.Body = io.NopCloser(endless{&read})
			return resp, nil
		})
		_, err := ClientCredentials{Server: s, Auth: basic}.Token(t.Context())
		if status == 200 {
			wantText(t, err, "more than 1 MiB")
		}
		var e *Error
		if !errors.As(err, &e) || e.Status != status || !e.Temporary() {
			t.Errorf("status %d: got %v, want a temporary *Error with the status", status, err)
		}
		if read > maxAnswer+64<<10 {
			t.Errorf("status %d: got %d bytes read, want not many more than %d", status, read, maxAnswer)
		}
	}
}

type endless struct{ read *int }

func (e endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	*e.read += len(p)
	return len(p), nil
}

// A secret in the query of a URL, or in a transport's own words, is in no
// error.
func TestLostAnswerShowsNoSecret(t *testing.T) {
	s, _ := serve(t, func(_ int, _ *http.Request, form url.Values) (*http.Response, error) {
		return nil, errors.New("could not send " + form.Encode())
	})
	s.TokenURL += "?key=canary"
	s.Retries = -1
	_, err := ClientCredentials{Server: s, Auth: Post{ID: "id", Secret: "canary-secret"}}.Token(t.Context())
	wantText(t, err, "was lost")
	if strings.Contains(err.Error(), "canary") {
		t.Errorf("got %q, want no secret in it", err)
	}

	s.Transport = &wire{answer: func(int, *http.Request, url.Values) (*http.Response, error) { return nil, refused }}
	_, err = ClientCredentials{Server: s, Auth: basic}.Token(t.Context())
	wantText(t, err, "cannot reach https://auth.test: dial tcp: connection refused")
	var withURL *url.Error
	if errors.As(err, &withURL) {
		t.Errorf("got a *url.Error in %v, want none, for it prints the query", err)
	}
}
