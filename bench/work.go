// Package bench has the work that the benchmarks of this folder and the
// program scenarios measure.
package bench

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"example.com/bearer/bench/peers"
)

// fetch is a token request that costs nothing.
func fetch(context.Context) (peers.Token, error) {
	return peers.Token{Value: "0123456789abcdef0123456789abcdef", Expiry: time.Now().Add(time.Hour)}, nil
}

// RoundTrip measures p on a request with eight headers and a base that only
// makes a response.
func RoundTrip(b *testing.B, p peers.Peer, parallel bool) {
	rt := p.Transport(peers.Setup{Fetch: fetch, Base: idle{}})
	measure(b, parallel, func() func() error {
		req := request("https://api.example.com/v1/items")
		return func() error {
			_, err := rt.RoundTrip(req)
			return err
		}
	})
}

// Token measures how p gives the token that it has.
func Token(b *testing.B, p peers.Peer, parallel bool) {
	caller := p.Tokens(peers.Setup{Fetch: fetch})
	measure(b, parallel, func() func() error {
		get := caller(context.Background())
		return func() error {
			_, err := get()
			return err
		}
	})
}

// Loopback measures a whole request with p, to a server on this machine.
func Loopback(b *testing.B, p peers.Peer) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") == "" {
			w.WriteHeader(http.StatusUnauthorized)
		}
	}))
	defer server.Close()
	base := new(http.Transport)
	defer base.CloseIdleConnections()
	rt := p.Transport(peers.Setup{Fetch: fetch, Base: base})
	measure(b, false, func() func() error {
		req := request(server.URL)
		return func() error {
			resp, err := rt.RoundTrip(req)
			if err != nil {
				return err
			}
			_, err = io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
			return err
		}
	})
}

// measure measures the operation that each goroutine makes for itself.
func measure(b *testing.B, parallel bool, operation func() func() error) {
	b.ReportAllocs()
	op := operation()
	if err := op(); err != nil { // the first one makes the cache
		b.Fatal(err)
	}
	if !parallel {
		for b.Loop() {
			if err := op(); err != nil {
				b.Fatal(err)
			}
		}
		return
	}
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		op := operation()
		for pb.Next() {
			if err := op(); err != nil {
				b.Error(err)
				return
			}
		}
	})
}

// idle is a base that only makes a response. Each request gets its own, since a
// RoundTripper above may write to it.
type idle struct{}

func (idle) RoundTrip(req *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody, Request: req}, nil
}

func request(url string) *http.Request {
	req, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		panic(err) // the URLs are our own
	}
	for _, h := range []string{"Accept", "Accept-Encoding", "User-Agent", "Content-Type", "X-Request-Id", "X-Trace", "Cache-Control", "If-None-Match"} {
		req.Header.Set(h, "value of "+h)
	}
	return req
}
