package main

import (
	"context"
	"time"

	"example.com/bearer/bench/peers"
)

// shortLife: the margin is five minutes, as suits tokens of an hour, and the
// server gives tokens of one minute.
var shortLife = scenario{
	name:    "lifetime shorter than the margin, 20 calls",
	figures: []figure{{name: "token requests"}},
	run: func(ctx context.Context, _ scale, p peers.Peer) ([]float64, error) {
		s := newServer(time.Minute, time.Millisecond)
		defer s.close()
		rt := p.Transport(peers.Setup{Fetch: s.fetch, Base: ok{}, Margin: 5 * time.Minute})
		for range 20 {
			if err := s.get(ctx, rt.RoundTrip); err != nil {
				return nil, err
			}
			time.Sleep(10 * time.Millisecond) // lets a refresh that runs behind end
		}
		return []float64{float64(s.requests.Load())}, nil
	},
}
