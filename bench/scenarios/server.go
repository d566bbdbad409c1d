package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"example.com/bearer/bench/peers"
)

// A server is a token endpoint that counts, and the API that its tokens are
// for, on loopback.
type server struct {
	url      string
	http     *httptest.Server
	client   *http.Client // asks the token endpoint
	life     time.Duration
	delay    atomic.Int64 // of a token request, nanoseconds
	latency  atomic.Int64 // of the API, nanoseconds
	down     atomic.Bool  // the token endpoint answers 503
	requests atomic.Int64 // to the token endpoint

	mu      sync.Mutex // guards expires
	expires map[string]time.Time
}

func newServer(life, delay time.Duration) *server {
	s := &server{life: life, expires: map[string]time.Time{}}
	s.delay.Store(int64(delay))
	mux := http.NewServeMux()
	mux.HandleFunc("POST /token", s.token)
	mux.HandleFunc("GET /api", s.api)
	s.http = httptest.NewServer(mux)
	s.url = s.http.URL
	s.client = &http.Client{Transport: newBase(), Timeout: 20 * time.Second}
	return s
}

// newBase is an http.Transport that keeps the connections of a burst.
func newBase() *http.Transport {
	return &http.Transport{MaxIdleConnsPerHost: 2_000, DialContext: (&net.Dialer{Timeout: 5 * time.Second}).DialContext}
}

// close does not wait for requests that hang.
func (s *server) close() {
	s.http.CloseClientConnections()
	s.client.CloseIdleConnections()
	go s.http.Close()
}

func (s *server) token(w http.ResponseWriter, r *http.Request) {
	s.requests.Add(1)
	select {
	case <-time.After(time.Duration(s.delay.Load())):
	case <-r.Context().Done():
		return
	}
	if s.down.Load() {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	token := rand.Text()
	s.mu.Lock()
	s.expires[token] = time.Now().Add(s.life)
	s.mu.Unlock()
	_ = json.NewEncoder(w).Encode(answer{AccessToken: token, ExpiresIn: s.life.Seconds()})
}

type answer struct {
	AccessToken string  `json:"access_token"`
	ExpiresIn   float64 `json:"expires_in"` // with a fraction, so that a test can be short
}

func (s *server) api(w http.ResponseWriter, r *http.Request) {
	token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	s.mu.Lock()
	expiry, ok := s.expires[token]
	s.mu.Unlock()
	time.Sleep(time.Duration(s.latency.Load()))
	if !ok || !time.Now().Before(expiry) {
		w.Header().Set("WWW-Authenticate", `Bearer realm="api", error="invalid_token"`)
		w.WriteHeader(http.StatusUnauthorized)
	}
}

// revokeAll makes the API reject every token issued so far.
func (s *server) revokeAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.expires)
}

// fetch is the token request that all peers make.
func (s *server) fetch(ctx context.Context) (peers.Token, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url+"/token", strings.NewReader("grant_type=client_credentials"))
	if err != nil {
		return peers.Token{}, err
	}
	resp, err := s.client.Do(req)
	if err != nil {
		return peers.Token{}, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return peers.Token{}, err
	}
	if resp.StatusCode != http.StatusOK {
		return peers.Token{}, fmt.Errorf("token endpoint: %s", resp.Status)
	}
	var a answer
	if err := json.Unmarshal(body, &a); err != nil {
		return peers.Token{}, err
	}
	return peers.Token{
		Value:  a.AccessToken,
		Expiry: time.Now().Add(time.Duration(a.ExpiresIn * float64(time.Second))),
	}, nil
}

// get asks the API with do, and reports whether it accepted the request.
func (s *server) get(ctx context.Context, do func(*http.Request) (*http.Response, error)) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+"/api", nil)
	if err != nil {
		return err
	}
	resp, err := do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("API: %s", resp.Status)
	}
	return nil
}
