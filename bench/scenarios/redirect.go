package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"time"

	"example.com/bearer/bench/peers"
)

// redirect: the API sends ten requests on to another origin.
var redirect = scenario{
	name:    "10 redirects to another origin",
	figures: []figure{{name: "tokens leaked"}},
	run: func(ctx context.Context, _ scale, p peers.Peer) ([]float64, error) {
		var leaked atomic.Int64
		other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Authorization") != "" {
				leaked.Add(1)
			}
		}))
		defer other.Close()
		// Another host by its name, so that net/http takes the header away.
		target := strings.Replace(other.URL, "127.0.0.1", "localhost", 1)
		api := httptest.NewServer(http.RedirectHandler(target, http.StatusFound))
		defer api.Close()

		s := newServer(time.Hour, 0)
		defer s.close()
		base := newBase()
		defer base.CloseIdleConnections()
		do := p.Do(peers.Setup{Fetch: s.fetch, Base: base})
		for range 10 {
			req, err := http.NewRequestWithContext(ctx, http.MethodGet, api.URL, nil)
			if err != nil {
				return nil, err
			}
			resp, err := do(req)
			if err != nil {
				return nil, err
			}
			resp.Body.Close()
		}
		return []float64{float64(leaked.Load())}, nil
	},
}
