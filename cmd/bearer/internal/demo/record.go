package demo

import (
	"context"
	"net/http"
	"sync"
	"time"
)

// sample is what is kept of one request. Times are since the run's beginning.
type sample struct {
	start time.Duration // handed to the client
	sent  time.Duration // handed to the network, the first time; 0: never
	end   time.Duration // answer read to its end, or failed

	failed bool
}

func (s *sample) latency() time.Duration { return s.end - s.start }

// held is how long the request was kept back before it went out; one that
// never went out was kept back for ever, as far as it knows.
func (s *sample) held() time.Duration {
	if s.sent == 0 {
		return s.latency()
	}
	return s.sent - s.start
}

// sampleKey finds the *sample of a request in its context.
type sampleKey struct{}

// firstHop notes when a request is really sent. Redirects and replays come
// through here too, one after the other, and are not noted.
type firstHop struct {
	base  http.RoundTripper
	clock func() time.Duration
}

func (t firstHop) RoundTrip(req *http.Request) (*http.Response, error) {
	if s, ok := req.Context().Value(sampleKey{}).(*sample); ok && s.sent == 0 {
		s.sent = t.clock()
	}
	return t.base.RoundTrip(req)
}

func withSample(ctx context.Context, s *sample) context.Context {
	return context.WithValue(ctx, sampleKey{}, s)
}

// tokenCall is what is kept of one token request.
type tokenCall struct {
	start, end time.Duration
	issued     bool // a token came back
	refused    bool // the endpoint was out: 503
}

// tokenLog keeps every token request that goes to the network.
type tokenLog struct {
	base  http.RoundTripper
	clock func() time.Duration

	mu    sync.Mutex // guards calls
	calls []tokenCall
}

func (t *tokenLog) RoundTrip(req *http.Request) (*http.Response, error) {
	call := tokenCall{start: t.clock()}
	resp, err := t.base.RoundTrip(req)
	call.end = t.clock()
	if err == nil {
		call.issued = resp.StatusCode == http.StatusOK
		call.refused = resp.StatusCode == http.StatusServiceUnavailable
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.calls = append(t.calls, call)
	return resp, err
}

// soFar is a copy: a renewal behind may still be under way when the batch is done.
func (t *tokenLog) soFar() []tokenCall {
	t.mu.Lock()
	defer t.mu.Unlock()
	return append([]tokenCall(nil), t.calls...)
}
