package e2e

import (
	"context"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"

	"example.com/bearer"
	"example.com/bearer/grant"
)

// A batch goes on while its token expires several times, and not a request of
// it fails. The server counts in whole seconds, so that tokens end up to a
// second sooner than it said: some requests are rejected and have to be sent
// again (G4), others are refreshed for in time (G9).
func TestBatchAcrossExpiries(t *testing.T) {
	const (
		expiries = 4
		inFlight = 8
	)
	s := need(t)
	before := s.seen(t)
	var refreshed atomic.Int64
	cache := &bearer.Cache{
		Source: grant.ClientCredentials{
			Server: s.discovered(t),
			Auth:   grant.Basic{ID: "batch", Secret: plainSecret},
		},
		Hooks: &bearer.Hooks{TokenRefreshed: func(context.Context, bearer.Event) { refreshed.Add(1) }},
	}
	base := http.DefaultTransport.(*http.Transport).Clone()
	base.MaxIdleConnsPerHost = inFlight // else it opens a connection for most requests, and runs out of ports
	defer base.CloseIdleConnections()
	client := &http.Client{Transport: &bearer.Transport{Source: cache, Base: base}}

	var requests, failed atomic.Int64
	var workers sync.WaitGroup
	for range inFlight {
		workers.Go(func() {
			for refreshed.Load() <= expiries && t.Context().Err() == nil {
				requests.Add(1)
				if status, err := s.get(t.Context(), client); err != nil || status != http.StatusOK {
					failed.Add(1)
					t.Errorf("GET /api: got %d, %v, want 200", status, err)
					return
				}
			}
		})
	}
	workers.Wait()

	after := s.seen(t)
	requested := after.of("batch")[len(before.of("batch")):]
	t.Logf("%d requests, %d failed, %d rejected by the API and sent again, %d token requests",
		requests.Load(), failed.Load(), after.API.Rejected-before.API.Rejected, len(requested))
	oncePerExpiry(t, requested)
}
