package bearer_test

import (
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"example.com/bearer"
)

// get sends a GET and returns the status, 0 for an error.
func get(client *http.Client, url string) int {
	resp, err := client.Get(url)
	if err != nil {
		return 0
	}
	resp.Body.Close()
	return resp.StatusCode
}

// G12: an API that rejects every token costs at most 10 token requests in 10 s,
// however many requests it gets, and each of them has its 401.
func TestG12AlwaysRejected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := &mint{takes: 20 * time.Millisecond, lifetime: time.Hour}
		client := &http.Client{Transport: &bearer.Transport{Source: source, Base: &picky{takes: 5 * time.Millisecond}}}
		var others atomic.Int32
		var wg sync.WaitGroup
		for range 10_000 {
			wg.Go(func() {
				if get(client, apiURL) != http.StatusUnauthorized {
					others.Add(1)
				}
			})
			time.Sleep(time.Millisecond)
		}
		wg.Wait()
		if got := source.calls.Load(); got > 10 {
			t.Errorf("got %d token requests, want 10 at the most", got)
		}
		if got := others.Load(); got != 0 {
			t.Errorf("%d of 10000 requests did not get their 401", got)
		}
	})
}

// moody is an API with an endpoint that rejects every token; the others accept
// the tokens that were not revoked.
type moody struct {
	revoked sync.Map // Authorization headers
	seen    sync.Map
}

func (m *moody) RoundTrip(req *http.Request) (*http.Response, error) {
	h := req.Header.Get("Authorization")
	m.seen.Store(h, nil)
	if _, revoked := m.revoked.Load(h); revoked || req.URL.Path == "/never" {
		return answer(req, http.StatusUnauthorized, ""), nil
	}
	return answer(req, http.StatusOK, ""), nil
}

func (m *moody) revokeAll() {
	m.seen.Range(func(h, _ any) bool { m.revoked.Store(h, nil); return true })
}

// G12: an endpoint that always rejects does not take the others down, nor
// cause a refresh per request.
func TestG12OneEndpointRejects(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := &mint{lifetime: time.Hour}
		client := &http.Client{Transport: &bearer.Transport{Source: source, Base: new(moody)}}
		for range 5_000 {
			if got := get(client, "https://api.test/never"); got != http.StatusUnauthorized {
				t.Fatalf("the endpoint that rejects: got %d, want 401", got)
			}
			if got := get(client, "https://api.test/fine"); got != http.StatusOK {
				t.Fatalf("the other endpoint: got %d, want 200", got)
			}
			time.Sleep(2 * time.Millisecond)
		}
		if got := source.calls.Load(); got > 10 {
			t.Errorf("got %d token requests in 10 s, want 10 at the most", got)
		}
	})
}

// G12: after a revocation the token is renewed at once, although an endpoint
// rejected everything some time ago, and each time from then on.
func TestG12RevocationAfterRejections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source, api := &mint{lifetime: time.Hour}, new(moody)
		client := &http.Client{Transport: &bearer.Transport{Source: source, Base: api}}
		for range 1000 {
			get(client, "https://api.test/never")
			time.Sleep(10 * time.Millisecond)
		}
		time.Sleep(30 * time.Second)
		for n := range 5 {
			api.revokeAll()
			calls := source.calls.Load()
			if got := get(client, "https://api.test/fine"); got != http.StatusOK {
				t.Errorf("revocation %d: got %d, want 200", n, got)
			}
			if got := source.calls.Load() - calls; got != 1 {
				t.Errorf("revocation %d: got %d token requests, want 1", n, got)
			}
		}
	})
}

// G12: while an endpoint rejects everything, a revoked token is renewed within
// half a minute.
func TestG12RevocationDuringRejections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source, api := &mint{lifetime: time.Hour}, new(moody)
		client := &http.Client{Transport: &bearer.Transport{Source: source, Base: api}}
		for range 10_000 {
			get(client, "https://api.test/never")
			time.Sleep(10 * time.Millisecond)
		}
		api.revokeAll()
		revoked := time.Now()
		for get(client, "https://api.test/fine") != http.StatusOK {
			if time.Since(revoked) > 30*time.Second {
				t.Fatal("half a minute after the revocation the token was not renewed yet")
			}
			get(client, "https://api.test/never")
			time.Sleep(100 * time.Millisecond)
		}
	})
}

// A token that is rejected and rightly renewed every second, as by a server
// that forgets its tokens, is renewed every time.
func TestUsefulRenewalsDoNotPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source, api := &mint{lifetime: time.Hour}, new(moody)
		client := &http.Client{Transport: &bearer.Transport{Source: source, Base: api}}
		for n := range 100 {
			if got := get(client, "https://api.test/fine"); got != http.StatusOK {
				t.Fatalf("request %d: got %d, want 200", n, got)
			}
			api.revokeAll()
			time.Sleep(10 * time.Millisecond)
		}
	})
}
