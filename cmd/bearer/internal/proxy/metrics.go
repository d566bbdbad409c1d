package proxy

import (
	"net/http"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// metrics are what /-/metrics shows.
type metrics struct {
	handler  http.Handler
	requests *prometheus.CounterVec
	latency  *prometheus.HistogramVec
	refused  *prometheus.CounterVec
	reload   prometheus.Gauge
	reloads  prometheus.Counter
}

func newMetrics(p *Proxy) *metrics {
	registry := prometheus.NewPedanticRegistry()
	m := &metrics{
		handler: promhttp.HandlerFor(registry, promhttp.HandlerOpts{}),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "bearer_proxy_requests_total", Help: "Requests for a client's API, by the caller's name and the status of the answer; canceled if the caller left before.",
		}, []string{"client", "caller", "code"}),
		latency: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "bearer_proxy_response_seconds", Help: "Time until the header of the API's answer.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
		}, []string{"client"}),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "bearer_proxy_refused_total", Help: "Requests that were refused before they reached a client, by the type of the problem.",
		}, []string{"problem"}),
		reload: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "bearer_proxy_config_last_reload_successful", Help: "Whether the file was in order when it was read last.",
		}),
		reloads: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "bearer_proxy_config_reloads_total", Help: "How often the file was read again.",
		}),
	}
	m.reload.Set(1)
	registry.MustRegister(m.requests, m.latency, m.refused, m.reload, m.reloads, tokens{p},
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

func (m *metrics) reloaded(ok bool) {
	m.reloads.Inc()
	m.reload.Set(0)
	if ok {
		m.reload.Set(1)
	}
}

// tokens collects what is known of the clients' tokens when it is asked.
type tokens struct{ *Proxy }

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(name, help, append([]string{"client"}, labels...), nil)
}

var (
	validDesc    = desc("bearer_token_valid", "Whether there is a token that has neither expired nor been rejected.")
	expiryDesc   = desc("bearer_token_expiry_timestamp_seconds", "When the token expires. Absent if that is not known.")
	breakerDesc  = desc("bearer_breaker_state", "1 for the state of the circuit breaker before the token endpoint, 0 for the others.", "state")
	inFlightDesc = desc("bearer_proxy_requests_in_flight", "Requests to the client's API that have not ended.")
)

// counters are the numbers of stats that are shown as they are.
var counters = []struct {
	desc *prometheus.Desc
	of   func(*stats) *atomic.Int64
}{
	{desc("bearer_token_refreshes_total", "Tokens that were obtained."), func(s *stats) *atomic.Int64 { return &s.refreshes }},
	{desc("bearer_token_refresh_failures_total", "Refreshes that failed."), func(s *stats) *atomic.Int64 { return &s.refreshFailures }},
	{desc("bearer_token_rejections_total", "Answers of the API that rejected a token."), func(s *stats) *atomic.Int64 { return &s.rejections }},
	{desc("bearer_requests_replayed_total", "Requests that were sent again with a new token."), func(s *stats) *atomic.Int64 { return &s.replays }},
}

// Describe implements [prometheus.Collector].
func (tokens) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{validDesc, expiryDesc, breakerDesc, inFlightDesc} {
		ch <- d
	}
	for _, c := range counters {
		ch <- c.desc
	}
}

// Collect implements [prometheus.Collector].
func (t tokens) Collect(ch chan<- prometheus.Metric) {
	table := t.table.Load()
	if table == nil {
		return
	}
	for _, r := range table.routes {
		gauge := func(d *prometheus.Desc, value float64, labels ...string) {
			ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, append([]string{r.name}, labels...)...)
		}
		status := r.cache.Status()
		gauge(validDesc, truth(status.Valid))
		if !status.Expiry.IsZero() {
			gauge(expiryDesc, float64(status.Expiry.UnixMilli())/1000)
		}
		if status.Breaker != "" {
			for _, state := range []string{"closed", "half-open", "open"} {
				gauge(breakerDesc, truth(status.Breaker == state), state)
			}
		}
		gauge(inFlightDesc, float64(r.stats.inFlight.Load()))
		for _, c := range counters {
			ch <- prometheus.MustNewConstMetric(c.desc, prometheus.CounterValue, float64(c.of(r.stats).Load()), r.name)
		}
	}
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
