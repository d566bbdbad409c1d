package fleet

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

// Only a request that met a cut, or came soon after it, may fail.
func TestFailuresAreExplainedByCuts(t *testing.T) {
	cut := fault{at: 20 * time.Second, until: 30 * time.Second, kind: cutOff, worker: -1}
	for _, tt := range []struct {
		began, ended time.Duration
		want         bool
	}{
		{18 * time.Second, 20*time.Second - 1, false},
		{18 * time.Second, 20 * time.Second, true},
		{25 * time.Second, 25 * time.Second, true},
		{40 * time.Second, 50 * time.Second, true},
		{40*time.Second + 1, 50 * time.Second, false},
	} {
		if got := cut.explains(sample{began: tt.began, ended: tt.ended, failed: true}); got != tt.want {
			t.Errorf("from %v to %v: got %v, want %v", tt.began, tt.ended, got, tt.want)
		}
	}
	cut.kind = freeze
	if cut.explains(sample{began: cut.at, ended: cut.until, failed: true}) {
		t.Error("a stop explains a failure, want only cuts to do so")
	}
}

func TestStatsOfARun(t *testing.T) {
	r := newTestResult()
	want := Stats{
		Processes: 2, Requests: 3, Failed: 2, FailedWhileValid: 1, FailedWithoutCut: 1,
		TokenRequests: 5, Expiries: 2, Repeats: 1, Early: 1, TokensFailed: 1,
		Killed: 1, Stopped: 1, Cut: 1,
		Store: "redis://127.0.0.1:6379/0", Seconds: 60,
		P50: 1000, P99: 3_000_000, Max: 3_000_000,
	}
	if got := newStats(r); got != want {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func newTestResult() *Result {
	const s = time.Second
	r := &Result{
		fleet:  Fleet{Processes: 2, For: 60 * s, Store: "redis://app:canary@127.0.0.1:6379/0?x=canary", Kill: s, Stop: s, Cut: s},
		lasted: 60 * s,
		samples: []sample{
			{began: s, ended: s + time.Millisecond},
			{began: 2 * s, ended: 2*s + time.Microsecond, failed: true, valid: true},
			{began: 19 * s, ended: 22 * s, failed: true},
		},
		requests: []tokenRequest{{s, 0, expiry}, {2 * s, 1, repeat}, {3 * s, 1, early}, {4 * s, 0, failed}, {5 * s, 0, expiry}},
		faults: []fault{
			{s, s, kill, 0, saved},
			{s, 5 * s, freeze, 1, asking},
			{20 * s, 30 * s, cutOff, -1, ""},
		},
		Reasons: []Reason{{"why <it> failed", 2}},
	}
	r.Stats = newStats(r)
	return r
}

func TestProblems(t *testing.T) {
	good := Stats{Requests: 10, TokenRequests: 8, Expiries: 4, Killed: 1, Stopped: 1, Cut: 1, Failed: 5}
	if got := problems(good, 0); len(got) > 0 {
		t.Errorf("got %q, want none", got)
	}
	for _, tt := range []struct {
		spoil func(*Stats)
		want  string
	}{
		{func(s *Stats) { s.Requests = 0 }, "no request was sent"},
		{func(s *Stats) { s.FailedWhileValid = 1 }, "1 requests failed while their process had a valid token"},
		{func(s *Stats) { s.FailedWithoutCut = 2 }, "2 requests failed while the store was not cut off, nor in the 10s before"},
		{func(s *Stats) { s.FailedWithoutCut, s.Cut, s.TokenRequests = 3, 0, 7 }, "3 requests failed"},
		{func(s *Stats) { s.Reuse = 1 }, "a refresh token was used again 1 times"},
		{func(s *Stats) { s.TokenRequests = 9 }, "there were 9 token requests, and 8 would do"},
		{func(s *Stats) { s.Settled = -1 }, "the processes did not come to use one token again"},
	} {
		bad := good
		tt.spoil(&bad)
		if got := problems(bad, 0); len(got) != 1 || got[0] != tt.want {
			t.Errorf("got %q, want %q", got, tt.want)
		}
	}
	if got := problems(good, 1); len(got) != 1 || got[0] != "1 processes did not end" {
		t.Errorf("got %q, want that 1 did not end", got)
	}
}

// Errors that differ in a port or a time are one reason.
func TestReasonsAreCountedTogether(t *testing.T) {
	a := reason("dial tcp 127.0.0.1:40000->127.0.0.1:3: reset\n  (try again in 1.5s)")
	b := reason("dial tcp 127.0.0.1:40001->127.0.0.1:3: reset (try again in 200ms)")
	if want := "dial tcp ~->~: reset (try again in ~)"; a != want || b != want {
		t.Errorf("got %q and %q, want %q", a, b, want)
	}
}

// Neither the table nor the page shows the password of a store.
func TestTableAndReport(t *testing.T) {
	r := newTestResult()
	r.problems = []string{"2 requests failed"}
	var table, page bytes.Buffer
	if err := r.WriteTable(&table); err != nil {
		t.Fatal(err)
	}
	if err := r.WriteReport(&page); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"token requests                     5   1 repeated, 1 early, 1 failed",
		"killed                             1   1 while they refreshed",
		"2  failed: why <it> failed",
	} {
		if !strings.Contains(table.String(), want) {
			t.Errorf("table: got\n%swant a line with %q", &table, want)
		}
	}
	for _, want := range []string{
		"1.0 s: process 0 killed, when it had stored the answer",
		"1.0 s to 5.0 s: process 1 stopped, while it asked",
		"20.0 s to 30.0 s: the store cut off",
		"2.00 s: process 1, with a refresh token used before, within the grace",
		"What must not happen: 2 requests failed.",
		"why &lt;it&gt; failed",
	} {
		if !strings.Contains(page.String(), want) {
			t.Errorf("page: want %q in it", want)
		}
	}
	if all := table.String() + page.String(); strings.Contains(all, "canary") {
		t.Error("the table or the page shows the password")
	}
	if n := strings.Count(page.String(), "<circle class=\"expiry\" cx=\"6") + strings.Count(page.String(), "<g transform"); n == 0 {
		t.Error("page: got no points, want some")
	}
}

// A run without requests can be drawn.
func TestReportOfNothing(t *testing.T) {
	r := &Result{fleet: Fleet{Processes: 1, Store: Dir}}
	var page bytes.Buffer
	if err := r.WriteReport(&page); err != nil {
		t.Fatal(err)
	}
	if s := page.String(); strings.Contains(s, "NaN") || strings.Contains(s, "Inf") {
		t.Error("the page holds a figure that is not a number")
	}
}
