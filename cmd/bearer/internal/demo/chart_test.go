package demo

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestNiceSteps(t *testing.T) {
	for _, tt := range []struct{ v, above, below float64 }{
		{1, 1, 1}, {1.1, 2, 1}, {3, 5, 2}, {6, 10, 5}, {99, 100, 50}, {100, 100, 100}, {0.03, 0.05, 0.02},
	} {
		if got := niceAbove(tt.v); math.Abs(got-tt.above) > 1e-9 {
			t.Errorf("niceAbove(%g): got %g, want %g", tt.v, got, tt.above)
		}
		if got := niceBelow(tt.v); math.Abs(got-tt.below) > 1e-9 {
			t.Errorf("niceBelow(%g): got %g, want %g", tt.v, got, tt.below)
		}
	}
}

func TestTicksHaveCleanLabels(t *testing.T) {
	labels := func(ticks []tick) (out []string) {
		for _, tick := range ticks {
			out = append(out, tick.Label)
		}
		return out
	}
	got := labels(axis{low: 50, high: 1000, log: true, to: 100}.ticks(0, " ms"))
	if want := []string{"50 ms", "100 ms", "200 ms", "500 ms", "1000 ms"}; !slices.Equal(got, want) {
		t.Errorf("logarithmic: got %q, want %q", got, want)
	}
	got = labels(axis{high: 0.6, to: 100}.ticks(0.2, " s"))
	if want := []string{"0 s", "0.2 s", "0.4 s", "0.6 s"}; !slices.Equal(got, want) {
		t.Errorf("linear: got %q, want %q", got, want)
	}
}

// A stall must not look as if requests had been sent in it.
func TestSeriesLeaveGapsWhereNothingBegan(t *testing.T) {
	c := &Column{
		samples: []sample{
			{start: 0, end: 100 * time.Millisecond},
			{start: 99 * time.Millisecond, end: 399 * time.Millisecond, failed: true},
			{start: 200 * time.Millisecond, end: 250 * time.Millisecond},
		},
		// The second one comes after the last request.
		calls: []tokenCall{{start: 150 * time.Millisecond}, {start: time.Hour}},
	}
	s := newSeries(c, 100*time.Millisecond, 3)
	if got, want := *s.latency[0], (quantiles{100 * time.Millisecond, 300 * time.Millisecond, 300 * time.Millisecond}); got != want {
		t.Errorf("first bucket: got %v, want %v", got, want)
	}
	if s.latency[1] != nil {
		t.Errorf("second bucket: got %v, want none", *s.latency[1])
	}
	chart := latencyChart(timeAxis(300*time.Millisecond), 50*time.Millisecond, 300*time.Millisecond, 100*time.Millisecond, c, s)
	for _, l := range chart.Lines {
		if got, want := strings.Count(l.Path, "M"), 2; got != want {
			t.Errorf("%s: got %d strokes in %q, want %d, one on each side of the gap", l.Class, got, l.Path, want)
		}
	}
	if want := []int{1, 0, 0}; !slices.Equal(s.failed, want) {
		t.Errorf("failed: got %v, want %v", s.failed, want)
	}
	if want := []int{0, 1, 1}; !slices.Equal(s.tokens, want) {
		t.Errorf("token requests: got %v, want %v", s.tokens, want)
	}
}
