package pool_test

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"example.com/bearer"
	"example.com/bearer/pool"
)

var keysFlag = flag.Int("keys", 20_000, "how many keys TestAllExpireAtOnce has")

// MaxRefreshes bounds the token requests of all keys together, when the tokens
// of very many expire within one second. Nobody with a valid token waits, and
// everybody gets one in the end. With 100,000 keys:
//
//	go test -run AllExpireAtOnce -v . -keys 100000
func TestAllExpireAtOnce(t *testing.T) {
	keys := *keysFlag
	if raceDetector {
		keys = min(keys, 2_000)
	}
	const most, takes = 200, 50 * time.Millisecond
	synctest.Test(t, func(t *testing.T) {
		var flying, peak, requests atomic.Int32
		var expiry atomic.Pointer[time.Time] // of the tokens
		first := time.Now().Add(time.Hour)
		expiry.Store(&first)
		p := &pool.Pool{MaxRefreshes: most, New: func(context.Context, string) (*bearer.Cache, error) {
			return &bearer.Cache{Source: bearer.SourceFunc(func(context.Context) (*bearer.Token, error) {
				requests.Add(1)
				n := flying.Add(1)
				defer flying.Add(-1)
				for old := peak.Load(); n > old && !peak.CompareAndSwap(old, n); old = peak.Load() {
				}
				if *expiry.Load() != first {
					time.Sleep(takes)
				}
				return &bearer.Token{AccessToken: "t", Expiry: expiry.Load().Add(rand.N(time.Second))}, nil
			})}, nil
		}}
		caches := make([]*bearer.Cache, keys)
		for i := range caches {
			caches[i] = get(t, p, fmt.Sprint(i))
			if _, err := caches[i].Token(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		second := first.Add(time.Hour)
		expiry.Store(&second)

		// Half of the keys are in use before, when their tokens are still good:
		// they are refreshed in the background, as far as there is time. The other
		// half come when all have expired. The users of both come again.
		rush := time.Duration(keys/most) * takes
		time.Sleep(time.Until(first.Add(-rush / 4)))
		use := func(caches []*bearer.Cache) (waited int) {
			for _, c := range caches {
				held := c.Status()
				start := time.Now()
				tok, err := c.Token(t.Context())
				switch took := time.Since(start); {
				case err != nil:
					t.Error(err)
				case !tok.Expiry.After(time.Now()):
					t.Error("got a token that has expired")
				case took > 0 && held.Valid:
					t.Errorf("a holder of a valid token waited %v", took)
				case took > 0:
					waited++
				}
			}
			return waited
		}
		if waited := use(caches[:keys/2]); waited != 0 {
			t.Errorf("%d waited before the expiry", waited)
		}
		time.Sleep(time.Until(first.Add(time.Second)))
		start := time.Now()
		var done sync.WaitGroup
		var waited atomic.Int32
		for i := range caches {
			done.Go(func() { waited.Add(int32(use(caches[i : i+1]))) })
		}
		done.Wait()
		took := time.Since(start)
		if waited.Load() < int32(keys/2) || took > rush {
			t.Errorf("%d of %d waited, until %v later; want more than half, and at most %v", waited.Load(), keys, took, rush)
		}
		if waited := use(caches); waited != 0 {
			t.Errorf("%d waited afterwards", waited)
		}
		if peak.Load() != most || int(requests.Load()) != 2*keys {
			t.Errorf("got %d token requests in flight and %d in all, want %d and %d", peak.Load(), requests.Load(), most, 2*keys)
		}
		t.Logf("%d keys, %d waited after the expiry, at most %v", keys, waited.Load(), took)
	})
}

// G24: no request gets another key's token, with 10,000 keys, evictions all the
// time, and tokens that are rejected. BenchmarkG24 is the same with as many
// requests as it is told:
//
//	go test -race -run '^$' -bench G24 -benchtime 1000000x
func TestG24(t *testing.T) { throng(t, 20_000) }

func BenchmarkG24(b *testing.B) { throng(b, b.N) }

func throng(t testing.TB, requests int) {
	const keys, workers = 10_000, 64
	var made, serial, rejected atomic.Int64
	p := &pool.Pool{MaxEntries: keys / 10, MaxRefreshes: workers / 2, New: func(_ context.Context, key string) (*bearer.Cache, error) {
		made.Add(1)
		return &bearer.Cache{Source: bearer.SourceFunc(func(context.Context) (*bearer.Token, error) {
			return &bearer.Token{AccessToken: fmt.Sprintf("%s-%d", key, serial.Add(1))}, nil
		})}, nil
	}}
	type user struct{}
	base := roundTrip(func(req *http.Request) (*http.Response, error) {
		got := strings.TrimPrefix(req.Header.Get("Authorization"), "Bearer ")
		want := req.Context().Value(user{}).(string)
		owner, n, _ := strings.Cut(got, "-")
		if owner != want {
			t.Errorf("a request of %s was sent with the token %q", want, got)
		}
		resp := &http.Response{StatusCode: http.StatusOK, Body: http.NoBody, Request: req}
		if strings.HasSuffix(n, "77") {
			rejected.Add(1)
			resp.StatusCode = http.StatusUnauthorized
		}
		return resp, nil
	})
	tr := &bearer.Transport{CacheFor: p.CacheFor, Base: base}
	var left atomic.Int64
	left.Store(int64(requests))
	var done sync.WaitGroup
	for w := range workers {
		done.Go(func() {
			// Some keys are used often, and most of them seldom.
			draw := rand.NewZipf(rand.New(rand.NewPCG(1, uint64(w))), 1.1, 1, keys-1)
			for left.Add(-1) >= 0 {
				key := fmt.Sprint("u", draw.Uint64())
				ctx := context.WithValue(pool.WithKey(t.Context(), key), user{}, key)
				req, _ := http.NewRequestWithContext(ctx, http.MethodGet, "https://api.test/", nil)
				if _, err := tr.RoundTrip(req); err != nil {
					t.Errorf("%s: %v", key, err)
				}
			}
		})
	}
	done.Wait()
	if requests >= 10_000 && (made.Load() < 2*keys/10 || rejected.Load() == 0) {
		t.Errorf("got %d Caches made and %d rejections: nothing was evicted or rejected", made.Load(), rejected.Load())
	}
	for start := time.Now(); p.Len() > keys/10; runtime.Gosched() {
		if time.Since(start) > 10*time.Second {
			t.Fatalf("got Len %d, want at most %d", p.Len(), keys/10)
		}
	}
	t.Logf("%d requests: %d Caches were made, and %d tokens rejected", requests, made.Load(), rejected.Load())
}
