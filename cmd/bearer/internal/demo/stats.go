package demo

import (
	"slices"
	"time"

	"example.com/bearer/cmd/bearer/internal/figures"
)

// waitedAfter is how long a request may be held back before it counts as
// waiting. Scheduling takes less on a loaded machine, and a token request takes
// seven times as long.
const waitedAfter = 20 * time.Millisecond

// Stats are the figures of one run. A latency is that of a whole request,
// failed or not, from the call of the client to the last byte of the answer.
type Stats struct {
	Requests            int   `json:"requests"`
	Failed              int   `json:"failed"` // an error, or an answer other than 200
	Waited              int   `json:"waited"` // held back for a token for more than 20 ms
	TokenRequests       int   `json:"token_requests"`
	TokenRequestsOutage int   `json:"token_requests_outage"` // answered with 503
	P50                 int64 `json:"p50_us"`
	P99                 int64 `json:"p99_us"`
	P999                int64 `json:"p999_us"`
	Max                 int64 `json:"max_us"`
	Leaked              int   `json:"leaked"` // tokens sent to the other origin
	Wall                int64 `json:"wall_ms"`
}

func newStats(samples []sample, calls []tokenCall, leaked int) Stats {
	st := Stats{Requests: len(samples), TokenRequests: len(calls), Leaked: leaked}
	latencies := make([]time.Duration, len(samples))
	var wall time.Duration
	for i := range samples {
		s := &samples[i]
		latencies[i] = s.latency()
		wall = max(wall, s.end)
		if s.failed {
			st.Failed++
		}
		if s.held() > waitedAfter {
			st.Waited++
		}
	}
	for _, c := range calls {
		if c.refused {
			st.TokenRequestsOutage++
		}
	}
	slices.Sort(latencies)
	st.P50 = figures.Percentile(latencies, 0.50).Microseconds()
	st.P99 = figures.Percentile(latencies, 0.99).Microseconds()
	st.P999 = figures.Percentile(latencies, 0.999).Microseconds()
	st.Max = figures.Percentile(latencies, 1).Microseconds()
	st.Wall = wall.Milliseconds()
	return st
}
