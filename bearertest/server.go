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
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Endpoint is the path of something that a [Server] serves.
type Endpoint string

const (
	TokenEndpoint      Endpoint = "/token"                                  // RFC 6749
	RevokeEndpoint     Endpoint = "/revoke"                                 // RFC 7009
	IntrospectEndpoint Endpoint = "/introspect"                             // RFC 7662
	AuthorizeEndpoint  Endpoint = "/authorize"                              // RFC 6749
	DeviceEndpoint     Endpoint = "/device_authorization"                   // RFC 8628
	MetadataEndpoint   Endpoint = "/.well-known/oauth-authorization-server" // RFC 8414
	APIEndpoint        Endpoint = "/api/"                                   // the protected API and everything below it
)

// Server is an authorization server and the API that its tokens protect.
// Its methods may be called concurrently.
type Server struct {
	// URL is the origin and the issuer, without a trailing slash.
	URL string

	network *Network         // nil over TCP
	host    string           // in network
	tcp     *httptest.Server // nil in memory
	mux     *http.ServeMux
	closed  chan struct{} // closed by Close; ends all waiting
	closing sync.Once

	updating sync.Mutex             // one Update at a time
	config   atomic.Pointer[Config] // never written to once it is stored

	// mu guards what follows. It is not held during waiting, I/O or calls of
	// the test's functions, so requests do not queue up under load.
	mu     sync.Mutex
	faults map[Endpoint][]*armed
	counts Counts
	log    log
	state  state
}

// NewServer starts a server. Close it when done. It returns an error if it
// cannot listen, if cfg.Network has cfg.Host already, or if one of cfg.Routes
// is invalid.
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
		return nil, fmt.Errorf("bearertest: Config.Host %q is in use in this Network; choose another", s.host)
	}
	s.network.Handle(s.host, s)
	s.URL = "https://" + s.host
	return s, nil
}

// TB is what [Start] needs of a *testing.T. It keeps package testing out of
// programs that use this package.
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
		ErrorLog: stdlog.New(io.Discard, "", 0), // tests make clients that do not trust the certificate
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

// Close stops the server. It drops waiting requests and closes connections.
// In a Network its host is then unknown. Calling it again has no effect.
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

// Endpoint returns the URL of e.
func (s *Server) Endpoint(e Endpoint) string { return s.URL + string(e) }

// Transport returns the transport that reaches the server: the Network, or
// over TCP an [*net/http.Transport] for this server alone, which trusts its
// certificate and is closed with it.
func (s *Server) Transport() http.RoundTripper {
	if s.network != nil {
		return s.network
	}
	return s.tcp.Client().Transport
}

// Client returns a new client over Transport.
func (s *Server) Client() *http.Client { return &http.Client{Transport: s.Transport()} }

// Update changes the configuration of the running server for the requests
// that arrive from now on. Network, Host, TLS and Routes no longer have an
// effect. change may write to Clients, Users, Delay and Issuers, which are
// copies.
func (s *Server) Update(change func(*Config)) {
	s.updating.Lock()
	defer s.updating.Unlock()
	cfg := *s.config.Load()
	cfg.Clients = slices.Clone(cfg.Clients)
	cfg.Users = slices.Clone(cfg.Users)
	cfg.Delay = copyOf(cfg.Delay)
	cfg.Issuers = copyOf(cfg.Issuers)
	change(&cfg)
	s.config.Store(cfg.withDefaults())
}

// copyOf returns a copy of m that is never nil.
func copyOf[M ~map[K]V, K comparable, V any](m M) M {
	c := make(M, len(m)+1)
	maps.Copy(c, m)
	return c
}

// endpoint processes the requests to an Endpoint.
type endpoint func(w http.ResponseWriter, r *http.Request, q request)

// request is what an endpoint gets besides the http.Request.
type request struct {
	cfg  *Config
	body params      // of the body; nil for the API
	err  *oauthError // why the parameters were refused
}

// only processes requests by the given methods and answers others 405.
func only(process endpoint, methods ...string) endpoint {
	return func(w http.ResponseWriter, r *http.Request, q request) {
		if !slices.Contains(methods, r.Method) {
			w.Header().Set("Allow", strings.Join(methods, ", "))
			w.WriteHeader(http.StatusMethodNotAllowed)
			return
		}
		process(w, r, q)
	}
}

// route fills the mux. ServeMux panics on an invalid pattern; route returns an
// error, because patterns are configuration.
func (s *Server) route(more map[string]Endpoint) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("bearertest: Config.Routes: %v", v)
		}
	}()
	s.mux = http.NewServeMux()
	endpoints := map[Endpoint]endpoint{
		TokenEndpoint:      only(s.serveToken, "POST"),
		RevokeEndpoint:     only(s.serveRevoke, "POST"),
		IntrospectEndpoint: only(s.serveIntrospect, "POST"),
		AuthorizeEndpoint:  only(s.serveAuthorize, "GET", "HEAD", "POST"),
		DeviceEndpoint:     only(s.serveDevice, "POST"),
		MetadataEndpoint:   only(s.serveMetadata, "GET", "HEAD"),
		APIEndpoint:        s.serveAPI,
	}
	for e, process := range endpoints {
		s.mux.Handle(string(e), s.handle(e, process))
	}
	s.mux.HandleFunc("GET "+devicePage, s.serveDevicePage)
	s.mux.HandleFunc("POST "+devicePage, s.serveDeviceDecision)
	s.mux.Handle("/.well-known/openid-configuration", s.handle(MetadataEndpoint, endpoints[MetadataEndpoint]))
	for pattern, e := range more {
		process := endpoints[e]
		if process == nil {
			return fmt.Errorf("bearertest: Config.Routes: %q leads to %q, which is not an Endpoint", pattern, e)
		}
		s.mux.Handle(pattern, s.handle(e, process))
	}
	return nil
}

// ServeHTTP implements [net/http.Handler], so that a Network can serve this
// server under another host too, such as that of a real provider.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

// handle returns the handler of e. Every request takes this way: it is noted,
// meets a fault if one is armed, is delayed and is processed.
func (s *Server) handle(e Endpoint, process endpoint) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		cfg := s.config.Load()
		q := request{cfg: cfg}
		note := newRequest(e, r)
		if e != APIEndpoint { // whose bodies are not parameters
			body, query, err := readForm(r, cfg.JSON)
			q.body, q.err = params(body), err
			note.Form = merge(query, body)
		}
		fault := s.arrive(note, cfg)

		delay := cfg.Delay[e]
		if fault != nil && (fault.Delay > 0 || !fault.processes()) {
			delay = fault.Delay
		}
		if !s.wait(r.Context(), delay) {
			panic(http.ErrAbortHandler) // the client or the server has left
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

// arrive notes a request and returns the fault that it meets, nil if none.
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

// wait waits for d. It returns false if the client or the server leaves first.
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
