package demo

import (
	"testing"
	"time"
)

func TestPercentileIsTheNearestRank(t *testing.T) {
	hundred := make([]time.Duration, 100)
	for i := range hundred {
		hundred[i] = time.Duration(i + 1)
	}
	for _, tt := range []struct {
		name   string
		values []time.Duration
		p      float64
		want   time.Duration
	}{
		{"none", nil, 0.5, 0},
		{"one", []time.Duration{7}, 0.99, 7},
		{"median of an even number", []time.Duration{1, 2, 3, 4}, 0.5, 2},
		{"median of an odd number", []time.Duration{1, 2, 3}, 0.5, 2},
		{"p99 of 100", hundred, 0.99, 99},
		{"p99.9 of 100", hundred, 0.999, 100},
		{"the smallest", hundred, 0, 1},
		{"the largest", hundred, 1, 100},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := percentile(tt.values, tt.p); got != tt.want {
				t.Errorf("percentile(%g) of %d values: got %d, want %d", tt.p, len(tt.values), got, tt.want)
			}
		})
	}
}

func TestStatsCountWhatWasMeasured(t *testing.T) {
	const at = 10 * time.Millisecond
	samples := []sample{
		{start: at, sent: at + waitedAfter, end: at + 100*time.Millisecond},
		{start: at, sent: at + waitedAfter + 1, end: at + 200*time.Millisecond},
		{start: at, sent: at, end: at + time.Second, failed: true},
		{start: at, end: at + time.Minute, failed: true}, // never sent
	}
	calls := []tokenCall{{issued: true}, {refused: true}, {}}
	want := Stats{
		Requests: 4, Failed: 2, Waited: 2,
		TokenRequests: 3, TokenRequestsOutage: 1,
		P50: 200_000, P99: 60_000_000, P999: 60_000_000, Max: 60_000_000,
		Leaked: 5, Wall: 60_010,
	}
	if got := newStats(samples, calls, 5); got != want {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}
