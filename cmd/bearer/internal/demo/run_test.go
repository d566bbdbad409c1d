package demo

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// small takes about 5 s, in which tokens are valid for 2 s. On a busy machine,
// a token of 1 s may expire on its way to the API, and so may its successor.
var small = Batch{Requests: 900, Concurrency: 20}

// The purpose of the demo, in small: G3, G4, G9 together on real sockets.
func TestBatchThroughBearer(t *testing.T) {
	t.Parallel()
	var run *Run
	var c *Column
	for c == nil || stalled(c) {
		run = small.Through(bearerSubject)
		var err error
		if c, err = run.Do(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if got := run.Done(); got != small.Requests {
		t.Errorf("done: got %d, want %d", got, small.Requests)
	}
	if c.Stats.Failed != 0 || c.Stats.Leaked != 0 {
		t.Errorf("got %d failed and %d leaked, want none", c.Stats.Failed, c.Stats.Leaked)
	}
	if c.Stats.TokenRequestsOutage == 0 {
		t.Error("no token request met the outage: the script did not happen")
	}
	for _, kind := range []eventKind{expiry, revocation, outage, redirect} {
		if !strings.Contains(kinds(c.events), string(kind)) {
			t.Errorf("events: got %s, want %s among them", kinds(c.events), kind)
		}
	}
}

// stalled reports whether the machine was so busy that a token had expired, or
// nearly so, when the answer with it arrived: then no client can do the batch.
func stalled(c *Column) bool {
	return slices.ContainsFunc(c.calls, func(call tokenCall) bool { return call.end-call.start > small.Lifetime()/2 })
}

// What x/oauth2 does is measured, not asserted: only that its column is
// complete and that the page has both.
func TestReportIsSelfContained(t *testing.T) {
	t.Parallel()
	batch := Batch{Requests: 300, Concurrency: 50}
	var cols []*Column
	for _, s := range Subjects {
		c, err := batch.Through(s).Do(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		cols = append(cols, c)
	}
	var page, table bytes.Buffer
	if err := WriteReport(&page, batch, cols); err != nil {
		t.Fatal(err)
	}
	if found := regexp.MustCompile(`(?i)(https?:)?//[a-z0-9]|<script|<link|@import|url\(|\bsrc=`).FindString(page.String()); found != "" {
		t.Errorf("the page holds %q, want nothing that a browser would fetch or run", found)
	}
	if strings.Contains(page.String(), clientSecret) {
		t.Error("the page holds the client secret")
	}
	if got, want := strings.Count(page.String(), "<figure>"), 3*len(Subjects); got != want {
		t.Errorf("charts: got %d, want %d", got, want)
	}
	for _, bad := range []string{"NaN", "Inf", "ZgotmplZ"} {
		if strings.Contains(page.String(), bad) {
			t.Errorf("the page holds %s, want numbers only", bad)
		}
	}
	if err := WriteTable(&table, batch, cols); err != nil {
		t.Fatal(err)
	}
	text, noted, _ := strings.Cut(table.String(), "\n\n")
	if !strings.HasPrefix(noted, "* p99 shows requests that wait for a token: the 50 in flight at the first fetch") || !strings.Contains(text, "\nlatency p99 * ") {
		t.Errorf("table: got\n%swant a mark at p99, and below what it means", &table)
	}
	if !strings.Contains(page.String(), "<p>"+strings.TrimSpace(noted)+"</p>") {
		t.Errorf("page: want the note %q", noted)
	}
	lines := strings.Split(text, "\n")
	if got, want := len(lines), len(summary)+1; got != want {
		t.Errorf("table: got %d lines, want %d:\n%s", got, want, &table)
	}
	for _, l := range lines {
		if len(l) != len(lines[0]) {
			t.Errorf("table: the line %q is %d wide, want %d as the first", l, len(l), len(lines[0]))
		}
	}
}

// A page is written even if no request took any time.
func TestReportOfABatchThatFailedAtOnce(t *testing.T) {
	c := &Column{samples: []sample{{failed: true}}}
	c.Stats = newStats(c.samples, nil, 0)
	var page bytes.Buffer
	if err := WriteReport(&page, Batch{1, 1}, []*Column{c}); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(page.String(), "NaN") || strings.Contains(page.String(), "Inf") {
		t.Error("the page holds a figure that is not a number")
	}
}

func TestCancelEndsTheRun(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	subject := Subject{authorize: func(env environment) http.RoundTripper {
		return roundTripFunc(func(req *http.Request) (*http.Response, error) {
			cancel()
			return env.api.RoundTrip(req)
		})
	}}
	c, err := Batch{Requests: 1_000_000, Concurrency: 2}.Through(subject).Do(ctx)
	if c != nil || !errors.Is(err, context.Canceled) {
		t.Errorf("got %v and the error %v, want none and %v", c, err, context.Canceled)
	}
}

// The demo detects a transport that adds its header to every hop.
func TestLeakToTheOtherOriginIsSeen(t *testing.T) {
	t.Parallel()
	careless := Subject{authorize: func(env environment) http.RoundTripper {
		return roundTripFunc(func(req *http.Request) (*http.Response, error) {
			req = req.Clone(req.Context())
			req.Header.Set("Authorization", "Bearer anything")
			return env.api.RoundTrip(req)
		})
	}}
	c, err := Batch{Requests: 10, Concurrency: 5}.Through(careless).Do(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got, want := c.Stats.Leaked, 1; got != want {
		t.Errorf("leaked: got %d, want %d", got, want)
	}
}

// A 401 that reaches the caller is a failure, and so is a request that is never
// sent. The latter counts as waiting.
func TestFailuresAreRecorded(t *testing.T) {
	unauthorized := Subject{authorize: func(env environment) http.RoundTripper { return env.api }}
	c, err := Batch{Requests: 3, Concurrency: 3}.Through(unauthorized).Do(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	// One of them is redirected to an origin that needs no token.
	if got, want := c.Stats.Failed, 3; got < want-1 {
		t.Errorf("without a token: got %d failed, want %d or one less", got, want)
	}
	unsent := Subject{authorize: func(environment) http.RoundTripper {
		return roundTripFunc(func(*http.Request) (*http.Response, error) { return nil, errors.New("no token") })
	}}
	c, err = Batch{Requests: 3, Concurrency: 3}.Through(unsent).Do(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got, want := c.Stats.Failed, 3; got != want {
		t.Errorf("never sent: got %d failed, want %d", got, want)
	}
	for _, s := range c.samples {
		if s.sent != 0 || s.held() != s.latency() {
			t.Errorf("never sent: got sent after %v and held %v, want held as long as it lasted, %v", s.sent, s.held(), s.latency())
		}
	}
}

// The time of the first hop counts, not that of a replay.
func TestFirstHopIsNotedOnce(t *testing.T) {
	var now time.Duration
	hop := firstHop{
		base:  roundTripFunc(func(*http.Request) (*http.Response, error) { return nil, errors.New("unused") }),
		clock: func() time.Duration { now += time.Second; return now },
	}
	var s sample
	req, err := http.NewRequestWithContext(withSample(t.Context(), &s), http.MethodGet, "http://127.0.0.1/", nil)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		hop.RoundTrip(req)
	}
	if s.sent != time.Second {
		t.Errorf("got sent at %v, want %v", s.sent, time.Second)
	}
}

type roundTripFunc func(*http.Request) (*http.Response, error)

func (f roundTripFunc) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

func kinds(events []event) string {
	var out []string
	for _, e := range events {
		out = append(out, string(e.kind))
	}
	return strings.Join(out, " ")
}
