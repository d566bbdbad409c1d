package main

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"example.com/bearer/bench/peers"
)

// burst: many requests at once with a token that has been revoked.
var burst = scenario{
	name:    "burst with a revoked token",
	figures: []figure{{name: "refreshes", neutral: true}, {name: "requests that failed"}},
	run: func(ctx context.Context, size scale, p peers.Peer) ([]float64, error) {
		s := newServer(time.Hour, 20*time.Millisecond)
		defer s.close()
		base := newBase()
		defer base.CloseIdleConnections()
		do := p.Do(peers.Setup{Fetch: s.fetch, Base: base})
		if err := s.get(ctx, do); err != nil {
			return nil, err
		}
		s.revokeAll()
		s.latency.Store(int64(200 * time.Millisecond)) // so that all are under way before the first one is rejected
		before := s.requests.Load()
		var failed atomic.Int64
		var wg sync.WaitGroup
		for range size.burst {
			wg.Go(func() {
				if s.get(ctx, do) != nil {
					failed.Add(1)
				}
			})
		}
		wg.Wait()
		return []float64{float64(s.requests.Load() - before), float64(failed.Load())}, nil
	},
}
