package main

import (
	"context"
	"time"

	"example.com/bearer/bench/peers"
	"example.com/bearer/bench/report"
)

// waiter: a request that has 20 ms comes while another one's refresh takes
// 500 ms.
var waiter = scenario{
	name:    "a waiter with 20 ms, a refresh of 500 ms",
	figures: []figure{{name: "returns after", unit: report.Milliseconds}},
	run: func(ctx context.Context, size scale, p peers.Peer) ([]float64, error) {
		var rounds []float64
		for range min(size.rounds, 3) {
			s := newServer(time.Hour, size.slow)
			rt := p.Transport(peers.Setup{Fetch: s.fetch, Base: ok{}})
			leader := begin(func() error { return s.get(ctx, rt.RoundTrip) })
			s.awaitRequest(ctx)
			impatient, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
			start := time.Now()
			_ = s.get(impatient, rt.RoundTrip) // it may well fail
			rounds = append(rounds, milliseconds(time.Since(start)))
			cancel()
			err := <-leader
			s.close()
			if err != nil {
				return nil, err
			}
		}
		return []float64{median(rounds)}, nil
	},
}

// cancelledLeader: the request that made the refresh begin is given up, and
// another one waits for the same refresh.
var cancelledLeader = scenario{
	name:    "the leader of a refresh is cancelled",
	figures: []figure{{name: "followers that fail"}, {name: "token requests"}},
	run: func(ctx context.Context, size scale, p peers.Peer) ([]float64, error) {
		s := newServer(time.Hour, size.slow)
		defer s.close()
		rt := p.Transport(peers.Setup{Fetch: s.fetch, Base: ok{}})
		leading, giveUp := context.WithCancel(ctx)
		defer giveUp()
		leader := begin(func() error { return s.get(leading, rt.RoundTrip) })
		s.awaitRequest(ctx)
		follower := begin(func() error { return s.get(ctx, rt.RoundTrip) })
		time.Sleep(size.slow / 3)
		giveUp()
		failed := 0.0
		if <-follower != nil {
			failed = 1
		}
		<-leader
		return []float64{failed, float64(s.requests.Load())}, nil
	},
}

// begin runs f beside the caller.
func begin(f func() error) <-chan error {
	done := make(chan error, 1)
	go func() { done <- f() }()
	return done
}

// awaitRequest waits until the token endpoint has got a request.
func (s *server) awaitRequest(ctx context.Context) {
	for s.requests.Load() == 0 && ctx.Err() == nil {
		time.Sleep(time.Millisecond)
	}
}
