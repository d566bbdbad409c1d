package proxy

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"example.com/bearer"
	"example.com/bearer/bearertest"
	"example.com/bearer/config"
)

// BenchmarkProxy measures what the proxy costs against a bare ReverseProxy with
// the same connections and buffers, 64 requests in flight, in alternating
// rounds of one run:
//
//	go test -run '^$' -bench Proxy -benchtime 200x ./cmd/bearer/internal/proxy
//
// An op is one round of 640 requests through each. It reports the medians of the
// ratios of the rounds.
func BenchmarkProxy(b *testing.B) {
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, `{"answer": "of a usual length"}`)
	}))
	defer api.Close()
	base, err := url.Parse(api.URL)
	if err != nil {
		b.Fatal(err)
	}
	upstream := http.DefaultTransport.(*http.Transport).Clone()
	upstream.MaxIdleConnsPerHost = 100
	defer upstream.CloseIdleConnections()

	bare := httptest.NewServer(&httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(base) }, Transport: upstream, BufferPool: new(buffers),
	})
	defer bare.Close()
	auth := bearertest.Start(b, bearertest.Config{})
	ours := httptest.NewServer(benchProxy(b, fmt.Sprintf(
		"clients: {api: {token_url: %s/token, client_id: client, client_secret: secret, base_url: %q}}", auth.URL, api.URL), upstream))
	defer ours.Close()

	client := &http.Transport{MaxIdleConnsPerHost: 100}
	defer client.CloseIdleConnections()
	for range 5 { // connections, the first token
		round(b, client, bare.URL)
		round(b, client, ours.URL)
	}
	var total, half []float64
	for i := 0; b.Loop(); i++ {
		var t, h [2]time.Duration
		for j := range 2 { // who is first alternates too
			which := (i + j) % 2
			t[which], h[which] = round(b, client, []string{bare.URL, ours.URL}[which])
		}
		total = append(total, float64(t[1])/float64(t[0]))
		half = append(half, float64(h[1])/float64(h[0]))
	}
	b.ReportMetric(median(total), "time-ratio")
	b.ReportMetric(median(half), "p50-ratio")
}

func benchProxy(b *testing.B, file string, upstream http.RoundTripper) *Proxy {
	quiet := slog.New(slog.DiscardHandler)
	path := filepath.Join(b.TempDir(), "callers")
	if err := os.WriteFile(path, []byte(callerToken), 0o600); err != nil {
		b.Fatal(err)
	}
	callers, err := OpenCallers(path, quiet)
	if err != nil {
		b.Fatal(err)
	}
	p, err := New(Config{Callers: callers, Logger: quiet, Open: func(hooks *bearer.Hooks, maxReplay int64, keep *config.Set) (*config.Set, error) {
		return (&config.Loader{Base: upstream, Hooks: hooks, MaxReplayBytes: maxReplay, Keep: keep}).Parse([]byte(file))
	}})
	if err != nil {
		b.Fatal(err)
	}
	return p
}

// round sends 640 requests, 64 at a time, and returns how long all took and
// within which time half of them were answered.
func round(b *testing.B, client http.RoundTripper, to string) (all, half time.Duration) {
	const lanes, requests = 64, 640
	var (
		wg    sync.WaitGroup
		next  atomic.Int64
		times [requests]time.Duration
	)
	began := time.Now()
	for range lanes {
		wg.Go(func() {
			for i := next.Add(1) - 1; i < requests; i = next.Add(1) - 1 {
				start := time.Now()
				req, err := http.NewRequest(http.MethodGet, to+"/daily?page=1", nil)
				if err != nil {
					b.Error(err)
					return
				}
				req.Header.Set("Authorization", "Bearer "+callerToken)
				resp, err := client.RoundTrip(req)
				if err != nil {
					b.Error(err)
					return
				}
				if _, err := io.Copy(io.Discard, resp.Body); err != nil || resp.StatusCode != http.StatusOK {
					b.Errorf("got %s (%v), want 200", resp.Status, err)
				}
				resp.Body.Close()
				times[i] = time.Since(start)
			}
		})
	}
	wg.Wait()
	all = time.Since(began)
	slices.Sort(times[:])
	return all, times[requests/2]
}

func median(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)/2]
}
