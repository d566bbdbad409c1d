package demo

import (
	"slices"
	"strings"
	"testing"
	"time"
)

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
