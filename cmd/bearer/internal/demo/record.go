package demo

import (
	"context"
	"net/http"
	"sync"
	"time"
)

// sample is the record of one request. Its times are since the run began.
type sample struct {
	start time.Duration // handed to the client
	sent  time.Duration // first handed to the network; 0: never
	end   time.Duration // answer read to its end, or request failed

	failed bool
}

func (s *sample) latency() time.Duration { return s.end - s.start }

// held is how long the request waited before it was sent. One that was never
// sent waited until it failed.
func (s *sample) held() time.Duration {
	if s.sent == 0 {
		return s.latency()
	}
	return s.sent - s.start
}

// sampleKey is the key of a request's *sample in its context.
type sampleKey struct{}

// firstHop records when a request is first handed to the network. Redirects and
// replays, which pass through it one after the other, are not recorded.
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

// tokenCall is the record of one token request.
type tokenCall struct {
	start, end time.Duration
	issued     bool // the answer was a token
	refused    bool // the answer was 503: the outage
}

// tokenLog records every token request.
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

// soFar returns a copy, since a background refresh may still be under way when
// the batch is done.
func (t *tokenLog) soFar() []tokenCall {
	t.mu.Lock()
	defer t.mu.Unlock()
	return append([]tokenCall(nil), t.calls...)
}
