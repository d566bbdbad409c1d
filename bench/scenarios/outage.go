package main

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"example.com/bearer/bench/peers"
	"example.com/bearer/bench/report"
)

// outage: the token endpoint fails from before the refresh window until
// shortly before the token expires. Those who have a window have the same one.
var outage = scenario{
	name:    "outage in the refresh window",
	figures: []figure{{name: "requests that failed"}, {name: "token requests", neutral: true}},
	run: func(ctx context.Context, size scale, p peers.Peer) ([]float64, error) {
		life := 3 * size.tokenLife
		window := size.tokenLife
		s := newServer(life, size.tokenLife/100)
		defer s.close()
		base := newBase()
		defer base.CloseIdleConnections()
		do := p.Do(peers.Setup{Fetch: s.fetch, Base: base, Margin: window})
		if err := s.get(ctx, do); err != nil {
			return nil, err
		}
		s.down.Store(true)
		time.AfterFunc(life-window/5, func() { s.down.Store(false) })
		var failed atomic.Int64
		_, _ = keepAsking(ctx, 20, life+window/2, 10*time.Millisecond, func() error {
			err := s.get(ctx, do)
			if err != nil {
				failed.Add(1)
			}
			return err
		})
		return []float64{float64(failed.Load()), float64(s.requests.Load())}, nil
	},
}

// deadEndpoint: the token has expired, the token endpoint fails, and the
// requests keep coming.
var deadEndpoint = scenario{
	name:    "expired token, dead endpoint",
	figures: []figure{{name: "token requests"}},
	run: func(ctx context.Context, size scale, p peers.Peer) ([]float64, error) {
		s := newServer(50*time.Millisecond, 0)
		defer s.close()
		rt := p.Transport(peers.Setup{Fetch: s.fetch, Base: ok{}, Margin: 10 * time.Millisecond})
		if err := s.get(ctx, rt.RoundTrip); err != nil {
			return nil, err
		}
		s.down.Store(true)
		time.Sleep(100 * time.Millisecond)
		before := s.requests.Load()
		for range size.dead {
			_ = s.get(ctx, rt.RoundTrip) // what it says does not matter here
		}
		return []float64{float64(s.requests.Load() - before)}, nil
	},
}

// failingEndpoint: many ask at once, and their token request fails.
var failingEndpoint = scenario{
	name:    "50 callers, failing endpoint",
	figures: []figure{{name: "token requests"}, {name: "wall time", unit: report.Milliseconds}},
	run: func(ctx context.Context, size scale, p peers.Peer) ([]float64, error) {
		s := newServer(time.Hour, 20*time.Millisecond)
		defer s.close()
		s.down.Store(true)
		rt := p.Transport(peers.Setup{Fetch: s.fetch, Base: ok{}})
		var wg sync.WaitGroup
		start := time.Now()
		for range size.failing {
			wg.Go(func() { _ = s.get(ctx, rt.RoundTrip) })
		}
		wg.Wait()
		return []float64{float64(s.requests.Load()), milliseconds(time.Since(start))}, nil
	},
}
