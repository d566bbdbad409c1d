// Package proxy is a reverse proxy that authorizes the requests of programs in
// any language with the tokens of declared clients.
//
// A request passes, in this order: the guard against web pages (guard.go), the
// caller's token (callers.go), the choice of a client (route.go) with its limits
// (limits.go), and then it is forwarded (forward.go). What is below /-/ is the
// proxy's own (control.go).
package proxy

import (
	"context"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"

	"example.com/bearer"
	"example.com/bearer/config"
)

// own is where the proxy's own paths begin.
const own = "/-/"

// A Config is what a Proxy needs.
type Config struct {
	// Open opens the file that declares the clients; see config.Loader for
	// hooks, maxReplay and keep. Reload calls it again.
	Open func(hooks *bearer.Hooks, maxReplay int64, keep *config.Set) (*config.Set, error)

	// Clients are the names of the clients to serve. Empty: all that have a
	// base_url.
	Clients []string

	// Callers knows the tokens of callers. Nil: they need none.
	Callers *Callers

	// Hosts are names under which the proxy is called, besides its address and
	// those of its certificate.
	Hosts []string

	// Certificate is that of the listener. Nil: plaintext.
	Certificate *Certificate

	// Explain puts an error into the terms of the program's user. Nil: its own
	// text.
	Explain func(error) string

	// Logger must not be nil.
	Logger *slog.Logger
}

// A Proxy is the handler of all requests. Make it with [New].
type Proxy struct {
	Config
	guard    guard
	control  http.Handler
	sessions sessions
	metrics  *metrics
	errors   *log.Logger // for what net/http and httputil report
	buffers  buffers

	table atomic.Pointer[table] // replaced by load

	loading sync.Mutex // held by load; guards stats
	stats   map[string]*stats

	inFlight inFlight
	closing  chan struct{} // closed when the proxy is about to end
}

// New opens the file, and fails if one of the clients cannot be served. It
// makes no request.
func New(c Config) (*Proxy, error) {
	p := &Proxy{Config: c, stats: map[string]*stats{}, closing: make(chan struct{})}
	if p.Explain == nil {
		p.Explain = error.Error
	}
	p.guard = newGuard(c.Hosts, c.Certificate)
	p.errors = slog.NewLogLogger(c.Logger.Handler(), slog.LevelWarn)
	p.metrics = newMetrics(p)
	p.control = p.newControl()
	if err := p.load(); err != nil {
		return nil, err
	}
	return p, nil
}

// Reload reads the file again. Clients that are declared as before keep their
// tokens, and requests in flight go on. If the file is faulty, nothing changes.
// New clients obtain their first tokens; ctx ends that.
func (p *Proxy) Reload(ctx context.Context) error {
	err := p.load()
	p.metrics.reloaded(err == nil)
	if err == nil {
		p.warmUp(ctx)
	}
	return err
}

func (p *Proxy) load() error {
	p.loading.Lock()
	defer p.loading.Unlock()
	before := p.table.Load()
	if before == nil {
		before = new(table)
	}
	set, err := p.Open(p.hooks(), maxReplay, before.set)
	if err != nil {
		return err
	}
	t, err := p.newTable(set, before)
	if err != nil {
		return err
	}
	p.table.Store(t)
	return nil
}

// statsOf returns the numbers of a client, which survive a reload. It is called
// while loading is held.
func (p *Proxy) statsOf(name string) *stats {
	if p.stats[name] == nil {
		p.stats[name] = new(stats)
	}
	return p.stats[name]
}

// Routes describes what is served, one line for each client.
func (p *Proxy) Routes() []string {
	var lines []string
	for _, r := range p.table.Load().routes {
		lines = append(lines, fmt.Sprintf("%s/ -> %s", r.prefix, r.shown))
	}
	return lines
}

// ServeHTTP implements [http.Handler].
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.inFlight.begin()
	defer p.inFlight.end()
	ours := strings.HasPrefix(r.URL.Path, own) || r.URL.Path == strings.TrimSuffix(own, "/")
	if problem := p.guard.refuse(r, ours); problem != nil {
		p.refuse(w, problem)
		return
	}
	if ours {
		p.control.ServeHTTP(w, r)
		return
	}
	caller, ok := p.caller(r)
	if !ok {
		p.refuse(w, unknownCaller())
		return
	}
	route, rest, problem := p.table.Load().find(r)
	if problem != nil {
		p.refuse(w, problem)
		return
	}
	p.forward(w, r, route, rest, caller)
}

// refuse answers a request that is not forwarded.
func (p *Proxy) refuse(w http.ResponseWriter, problem *problem) {
	p.metrics.refused.WithLabelValues(problem.kind).Inc()
	problem.write(w)
}

// errNothing is the error of a file without a client that can be served.
var errNothing = errors.New("no client of the file has a base_url, which says where requests go; set it")
