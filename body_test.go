package bearer_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"example.com/bearer"
)

// newToken reports whether req has the second token of a mint.
func newToken(req *http.Request) bool { return req.Header.Get("Authorization") == "Bearer token-2" }

// post makes a POST request with ctx. Only *bytes.Reader and the like get a
// GetBody.
func post(ctx context.Context, body io.Reader) *http.Request {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, apiURL, body)
	if err != nil {
		panic(err)
	}
	return req
}

// A duplex stream works with MaxReplayBytes: what the caller writes is sent at
// once, and the response comes while the body is still open.
func TestG4DuplexStreamDoesNotWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var sent string
		tr := &bearer.Transport{Source: new(mint), MaxReplayBytes: 100, Base: roundTrip(func(req *http.Request) (*http.Response, error) {
			hello := make([]byte, 5)
			if _, err := io.ReadFull(req.Body, hello); err != nil {
				return nil, err
			}
			go func() {
				rest, _ := io.ReadAll(req.Body)
				sent = string(hello) + string(rest)
				req.Body.Close()
			}()
			return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody}, nil
		})}
		r, w := io.Pipe()
		go func() { _, _ = w.Write([]byte("hello")) }()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		resp, err := tr.RoundTrip(post(ctx, r))
		if err != nil || resp.StatusCode != http.StatusOK {
			t.Fatalf("got %v, %v, want 200 after the first message", resp, err)
		}
		if _, err := w.Write([]byte(" world")); err != nil {
			t.Fatal(err)
		}
		w.Close()
		synctest.Wait()
		if want := "hello world"; sent != want {
			t.Errorf("the API got %q, want %q", sent, want)
		}
	})
}

// G4: a stream that is rejected half way is replayed with what was recorded,
// and continues with the rest, including what the first sending was about to
// read when it was rejected. MaxReplayBytes does not
// limit what the replay reads.
func TestG4ReplayContinuesTheStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var sent []byte
		var abandoned error
		tr := &bearer.Transport{Source: &mint{takes: time.Second}, MaxReplayBytes: 5, Base: roundTrip(func(req *http.Request) (*http.Response, error) {
			if newToken(req) {
				sent, _ = io.ReadAll(req.Body)
				req.Body.Close()
				return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody}, nil
			}
			if _, err := io.ReadFull(req.Body, make([]byte, 3)); err != nil {
				return nil, err
			}
			go func() {
				defer req.Body.Close()
				for abandoned == nil {
					_, abandoned = req.Body.Read(make([]byte, 100))
				}
			}()
			synctest.Wait() // the next Read waits for the caller
			return answer(&http.Request{}, http.StatusUnauthorized, "rejected"), nil
		})}
		r, w := io.Pipe()
		go func() {
			for _, s := range []string{"one", " two", " three"} {
				_, _ = w.Write([]byte(s))
				time.Sleep(1500 * time.Millisecond)
			}
			w.Close()
		}()
		resp, err := tr.RoundTrip(post(t.Context(), r))
		if err != nil || resp.StatusCode != http.StatusOK {
			t.Fatalf("got %v, %v, want a replay that is accepted", resp, err)
		}
		if got, want := string(sent), "one two three"; got != want {
			t.Errorf("the replay sent %q, want %q", got, want)
		}
		synctest.Wait()
		if abandoned != http.ErrBodyReadAfterClose {
			t.Errorf("the first sending's last Read: got %v, want %v", abandoned, http.ErrBodyReadAfterClose)
		}
	})
}

// G4: a read that is under way when the replay begins is not lost.
func TestG4ReadUnderWayIsRecorded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var sent []byte
		tr := &bearer.Transport{Source: new(mint), MaxReplayBytes: 100, Base: roundTrip(func(req *http.Request) (*http.Response, error) {
			if newToken(req) {
				sent, _ = io.ReadAll(req.Body)
				req.Body.Close()
				return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody}, nil
			}
			read := make(chan error)
			go func() {
				_, err := req.Body.Read(make([]byte, 100))
				read <- err
			}()
			synctest.Wait()
			req.Body.Close() // as HTTP/2 does when a response comes early
			if err := <-read; err == nil {
				t.Error("Read returned no error after Close")
			}
			return answer(&http.Request{}, http.StatusUnauthorized, ""), nil
		})}
		r, w := io.Pipe()
		go func() {
			time.Sleep(time.Second)
			_, _ = w.Write([]byte("late"))
			w.Close()
		}()
		if resp, err := tr.RoundTrip(post(t.Context(), r)); err != nil || resp.StatusCode != http.StatusOK {
			t.Fatalf("got %v, %v, want a replay that is accepted", resp, err)
		}
		if got, want := string(sent), "late"; got != want {
			t.Errorf("the replay sent %q, want %q", got, want)
		}
	})
}

// A pipe without a writer delays nothing: Close ends Base's Read, as an
// HTTP/2 transport requires before its RoundTrip returns, and then the caller's
// body is closed.
func TestCloseEndsAReadThatIsStuck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := &bearer.Transport{Source: new(mint), MaxReplayBytes: 10, Base: roundTrip(func(req *http.Request) (*http.Response, error) {
			go func() { // what resets the stream
				time.Sleep(time.Second)
				req.Body.Close()
			}()
			_, err := req.Body.Read(make([]byte, 10))
			return nil, err
		})}
		r, w := io.Pipe()
		if _, err := tr.RoundTrip(post(t.Context(), r)); err != http.ErrBodyReadAfterClose {
			t.Errorf("got %v, want %v", err, http.ErrBodyReadAfterClose)
		}
		if _, err := w.Write([]byte("late")); err != io.ErrClosedPipe {
			t.Errorf("writing to the body: got %v, want %v", err, io.ErrClosedPipe)
		}
	})
}

// oneToken is a Source that fails after its first token.
func oneToken() bearer.Source {
	m := new(mint)
	return bearer.SourceFunc(func(ctx context.Context) (*bearer.Token, error) {
		if m.calls.Load() > 0 {
			return nil, errDown
		}
		return m.Token(ctx)
	})
}

// G1: the caller's body is closed once, after its last use, whenever Base
// closes what it was given.
func TestG1RecordedBodyIsClosedOnce(t *testing.T) {
	const short, long = "0123456789", "0123456789ABC"
	status := func(n int) func(*http.Request) int { return func(*http.Request) int { return n } }
	for name, c := range map[string]struct {
		fails  bool // the renewal
		body   string
		status func(*http.Request) int // 0: an error
		read   int                     // by Base, before it answers; negative: all
		sent   int                     // how often
	}{
		"accepted":                 {body: short, status: status(200), read: -1, sent: 1},
		"accepted before it ended": {body: short, status: status(200), read: 3, sent: 1},
		"accepted, over the limit": {body: long, status: status(200), read: -1, sent: 1},
		"network error":            {body: short, status: status(0), read: 3, sent: 1},
		"replayed": {body: short, read: -1, sent: 2, status: func(req *http.Request) int {
			if newToken(req) {
				return 200
			}
			return 401
		}},
		"replayed, and a network error": {body: short, read: 3, sent: 2, status: func(req *http.Request) int {
			if newToken(req) {
				return 0
			}
			return 401
		}},
		"rejected twice":           {body: short, status: status(401), read: 3, sent: 2},
		"rejected, over the limit": {body: long, status: status(401), read: -1, sent: 1},
		"renewal fails":            {fails: true, body: short, status: status(401), read: 3, sent: 1},
	} {
		for _, late := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, late %v", name, late), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					body := &closeCounter{Reader: strings.NewReader(c.body)}
					sent := 0
					tr := &bearer.Transport{Source: new(mint), MaxReplayBytes: 10, Base: roundTrip(func(req *http.Request) (*http.Response, error) {
						sent++
						if c.read < 0 {
							_, _ = io.Copy(io.Discard, req.Body)
						} else {
							_, _ = io.ReadFull(req.Body, make([]byte, c.read))
						}
						closing := func() { req.Body.Close(); req.Body.Close() }
						if late {
							closing = func() { go func() { time.Sleep(time.Minute); req.Body.Close(); req.Body.Close() }() }
						}
						closing()
						if status := c.status(req); status != 0 {
							return answer(&http.Request{}, status, ""), nil
						}
						return nil, errDown
					})}
					if c.fails {
						tr.Source = oneToken()
					}
					if resp, err := tr.RoundTrip(post(t.Context(), body)); err == nil {
						resp.Body.Close()
					}
					if late && sent == 1 && body.closed.Load() != 0 {
						t.Error("the body was closed while Base still had it")
					}
					time.Sleep(2 * time.Minute)
					if got := body.closed.Load(); got != 1 {
						t.Errorf("the body was closed %d times, want 1", got)
					}
					if sent != c.sent {
						t.Errorf("Base was called %d times, want %d", sent, c.sent)
					}
				})
			})
		}
	}
}

// What the caller's Read returns reaches Base, with MaxReplayBytes or without.
func TestReadErrorsReachBase(t *testing.T) {
	for _, limit := range []int64{0, 2, 100} {
		tr := &bearer.Transport{Source: new(mint), MaxReplayBytes: limit, Base: roundTrip(func(req *http.Request) (*http.Response, error) {
			defer req.Body.Close()
			_, err := io.ReadAll(req.Body)
			return nil, err
		})}
		body := &closeCounter{Reader: io.MultiReader(strings.NewReader("half"), failingReader{})}
		if _, err := tr.RoundTrip(post(t.Context(), body)); err != errRead {
			t.Errorf("MaxReplayBytes %d: got %v, want %v", limit, err, errRead)
		}
		if got := body.closed.Load(); got != 1 {
			t.Errorf("MaxReplayBytes %d: the body was closed %d times, want 1", limit, got)
		}
	}
}

// No more than MaxReplayBytes and one byte of a body is read ahead of Base, and
// none before Base asks.
func TestRecordingDoesNotReadAhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		body := strings.NewReader(strings.Repeat("x", 1000))
		tr := &bearer.Transport{Source: new(mint), MaxReplayBytes: 10, Base: roundTrip(func(req *http.Request) (*http.Response, error) {
			synctest.Wait()
			if got := body.Len(); got != 1000 {
				t.Errorf("%d bytes were read before Base asked for one", 1000-got)
			}
			_, _ = req.Body.Read(make([]byte, 100))
			synctest.Wait()
			if got := 1000 - body.Len(); got > 11 {
				t.Errorf("%d bytes were recorded, want 11 at most", got)
			}
			return answer(req, http.StatusOK, ""), nil
		})}
		if _, err := tr.RoundTrip(post(t.Context(), io.NopCloser(body))); err != nil {
			t.Fatal(err)
		}
		if body.Len() != 0 {
			t.Errorf("%d bytes were not sent", body.Len())
		}
	})
}

// Base may use GetBody for its own purposes: to retry, or to hash the body
// first. A body over the limit cannot be read twice, and is not sent in part.
func TestBaseUsesGetBody(t *testing.T) {
	const text = "0123456789"
	type try struct {
		name string
		do   func(*http.Request) ([]byte, error) // returns what it sent
	}
	tries := []try{
		{"to retry", func(req *http.Request) ([]byte, error) {
			_, _ = io.ReadFull(req.Body, make([]byte, 4))
			req.Body.Close()
			again, err := req.GetBody()
			if err != nil {
				return nil, err
			}
			defer again.Close()
			return io.ReadAll(again)
		}},
		{"to hash it, without Close", func(req *http.Request) ([]byte, error) {
			defer req.Body.Close()
			again, err := req.GetBody()
			if err != nil {
				return nil, err
			}
			hash := sha256.New()
			if _, err := io.Copy(hash, again); err != nil {
				return nil, err
			}
			sent, err := io.ReadAll(req.Body)
			if err == nil && !bytes.Equal(hash.Sum(nil), sha256Of(sent)) {
				return nil, errors.New("the hash is another body's")
			}
			return sent, err
		}},
	}
	for _, try := range tries {
		for _, rejected := range []bool{false, true} {
			for name, body := range map[string]func() io.Reader{
				"GetBody":  func() io.Reader { return strings.NewReader(text) },
				"recorded": func() io.Reader { return stream(text) },
			} {
				synctest.Test(t, func(t *testing.T) {
					var sent []byte
					tr := &bearer.Transport{Source: new(mint), MaxReplayBytes: 10, Base: roundTrip(func(req *http.Request) (*http.Response, error) {
						var err error
						if sent, err = try.do(req); err != nil {
							return nil, err
						}
						if rejected && !newToken(req) {
							return answer(&http.Request{}, http.StatusUnauthorized, ""), nil
						}
						return answer(&http.Request{}, http.StatusOK, ""), nil
					})}
					start := time.Now()
					resp, err := tr.RoundTrip(post(t.Context(), body()))
					if err != nil || resp.StatusCode != http.StatusOK || string(sent) != text {
						t.Errorf("%s, %s, rejected %v: got %v, %v and sent %q, want 200 for %q", try.name, name, rejected, resp, err, sent, text)
					}
					if took := time.Since(start); took > mostJitter {
						t.Errorf("%s, %s, rejected %v: it took %v, want no delay", try.name, name, rejected, took)
					}
				})
			}
		}
		tr := &bearer.Transport{Source: new(mint), MaxReplayBytes: 3, Base: roundTrip(func(req *http.Request) (*http.Response, error) {
			sent, err := try.do(req)
			if err == nil {
				t.Errorf("%s, over the limit: sent %q, want an error", try.name, sent)
			}
			return nil, err
		})}
		body := &closeCounter{Reader: strings.NewReader(text)}
		if _, err := tr.RoundTrip(post(t.Context(), body)); err == nil || !strings.Contains(err.Error(), "MaxReplayBytes") || body.closed.Load() != 1 {
			t.Errorf("%s, over the limit: got %v and closed the body %d times, want an error that names MaxReplayBytes, and 1", try.name, err, body.closed.Load())
		}
	}
}

func sha256Of(b []byte) []byte { s := sha256.Sum256(b); return s[:] }

// shared is a body that GetBody rewinds, as connect-go's payload: all bodies
// are one.
type shared struct {
	mu     sync.Mutex
	r      *bytes.Reader
	closed int
}

func newShared(s string) *shared { return &shared{r: bytes.NewReader([]byte(s))} }

func (s *shared) Read(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.r.Read(p)
}

func (s *shared) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed++
	return nil
}

func (s *shared) rewind() (io.ReadCloser, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, err := s.r.Seek(0, io.SeekStart)
	return s, err
}

func (s *shared) request(ctx context.Context, url string) *http.Request {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, s)
	if err != nil {
		panic(err)
	}
	req.GetBody, req.ContentLength = s.rewind, s.r.Size()
	return req
}

// G4: GetBody is not called while Base still reads the body that it was given
// first, or one that it got from GetBody itself.
func TestG4ReplayWaitsForTheBody(t *testing.T) {
	for name, retry := range map[string]bool{"the first": false, "one from GetBody": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				body := newShared("payload")
				var sent []byte
				tr := &bearer.Transport{Source: new(mint), Base: roundTrip(func(req *http.Request) (*http.Response, error) {
					if newToken(req) {
						sent, _ = io.ReadAll(req.Body)
						req.Body.Close()
						return answer(&http.Request{}, http.StatusOK, ""), nil
					}
					reader := req.Body
					if retry {
						req.Body.Close()
						reader, _ = req.GetBody()
					}
					go func() {
						time.Sleep(100 * time.Millisecond)
						_, _ = reader.Read(make([]byte, 3))
						time.Sleep(100 * time.Millisecond)
						reader.Close()
						if n, err := reader.Read(make([]byte, 3)); n != 0 || err == nil {
							t.Errorf("Read after Close: got %d, %v, want an error", n, err)
						}
					}()
					return answer(&http.Request{}, http.StatusUnauthorized, "rejected"), nil
				})}
				resp, err := tr.RoundTrip(body.request(t.Context(), apiURL))
				if err != nil || resp.StatusCode != http.StatusOK {
					t.Fatalf("got %v, %v, want 200", resp, err)
				}
				if got, want := string(sent), "payload"; got != want {
					t.Errorf("the replay sent %q, want %q", got, want)
				}
			})
		})
	}
}

// G4: closing the body does not suffice while a Read of it is under way.
func TestG4ReplayWaitsForAReadUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reading := false
		first := io.NopCloser(readFunc(func([]byte) (int, error) {
			reading = true
			time.Sleep(100 * time.Millisecond)
			reading = false
			return 0, io.EOF
		}))
		req := post(t.Context(), first)
		req.GetBody = func() (io.ReadCloser, error) {
			if reading {
				t.Error("GetBody was called during a Read of the first body")
			}
			return io.NopCloser(strings.NewReader("")), nil
		}
		tr := &bearer.Transport{Source: new(mint), Base: roundTrip(func(req *http.Request) (*http.Response, error) {
			if newToken(req) {
				return answer(req, http.StatusOK, ""), nil
			}
			go func() { _, _ = req.Body.Read(make([]byte, 1)) }()
			synctest.Wait()
			req.Body.Close()
			return answer(&http.Request{}, http.StatusUnauthorized, ""), nil
		})}
		if resp, err := tr.RoundTrip(req); err != nil || resp.StatusCode != http.StatusOK {
			t.Errorf("got %v, %v, want 200", resp, err)
		}
	})
}

type readFunc func([]byte) (int, error)

func (f readFunc) Read(p []byte) (int, error) { return f(p) }

// G4: if Base does not let go of the body within 1 s, or before the request's
// context ends, the rejection goes back whole.
func TestG4BodyThatIsHeldIsNotReplayed(t *testing.T) {
	for _, c := range []struct{ timeout, want time.Duration }{{time.Minute, time.Second}, {300 * time.Millisecond, 300 * time.Millisecond}} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), c.timeout)
			defer cancel()
			body, sent := newShared("payload"), 0
			req := body.request(ctx, apiURL)
			req.GetBody = func() (io.ReadCloser, error) { t.Error("GetBody was called"); return nil, errDown }
			tr := &bearer.Transport{Source: new(mint), Base: roundTrip(func(req *http.Request) (*http.Response, error) {
				sent++
				time.AfterFunc(time.Minute, func() { req.Body.Close() })
				return answer(&http.Request{}, http.StatusUnauthorized, "rejected"), nil
			})}
			start := time.Now()
			resp, err := tr.RoundTrip(req)
			if got := time.Since(start); got < c.want || got > c.want+mostJitter {
				t.Errorf("it took %v, want %v", got, c.want)
			}
			if err != nil || resp.StatusCode != http.StatusUnauthorized || readAll(t, resp) != "rejected" || sent != 1 {
				t.Errorf("got %v, %v after %d requests, want the 401, whole, after 1", resp, err, sent)
			}
			time.Sleep(2 * time.Minute)
			synctest.Wait()
			if body.closed != 1 {
				t.Errorf("the body was closed %d times, want 1", body.closed)
			}
		})
	}
}

// G4: a rejection of up to 64 KiB is buffered, and goes back whole if the
// replay turns out to be impossible, and the log says why; a longer one goes
// back as it came. A request without a body is replayed after any.
func TestG4SizeOfTheRejection(t *testing.T) {
	const max = 64 << 10
	gone := func() (io.ReadCloser, error) { return nil, errors.New("gone") }
	const longer = "the rejection is longer than 64 KiB"
	for _, c := range []struct {
		name     string
		size     int
		announce bool // Content-Length
		body     io.Reader
		getBody  func() (io.ReadCloser, error)
		fails    error // of reading the rejection, at its end
		want     int   // requests
		log      string
	}{
		{name: "no body, short", size: 10, announce: true, want: 2},
		{name: "no body, long", size: max + 1, announce: true, want: 2},
		{name: "no body, long, not announced", size: 10 * max, want: 2},
		{name: "GetBody, at the limit", size: max, announce: true, body: strings.NewReader("b"), want: 2},
		{name: "GetBody, at the limit, not announced", size: max, body: strings.NewReader("b"), want: 2},
		{name: "GetBody, over the limit", size: max + 1, announce: true, body: strings.NewReader("b"), want: 1},
		{name: "GetBody, over the limit, not announced", size: max + 1, body: strings.NewReader("b"), want: 1, log: longer},
		{name: "GetBody fails", size: max, body: strings.NewReader("b"), getBody: gone, want: 1, log: "gone"},
		{name: "GetBody fails, and the connection did", size: 10, fails: errRead, body: strings.NewReader("b"), getBody: gone, want: 1, log: "gone"},
		{name: "the connection failed", size: 10, fails: errRead, body: strings.NewReader("b"), want: 2},
		{name: "recorded", size: max, body: stream("b"), want: 2},
		{name: "recorded, over the limit", size: max + 1, body: stream("b"), want: 1, log: longer},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				log := new(logBook)
				text := strings.Repeat("x", c.size)
				var first *closeCounter
				sent := 0
				tr := &bearer.Transport{Source: new(mint), MaxReplayBytes: 10, Logger: log.logger(), Base: roundTrip(func(req *http.Request) (*http.Response, error) {
					sent++
					resp := answer(req, http.StatusUnauthorized, "")
					if newToken(req) {
						resp.StatusCode = http.StatusOK
						return resp, nil
					}
					first = &closeCounter{Reader: strings.NewReader(text)}
					if c.fails != nil {
						first.Reader = io.MultiReader(first.Reader, failingReader{})
					}
					resp.Body, resp.ContentLength = first, -1
					if c.announce {
						resp.ContentLength = int64(c.size)
					}
					return resp, nil
				})}
				req := post(t.Context(), c.body)
				if c.getBody != nil {
					req.GetBody = c.getBody
				}
				defer time.Sleep(time.Second) // for a renewal in the background
				resp, err := tr.RoundTrip(req)
				if err != nil || sent != c.want {
					t.Fatalf("got %v after %d requests, want %d", err, sent, c.want)
				}
				synctest.Wait() // for the log
				if c.want == 1 {
					if c.log != "" && !strings.Contains(log.warnings(), `msg="bearer: request not replayed" host=api.test status=401 err=`) || !strings.Contains(log.warnings(), c.log) {
						t.Errorf("got the log\n%s\nwant a line with %q", log.warnings(), c.log)
					}
					if got, err := io.ReadAll(resp.Body); string(got) != text || err != c.fails || resp.StatusCode != http.StatusUnauthorized {
						t.Errorf("got %d with %d bytes and %v, want the 401 with %d and %v", resp.StatusCode, len(got), err, c.size, c.fails)
					}
				}
				resp.Body.Close()
				if got := first.closed.Load(); got != 1 {
					t.Errorf("the rejection was closed %d times, want 1", got)
				}
			})
		})
	}
}

// h2 is a server of HTTP/2 over TLS, and a transport to it.
func h2(t *testing.T, h http.HandlerFunc) (*httptest.Server, *http.Transport) {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	s.EnableHTTP2 = true
	s.StartTLS()
	t.Cleanup(s.Close)
	base := s.Client().Transport.(*http.Transport)
	return s, base
}

// G4: over HTTP/2 a rejection comes while the body is still being read. The
// replay sends a payload that GetBody rewinds whole all the same.
func TestG4ReplayOverHTTP2(t *testing.T) {
	var torn atomic.Int32
	api, base := h2(t, func(w http.ResponseWriter, r *http.Request) {
		if !newToken(r) {
			w.WriteHeader(http.StatusUnauthorized) // before the body came
			return
		}
		if body, err := io.ReadAll(r.Body); err != nil || string(body) != "hello" {
			torn.Add(1)
		}
	})
	const n = 300
	var failed atomic.Int32
	var once sync.Once
	for range n {
		tr := &bearer.Transport{Source: new(mint), Base: base}
		resp, err := tr.RoundTrip(newShared("hello").request(t.Context(), api.URL))
		if err != nil || resp.StatusCode != http.StatusOK {
			failed.Add(1)
			once.Do(func() { t.Logf("the first: %v, %v", resp, err) })
			continue
		}
		resp.Body.Close()
	}
	if failed.Load() != 0 || torn.Load() != 0 {
		t.Errorf("%d of %d requests failed, and %d bodies were torn, want none", failed.Load(), n, torn.Load())
	}
}

// G4: a duplex stream over HTTP/2 that is rejected before it ends is replayed
// from its start, and continues.
func TestG4StreamOverHTTP2(t *testing.T) {
	api, base := h2(t, func(w http.ResponseWriter, r *http.Request) {
		if !newToken(r) {
			_, _ = io.ReadFull(r.Body, make([]byte, 2))
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		w.WriteHeader(http.StatusOK)
		_ = http.NewResponseController(w).Flush()
		_, _ = io.Copy(w, r.Body)
	})
	tr := &bearer.Transport{Source: new(mint), Base: base, MaxReplayBytes: 1 << 10}
	r, w := io.Pipe()
	go func() { _, _ = w.Write([]byte("ping")) }()
	req, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, api.URL, r)
	resp, err := tr.RoundTrip(req)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("got %v, %v, want 200 before the stream ends", resp, err)
	}
	for _, s := range []string{" pong", " ping"} {
		if _, err := w.Write([]byte(s)); err != nil {
			t.Fatal(err)
		}
	}
	w.Close()
	if got, want := readAll(t, resp), "ping pong ping"; got != want {
		t.Errorf("the API got %q, want %q", got, want)
	}
}

// An HTTP/2 stream that the server resets while the caller writes nothing ends
// the request, recorded or not.
func TestResetStreamOverHTTP2(t *testing.T) {
	api, base := h2(t, func(w http.ResponseWriter, r *http.Request) { panic(http.ErrAbortHandler) })
	for _, limit := range []int64{0, 100} {
		r, w := io.Pipe()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		req, _ := http.NewRequestWithContext(ctx, http.MethodPost, api.URL, r)
		tr := &bearer.Transport{Source: new(mint), Base: base, MaxReplayBytes: limit}
		if resp, err := tr.RoundTrip(req); err == nil || ctx.Err() != nil {
			t.Errorf("MaxReplayBytes %d: got %v, %v, want the reset", limit, resp, err)
		}
		if _, err := w.Write([]byte("x")); err != io.ErrClosedPipe {
			t.Errorf("MaxReplayBytes %d: writing to the body: got %v, want %v", limit, err, io.ErrClosedPipe)
		}
		cancel()
	}
}

// Expect: 100-continue: a rejection without 100 leaves the body unsent, and
// the replay sends it.
func TestExpectContinue(t *testing.T) {
	var got []string
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !newToken(r) {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		body, _ := io.ReadAll(r.Body)
		got = append(got, string(body))
	}))
	defer api.Close()
	base := &http.Transport{ExpectContinueTimeout: time.Minute}
	defer base.CloseIdleConnections()
	for _, body := range []io.Reader{strings.NewReader("payload"), stream("payload")} {
		tr := &bearer.Transport{Source: new(mint), Base: base, MaxReplayBytes: 100}
		req, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, api.URL, body)
		req.Header.Set("Expect", "100-continue")
		resp, err := tr.RoundTrip(req)
		if err != nil || resp.StatusCode != http.StatusOK {
			t.Fatalf("got %v, %v, want 200", resp, err)
		}
		resp.Body.Close()
	}
	if want := []string{"payload", "payload"}; !slices.Equal(got, want) {
		t.Errorf("the API got %q, want %q", got, want)
	}
}

// 101 Switching Protocols: the Body is the connection, and stays writable.
func TestUpgradeIsNotTouched(t *testing.T) {
	type conn struct {
		io.ReadWriteCloser
	}
	body := &conn{}
	tr := &bearer.Transport{Source: new(mint), Rejected: func(resp *http.Response) bool { return resp.StatusCode != http.StatusOK }, Base: roundTrip(func(req *http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: http.StatusSwitchingProtocols, Body: body}, nil
	})}
	req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, apiURL, nil)
	if resp, err := tr.RoundTrip(req); err != nil || resp.Body != body {
		t.Errorf("got %v, %v, want the response with the Body of Base", resp, err)
	}
}

// G1, G4: a Base that signs requests reads the body to its end and sends a copy
// of it. Many such do not close the original. The request is replayed all the
// same, without a delay.
func TestG4BaseThatReadsTheBodyAndDropsIt(t *testing.T) {
	for _, limit := range []int64{0, 10} {
		t.Run(fmt.Sprintf("MaxReplayBytes %d", limit), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tr := &bearer.Transport{Source: new(mint), MaxReplayBytes: limit, Base: roundTrip(func(req *http.Request) (*http.Response, error) {
					data, err := io.ReadAll(req.Body)
					if err != nil {
						return nil, err
					}
					if again, err := req.Body.Read(make([]byte, 1)); again != 0 || err != io.EOF {
						t.Errorf("after the end: got %d, %v, want 0, EOF", again, err)
					}
					signed := req.Clone(req.Context())
					signed.Body = io.NopCloser(bytes.NewReader(data))
					if newToken(req) {
						return answer(signed, http.StatusOK, string(data)), nil
					}
					return answer(signed, http.StatusUnauthorized, ""), nil
				})}
				first := &closeCounter{Reader: strings.NewReader("body")}
				second := &closeCounter{Reader: strings.NewReader("body")}
				req := post(t.Context(), first)
				if limit == 0 {
					req.GetBody = func() (io.ReadCloser, error) { return second, nil }
				}
				start := time.Now()
				resp, err := tr.RoundTrip(req)
				if err != nil || resp.StatusCode != http.StatusOK || readAll(t, resp) != "body" {
					t.Fatalf("got %v, %v, want 200 with the body", resp, err)
				}
				if took := time.Since(start); took > mostJitter {
					t.Errorf("it took %v, want at most %v", took, mostJitter)
				}
				if a, b := first.closed.Load(), second.closed.Load(); limit == 0 && (a != 1 || b != 1) {
					t.Errorf("the bodies were closed %d and %d times, want 1 and 1", a, b)
				}
			})
		})
	}
}

// The error of closing a body at its end is not lost: Base gets it when it
// closes the body.
func TestErrorOfClosingABodyReachesBase(t *testing.T) {
	var got error
	tr := &bearer.Transport{Source: new(mint), Base: roundTrip(func(req *http.Request) (*http.Response, error) {
		_, _ = io.Copy(io.Discard, req.Body)
		got = req.Body.Close()
		return answer(&http.Request{}, http.StatusOK, ""), nil
	})}
	req := post(t.Context(), nil)
	req.Body = badClose{strings.NewReader("body")}
	req.GetBody = func() (io.ReadCloser, error) { return req.Body, nil }
	if _, err := tr.RoundTrip(req); err != nil {
		t.Fatal(err)
	}
	if got != errDisk {
		t.Errorf("got %v, want %v", got, errDisk)
	}
}

// badClose is a body whose Close fails.
type badClose struct{ io.Reader }

func (badClose) Close() error { return errDisk }
