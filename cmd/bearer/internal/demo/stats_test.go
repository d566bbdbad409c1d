package demo

import (
	"testing"
	"time"
)

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
