package bearer_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"example.com/bearer"
)

// flaky is a token endpoint that is down from a given moment on, for a while.
type flaky struct {
	err     error
	refresh bool // it takes refresh tokens

	mu    sync.Mutex
	down  time.Time
	lasts time.Duration
	calls int // since down
	n     int
}

func (f *flaky) Token(ctx context.Context) (*bearer.Token, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls++
	if since := time.Since(f.down); since >= 0 && since < f.lasts {
		return nil, f.err
	}
	f.n++
	t := token(fmt.Sprintf("token-%d", f.n), time.Hour)
	if f.refresh {
		t.RefreshToken = fmt.Sprintf("refresh-%d", f.n)
	}
	return t, nil
}

func (f *flaky) Refresh(ctx context.Context, _ *bearer.Token) (*bearer.Token, error) {
	return f.Token(ctx)
}

// begin has the outage begin now.
func (f *flaky) begin(lasts time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.down, f.lasts, f.calls = time.Now(), lasts, 0
}

// sourceOnly hides a Source's Refresh.
type sourceOnly struct{ bearer.Source }

var errRefusedConnection = &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}

// G17: with default values no request notices an outage of up to 4 s, and the
// token comes within a second of its end; after a longer one it comes within a
// quarter of the time more. Token requests are few, also when 40 Caches share the
// breaker.
func TestG17Outages(t *testing.T) {
	kinds := []struct {
		name    string
		err     error
		refresh bool
	}{
		{"refused connection", errRefusedConnection, false},
		{"refused connection, refresh token", errRefusedConnection, true},
		{"503 temporarily_unavailable", refused(503, "temporarily_unavailable"), false},
		{"503 temporarily_unavailable, refresh token", refused(503, "temporarily_unavailable"), true},
		{"503", refused(503, ""), false},
	}
	for _, kind := range kinds {
		for _, when := range []string{"cold", "at expiry", "after a revocation"} {
			for _, caches := range []int{1, 40} {
				for _, lasts := range []time.Duration{
					50 * time.Millisecond, 200 * time.Millisecond, 500 * time.Millisecond, time.Second, 2 * time.Second, 4 * time.Second,
					10 * time.Second, 30 * time.Second, 120 * time.Second,
				} {
					name := fmt.Sprintf("%s, %s, %d caches, %v", kind.name, when, caches, lasts)
					synctest.Test(t, func(t *testing.T) { outage(t, name, kind.err, kind.refresh, when, caches, lasts) })
				}
			}
		}
	}
}

func outage(t *testing.T, name string, down error, refresh bool, when string, n int, lasts time.Duration) {
	endpoint := &flaky{err: down, refresh: refresh}
	var source bearer.Source = endpoint
	if !refresh {
		source = sourceOnly{endpoint}
	}
	var breaker bearer.Breaker // each Cache's own
	if n > 1 {
		breaker = new(bearer.CircuitBreaker)
	}
	revoked := make(map[string]bool) // headers; written before the requests begin
	api := roundTrip(func(req *http.Request) (*http.Response, error) {
		status := http.StatusOK
		if revoked[req.Header.Get("Authorization")] {
			status = http.StatusUnauthorized
		}
		return answer(req, status, ""), nil
	})
	clients := make([]*http.Client, n)
	for i := range clients {
		c := &bearer.Cache{Source: source, Breaker: breaker, RefreshBefore: -1}
		clients[i] = &http.Client{Transport: &bearer.Transport{Source: c, Base: api}}
		switch when {
		case "cold":
			if refresh { // a login that was stored
				_ = c.Set(t.Context(), &bearer.Token{RefreshToken: "stored"})
			}
		default:
			first, err := c.Token(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if when == "after a revocation" {
				revoked["Bearer "+first.AccessToken] = true
			}
		}
	}
	if when == "at expiry" {
		time.Sleep(time.Hour)
	}
	endpoint.begin(lasts)

	start := time.Now()
	limit := lasts + time.Second
	if lasts > 4*time.Second {
		limit = lasts*5/4 + time.Second
	}
	var wg sync.WaitGroup
	var mu sync.Mutex // guards what follows
	failed := 0
	token := make([]time.Duration, n) // when each first got one
	for time.Since(start) < limit {
		for i, client := range clients {
			wg.Go(func() {
				status := get(client, apiURL)
				mu.Lock()
				defer mu.Unlock()
				if status != http.StatusOK {
					failed++
				} else if token[i] == 0 {
					token[i] = max(1, time.Since(start))
				}
			})
		}
		time.Sleep(max(100*time.Millisecond, lasts/40))
	}
	wg.Wait()
	if failed > 0 && lasts <= 4*time.Second {
		t.Errorf("%s: %d requests failed", name, failed)
	}
	for i, at := range token {
		if at == 0 || at > limit {
			t.Errorf("%s: cache %d got its token after %v, want %v at the latest", name, i, at, limit)
			break
		}
	}
	if most := 2*n + 20 + int(lasts/(5*time.Second)); endpoint.calls > most {
		t.Errorf("%s: got %d token requests, want %d at the most", name, endpoint.calls, most)
	}
}
