package bearertest

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	stdlog "log"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Endpoint is one of the things that a [Server] answers: its path.
type Endpoint string

const (
	TokenEndpoint      Endpoint = "/token"                                  // RFC 6749
	RevokeEndpoint     Endpoint = "/revoke"                                 // RFC 7009
	IntrospectEndpoint Endpoint = "/introspect"                             // RFC 7662
	AuthorizeEndpoint  Endpoint = "/authorize"                              // RFC 6749
	DeviceEndpoint     Endpoint = "/device_authorization"                   // RFC 8628
	MetadataEndpoint   Endpoint = "/.well-known/oauth-authorization-server" // RFC 8414
	APIEndpoint        Endpoint = "/api/"                                   // the protected API and all below it
)

// Server is an authorization server and the API that its tokens protect.
// Its methods may be called at the same time.
type Server struct {
	// URL is the origin and the issuer, without a slash at the end.
	URL string

	network *Network         // nil over TCP
	host    string           // in network
	tcp     *httptest.Server // nil in memory
	mux     *http.ServeMux
	closed  chan struct{} // closed by Close: whoever waits leaves
	closing sync.Once

	updating sync.Mutex             // one Update at a time
	config   atomic.Pointer[Config] // never written to once it is stored

	// mu guards what follows. It is never held while anything is waited
	// for, so it is no bottleneck under load.
	mu     sync.Mutex
	faults map[Endpoint][]*armed
	counts Counts
	log    log
	state  state
}

// NewServer starts a server. Close it when done. The error is that of
// listening, or of a Host that the Network has already, or of a route that
// cannot be.
func NewServer(cfg Config) (*Server, error) {
	s := &Server{
		network: cfg.Network,
		closed:  make(chan struct{}),
		faults:  make(map[Endpoint][]*armed),
		counts:  Counts{Requests: make(map[Endpoint]int), Grants: make(map[string]GrantCount)},
		state:   newState(),
	}
	s.config.Store(cfg.withDefaults())
	if err := s.route(cfg.Routes); err != nil {
		return nil, err
	}
	if s.network == nil {
		if err := s.listen(cfg.TLS); err != nil {
			return nil, err
		}
		return s, nil
	}
	s.host = cfg.Host
	if s.host == "" {
		s.host = "auth.test"
	}
	if s.network.handler(s.host) != nil {
		return nil, fmt.Errorf("bearertest: Config.Host %q is taken in this Network", s.host)
	}
	s.network.Handle(s.host, s)
	s.URL = "https://" + s.host
	return s, nil
}

// TB is what [Start] needs of a *testing.T, so that this package does not
// bring package testing into a program.
type TB interface {
	Helper()
	Fatal(args ...any)
	Cleanup(func())
}

// Start is [NewServer] for a test: it fails the test if the server cannot
// start, and closes the server when the test ends.
func Start(t TB, cfg Config) *Server {
	t.Helper()
	s, err := NewServer(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func (s *Server) listen(useTLS bool) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("bearertest: %w", err)
	}
	s.tcp = &httptest.Server{Listener: l, Config: &http.Server{
		Handler:  s,
		ErrorLog: stdlog.New(io.Discard, "", 0), // a client that distrusts the certificate is no news
	}}
	if useTLS {
		s.tcp.TLS = &tls.Config{ClientAuth: tls.RequestClientCert} // for Client.Certificate
		s.tcp.StartTLS()
	} else {
		s.tcp.Start()
	}
	s.URL = s.tcp.URL
	return nil
}

// Close ends the server: waiting requests are dropped and connections closed.
// In a Network its host is then unknown.
func (s *Server) Close() {
	s.closing.Do(func() {
		close(s.closed)
		if s.tcp != nil {
			s.tcp.CloseClientConnections()
			s.tcp.Close()
			return
		}
		s.network.Handle(s.host, nil)
	})
}

// Endpoint is the URL of e.
func (s *Server) Endpoint(e Endpoint) string { return s.URL + string(e) }

// Transport reaches the server: it is the Network, or over TCP an
// [*net/http.Transport] of the server's own, which trusts its certificate
// and is closed with it.
func (s *Server) Transport() http.RoundTripper {
	if s.network != nil {
		return s.network
	}
	return s.tcp.Client().Transport
}

// Client is a new client over Transport.
func (s *Server) Client() *http.Client { return &http.Client{Transport: s.Transport()} }

// Update changes the configuration of the running server for the requests
// that are processed from now on. Network, Host, TLS and Routes have no
// effect any more. change may write to Clients, Delay and Issuers: they are
// copies.
func (s *Server) Update(change func(*Config)) {
	s.updating.Lock()
	defer s.updating.Unlock()
	cfg := *s.config.Load()
	cfg.Clients = slices.Clone(cfg.Clients)
	cfg.Delay = copyOf(cfg.Delay)
	cfg.Issuers = copyOf(cfg.Issuers)
	change(&cfg)
	s.config.Store(cfg.withDefaults())
}

// copyOf is a copy of m that is never nil.
func copyOf[M ~map[K]V, K comparable, V any](m M) M {
	c := make(M, len(m)+1)
	maps.Copy(c, m)
	return c
}

// endpoint is how an Endpoint processes a request; form is its body's
// parameters, if it takes any.
type endpoint func(w http.ResponseWriter, r *http.Request, q request)

// request is what an endpoint is given besides the http.Request.
type request struct {
	cfg  *Config
	body params // of the body
	err  error  // why the body is not readable
}

// route fills the mux. ServeMux panics on a pattern that cannot be; here that
// is an error, because patterns are configuration.
func (s *Server) route(more map[string]Endpoint) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("bearertest: Config.Routes: %v", v)
		}
	}()
	s.mux = http.NewServeMux()
	endpoints := map[Endpoint]endpoint{
		TokenEndpoint:      s.serveToken,
		RevokeEndpoint:     s.serveRevoke,
		IntrospectEndpoint: s.serveIntrospect,
		AuthorizeEndpoint:  s.serveAuthorize,
		DeviceEndpoint:     s.serveDevice,
		MetadataEndpoint:   s.serveMetadata,
		APIEndpoint:        s.serveAPI,
	}
	for e, process := range endpoints {
		s.mux.Handle(string(e), s.handle(e, process))
	}
	s.mux.HandleFunc(devicePage, s.serveDevicePage)
	s.mux.Handle("/.well-known/openid-configuration", s.handle(MetadataEndpoint, s.serveMetadata))
	for pattern, e := range more {
		process := endpoints[e]
		if process == nil {
			return fmt.Errorf("bearertest: Config.Routes: %q leads to no Endpoint: %q", pattern, e)
		}
		s.mux.Handle(pattern, s.handle(e, process))
	}
	return nil
}

// ServeHTTP implements [net/http.Handler], so that a Network can have the
// server under another host too, such as that of a real provider.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

// handle is the way of every request: noted, spoiled if a fault is armed,
// delayed, processed.
func (s *Server) handle(e Endpoint, process endpoint) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		cfg := s.config.Load()
		q := request{cfg: cfg}
		note := newRequest(e, r)
		if e != APIEndpoint { // the API's bodies are nobody's parameters
			body, query, err := readForm(r)
			q.body, q.err = params(body), err
			note.Form = merge(query, body)
		}
		fault := s.arrive(note, cfg)

		delay := cfg.Delay[e]
		if fault != nil && (fault.Delay > 0 || !fault.processes()) {
			delay = fault.Delay
		}
		if !s.wait(r.Context(), delay) {
			panic(http.ErrAbortHandler) // nobody is there to be answered
		}

		if fault == nil {
			process(w, r, q)
			return
		}
		good := &buffered{header: make(http.Header)}
		if fault.processes() {
			process(good, r, q)
		}
		if good.status == 0 {
			good.status = http.StatusOK
		}
		fault.answer(r.Context(), w, good)
	})
}

// arrive notes a request, and gives the fault that it meets.
func (s *Server) arrive(note Request, cfg *Config) *Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.log.add(note)
	s.counts.Requests[note.Endpoint]++
	if note.Endpoint == TokenEndpoint {
		grant := grantType(params(note.Form), cfg)
		c := s.counts.Grants[grant]
		c.Requests++
		s.counts.Grants[grant] = c
	}
	return s.hit(note.Endpoint, note.Time)
}

// wait waits; false means that the client or the server has left meanwhile.
func (s *Server) wait(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
	case <-s.closed:
	}
	return false
}
