package demo

import (
	"slices"
	"time"

	"example.com/bearer/cmd/bearer/internal/figures"
)

// series holds the figures of a run over time, one for each bucket of the same
// width.
type series struct {
	latency []*quantiles // nil: no request started in the bucket
	failed  []int
	tokens  []int
}

type quantiles struct{ p50, p99, max time.Duration }

// newSeries puts what happened into buckets by when it began, so that a stall
// appears where its cause is.
func newSeries(c *Column, width time.Duration, buckets int) series {
	s := series{
		latency: make([]*quantiles, buckets),
		failed:  make([]int, buckets),
		tokens:  make([]int, buckets),
	}
	bucket := func(at time.Duration) int { return min(int(at/width), buckets-1) }
	latencies := make([][]time.Duration, buckets)
	for i := range c.samples {
		b := bucket(c.samples[i].start)
		latencies[b] = append(latencies[b], c.samples[i].latency())
		if c.samples[i].failed {
			s.failed[b]++
		}
	}
	for i, l := range latencies {
		if len(l) == 0 {
			continue
		}
		slices.Sort(l)
		s.latency[i] = &quantiles{figures.Percentile(l, 0.50), figures.Percentile(l, 0.99), figures.Percentile(l, 1)}
	}
	for _, call := range c.calls {
		s.tokens[bucket(call.start)]++
	}
	return s
}
