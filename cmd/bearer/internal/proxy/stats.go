package proxy

import (
	"context"
	"sync/atomic"

	"example.com/bearer"
)

// stats are the numbers of a client since the start.
type stats struct {
	requests, failures, inFlight atomic.Int64
	refreshes, refreshFailures   atomic.Int64
	rejections, replays          atomic.Int64
	latency                      window
}

// hooks count what happens to the tokens. A credential that clients share
// counts for each of them.
func (p *Proxy) hooks() *bearer.Hooks {
	count := func(number func(*stats) *atomic.Int64) func(context.Context, bearer.Event) {
		return func(_ context.Context, e bearer.Event) {
			t := p.table.Load()
			if t == nil {
				return
			}
			for _, r := range t.byKey[e.Key] {
				number(r.stats).Add(1)
			}
		}
	}
	return &bearer.Hooks{
		TokenRefreshed:  count(func(s *stats) *atomic.Int64 { return &s.refreshes }),
		RefreshFailed:   count(func(s *stats) *atomic.Int64 { return &s.refreshFailures }),
		TokenRejected:   count(func(s *stats) *atomic.Int64 { return &s.rejections }),
		RequestReplayed: count(func(s *stats) *atomic.Int64 { return &s.replays }),
	}
}
