package pool_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"example.com/bearer"
	"example.com/bearer/pool"
)

// A request through CacheFor allocates no more than one with a single
// credential.
func TestCacheForDoesNotAllocate(t *testing.T) {
	resp := &http.Response{StatusCode: http.StatusOK, Body: http.NoBody}
	base := roundTrip(func(*http.Request) (*http.Response, error) { return resp, nil })
	measure := func(tr *bearer.Transport) float64 {
		tr.Base = base
		req, _ := http.NewRequestWithContext(pool.WithKey(t.Context(), "k"), http.MethodGet, "https://api.test/", nil)
		req.Header.Set("X-User", "k")
		return testing.AllocsPerRun(1000, func() {
			if _, err := tr.RoundTrip(req); err != nil {
				t.Fatal(err)
			}
		})
	}
	one := measure(&bearer.Transport{Source: tokens("k", time.Hour)})
	for name, p := range map[string]*pool.Pool{
		"WithKey":    {},
		"Key":        {Key: func(r *http.Request) (string, error) { return r.Header.Get("X-User"), nil }},
		"all limits": {MaxEntries: 1000, IdleAfter: time.Hour, MaxRefreshes: 1},
	} {
		p.New = ofTokens
		if many := measure(&bearer.Transport{CacheFor: p.CacheFor}); many > one {
			t.Errorf("%s: got %v allocations, want the %v of one credential", name, many, one)
		}
		if err := p.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

// BenchmarkGet compares a hit with one in a sync.Map that holds the same. The two
// take turns, so that what else the machine does harms both: x/map is the
// median of what a hit costs, as a multiple of that in the sync.Map.
//
//	go test -run '^$' -bench Get -cpu 1,2 -benchtime 20x -count 3
func BenchmarkGet(b *testing.B) {
	const keys, hits = 100_000, 100_000
	names := make([]string, keys)
	for i := range names {
		names[i] = fmt.Sprintf("customer-%08d", i)
	}
	for _, idle := range []time.Duration{0, time.Hour} {
		for _, zipf := range []bool{false, true} {
			b.Run(fmt.Sprintf("idle=%v/zipf=%v", idle, zipf), func(b *testing.B) {
				p := &pool.Pool{MaxEntries: 2 * keys, IdleAfter: idle, New: ofTokens}
				defer p.Close(context.Background())
				var m sync.Map
				for _, name := range names {
					c, err := p.Get(b.Context(), name)
					if err != nil {
						b.Fatal(err)
					}
					m.Store(name, c)
				}
				// Drawn before, so that the draws are not measured.
				order := make([]string, 1<<20)
				r := rand.New(rand.NewPCG(1, 2))
				draw := rand.NewZipf(r, 1.1, 1, keys-1).Uint64
				if !zipf {
					draw = func() uint64 { return r.Uint64N(keys) }
				}
				for i := range order {
					order[i] = names[draw()]
				}
				turn := func(get func(string) *bearer.Cache) float64 {
					var done sync.WaitGroup
					start := time.Now()
					for range runtime.GOMAXPROCS(0) {
						at := rand.IntN(len(order))
						done.Go(func() {
							for i := range hits {
								if get(order[(at+i)%len(order)]) == nil {
									b.Error("not found")
								}
							}
						})
					}
					done.Wait()
					return float64(time.Since(start)) / hits
				}
				var hit, ratio []float64
				for b.Loop() {
					one := turn(func(name string) *bearer.Cache {
						c, _ := p.Get(context.Background(), name)
						return c
					})
					other := turn(func(name string) *bearer.Cache {
						c, _ := m.Load(name)
						return c.(*bearer.Cache)
					})
					hit, ratio = append(hit, one), append(ratio, one/other)
				}
				slices.Sort(hit)
				slices.Sort(ratio)
				b.ReportMetric(0, "ns/op") // of a turn: nothing
				b.ReportMetric(hit[len(hit)/2], "ns/hit")
				b.ReportMetric(ratio[len(ratio)/2], "x/map")
			})
		}
	}
}

// BenchmarkMemory reports what each of a million keys costs beside its bytes
// and those of its token.
//
//	go test -run '^$' -bench Memory -benchtime 1x
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
