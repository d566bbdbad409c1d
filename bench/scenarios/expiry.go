package main

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"time"

	"example.com/bearer/bench/peers"
	"example.com/bearer/bench/report"
)

// expiry: callers go on while one token after another expires.
var expiry = scenario{
	name:    "expiry",
	figures: []figure{{name: "requests that waited"}, {name: "p99.9", unit: report.Milliseconds}, {name: "slowest", unit: report.Milliseconds}},
	run: func(ctx context.Context, size scale, p peers.Peer) ([]float64, error) {
		delay := size.tokenLife * 15 / 100
		s := newServer(size.tokenLife, delay)
		defer s.close()
		margin := size.tokenLife * 3 / 10 // twice what a token request takes
		if p.Blocks {
			margin = time.Millisecond // to wait as late, and so as seldom, as can be
		}
		rt := p.Transport(peers.Setup{Fetch: s.fetch, Base: ok{}, Margin: margin})
		if err := s.get(ctx, rt.RoundTrip); err != nil {
			return nil, err
		}
		took, err := keepAsking(ctx, 50, size.expiryFor, 2*time.Millisecond, func() error { return s.get(ctx, rt.RoundTrip) })
		if err != nil {
			return nil, err
		}
		slices.Sort(took)
		waited := 0
		for _, d := range took {
			if d > delay/3 { // less may be the machine
				waited++
			}
		}
		return []float64{
			float64(waited),
			milliseconds(took[len(took)*999/1000]),
			milliseconds(took[len(took)-1]),
		}, nil
	},
}

// keepAsking lets n callers ask every pause for a while, and returns how long
// each call took and the last error.
func keepAsking(ctx context.Context, n int, during, pause time.Duration, ask func() error) ([]time.Duration, error) {
	var mu sync.Mutex // guards all and last
	var all []time.Duration
	var last error
	var wg sync.WaitGroup
	end := time.Now().Add(during)
	for range n {
		wg.Go(func() {
			var own []time.Duration
			var err error
			for time.Now().Before(end) && ctx.Err() == nil {
				start := time.Now()
				if e := ask(); e != nil {
					err = e
				}
				own = append(own, time.Since(start))
				time.Sleep(pause)
			}
			mu.Lock()
			defer mu.Unlock()
			all = append(all, own...)
			if err != nil {
				last = err
			}
		})
	}
	wg.Wait()
	return all, last
}

// ok is a base that answers 200 and does nothing.
type ok struct{}

func (ok) RoundTrip(req *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusOK, Status: "200 OK", Body: http.NoBody, Request: req}, nil
}
