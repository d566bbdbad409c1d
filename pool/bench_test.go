package pool_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"runtime"
	"sync"
	"testing"
	"time"

	"example.com/bearer"
	"example.com/bearer/pool"
)

// A request through CacheFor allocates no more than one with a single
// credential.
func TestCacheForDoesNotAllocate(t *testing.T) {
	p := &pool.Pool{MaxEntries: 1000, IdleAfter: time.Hour, New: ofTokens}
	resp := &http.Response{StatusCode: http.StatusOK, Body: http.NoBody}
	base := roundTrip(func(*http.Request) (*http.Response, error) { return resp, nil })
	measure := func(tr *bearer.Transport) float64 {
		tr.Base = base
		req, _ := http.NewRequestWithContext(pool.WithKey(t.Context(), "k"), http.MethodGet, "https://api.test/", nil)
		return testing.AllocsPerRun(1000, func() {
			if _, err := tr.RoundTrip(req); err != nil {
				t.Fatal(err)
			}
		})
	}
	one, many := measure(&bearer.Transport{Source: tokens("k", time.Hour)}), measure(&bearer.Transport{CacheFor: p.CacheFor})
	if many > one {
		t.Errorf("got %v allocations, want the %v of one credential", many, one)
	}
}

const benchKeys = 100_000

// BenchmarkGet compares a hit with a sync.Map that holds the same.
func BenchmarkGet(b *testing.B) {
	keys := make([]string, benchKeys)
	for i := range keys {
		keys[i] = fmt.Sprintf("customer-%08d", i)
	}
	p := &pool.Pool{MaxEntries: 2 * benchKeys, IdleAfter: time.Hour, New: ofTokens}
	var m sync.Map
	for _, key := range keys {
		c, err := p.Get(b.Context(), key)
		if err != nil {
			b.Fatal(err)
		}
		m.Store(key, c)
	}
	for dist, pick := range map[string]func(*rand.Rand) func() uint64{
		"uniform": func(r *rand.Rand) func() uint64 { return func() uint64 { return r.Uint64N(benchKeys) } },
		"zipf":    func(r *rand.Rand) func() uint64 { return rand.NewZipf(r, 1.1, 1, benchKeys-1).Uint64 },
	} {
		// Drawn before, so that the draws are not measured.
		order := make([]uint32, 1<<20)
		draw := pick(rand.New(rand.NewPCG(1, 2)))
		for i := range order {
			order[i] = uint32(draw())
		}
		for name, get := range map[string]func(string) bool{
			"pool":     func(key string) bool { _, err := p.Get(context.Background(), key); return err == nil },
			"sync.Map": func(key string) bool { _, ok := m.Load(key); return ok },
		} {
			b.Run(dist+"/"+name, func(b *testing.B) {
				b.ReportAllocs()
				b.RunParallel(func(pb *testing.PB) {
					for i := rand.IntN(len(order)); pb.Next(); i++ {
						if !get(keys[order[i%len(order)]]) {
							b.Fail()
						}
					}
				})
			})
		}
	}
}

// BenchmarkMemory reports what each of a million keys costs beside its bytes
// and those of its token.
func BenchmarkMemory(b *testing.B) {
	const n = 1_000_000
	keys := make([]string, n)
	for i := range keys {
		keys[i] = fmt.Sprintf("customer-%08d", i)
	}
	heap := func() uint64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	for _, idle := range []time.Duration{0, time.Hour} {
		b.Run(fmt.Sprint("IdleAfter=", idle), func(b *testing.B) {
			for b.Loop() {
				before := heap()
				token := &bearer.Token{AccessToken: "t", Expiry: time.Now().Add(time.Hour)}
				source := bearer.SourceFunc(func(context.Context) (*bearer.Token, error) { return token, nil })
				breaker := new(bearer.CircuitBreaker)
				p := &pool.Pool{MaxEntries: 2 * n, IdleAfter: idle, New: func(context.Context, string) (*bearer.Cache, error) {
					return &bearer.Cache{Source: source, Breaker: breaker}, nil
				}}
				for _, key := range keys {
					c, err := p.Get(b.Context(), key)
					if err == nil {
						_, err = c.Token(b.Context())
					}
					if err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(heap()-before)/n, "B/key")
				runtime.KeepAlive(p)
			}
		})
	}
}
