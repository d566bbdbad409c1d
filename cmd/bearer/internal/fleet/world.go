package fleet

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"example.com/bearer/bearertest"
)

const (
	clientID     = "fleet"
	clientSecret = "fleet-secret"

	// lifetime of a token.
	lifetime = 2 * time.Second

	// thinking is how long the token endpoint takes before it processes a
	// request, and again before it answers.
	thinking = 20 * time.Millisecond
)

// An outcome says what a token request was.
type outcome string

const (
	expiry outcome = "expiry" // it replaced a token that had reached its window
	early  outcome = "early"  // it replaced a token before that
	repeat outcome = "repeat" // its refresh token had been used before
	failed outcome = "failed" // it got no token
)

// A tokenRequest is a request to the token endpoint.
type tokenRequest struct {
	at      time.Duration // since the run began
	worker  int
	outcome outcome
}

// A pair is a refresh token and the access token that came with it.
type pair struct {
	asked time.Time // when the request for it arrived
	used  bool      // the refresh token
}

// A world is the authorization server and the API, on loopback.
type world struct {
	auth  *bearertest.Server
	front *http.Server
	url   string
	clock func() time.Duration
	spent func(worker int) // is called when a refresh token was spent, before the answer

	mu       sync.Mutex // guards what follows
	requests []tokenRequest
	pairs    map[string]*pair
	using    map[int]string // the access token that a worker sent last, and the API accepted
}

// newWorld starts the servers.
func newWorld(grace time.Duration, clock func() time.Duration, spent func(worker int)) (*world, error) {
	// The server itself is in memory, and the front, which sees each request, is
	// on TCP.
	auth, err := bearertest.NewServer(bearertest.Config{
		Network:       new(bearertest.Network),
		Clients:       []bearertest.Client{{ID: clientID, Secret: clientSecret}},
		TokenLifetime: lifetime,
		ReuseGrace:    grace,
	})
	if err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	w := &world{
		auth:  auth,
		url:   "http://" + l.Addr().String(),
		clock: clock,
		spent: spent,
		pairs: make(map[string]*pair),
		using: make(map[int]string),
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+string(bearertest.TokenEndpoint), w.serveToken)
	mux.HandleFunc(string(bearertest.APIEndpoint), w.serveAPI)
	w.front = &http.Server{Handler: mux, ErrorLog: log.New(io.Discard, "", 0)} // workers are killed
	go func() { _ = w.front.Serve(l) }()                                       // ends with close
	return w, nil
}

func (w *world) close() {
	_ = w.front.Close()
	w.auth.Close()
}

// login returns the tokens of a user who has just consented.
func (w *world) login() (access, refresh string) {
	access, refresh = w.auth.Issue(clientID, "")
	w.mu.Lock()
	defer w.mu.Unlock()
	w.pairs[refresh] = &pair{asked: time.Now()}
	return access, refresh
}

// serveToken takes time before and after the server processes the request, as
// one does that writes to a database. Like such a server it goes on when the
// client has left.
func (w *world) serveToken(rw http.ResponseWriter, req *http.Request) {
	arrived, worker := time.Now(), workerOf(req)
	r := tokenRequest{at: w.clock(), worker: worker}
	body, err := io.ReadAll(io.LimitReader(req.Body, 1<<20))
	if err != nil {
		return // it was killed while it wrote
	}
	form, _ := url.ParseQuery(string(body)) // what cannot be parsed is the server's to refuse
	refresh := form.Get("refresh_token")

	time.Sleep(thinking)
	answer := httptest.NewRecorder()
	inner := req.Clone(context.WithoutCancel(req.Context()))
	inner.Body = io.NopCloser(bytes.NewReader(body))
	w.auth.ServeHTTP(answer, inner)
	var issued struct {
		RefreshToken string `json:"refresh_token"`
	}
	ok := answer.Code == http.StatusOK && json.Unmarshal(answer.Body.Bytes(), &issued) == nil
	w.note(r, arrived, refresh, issued.RefreshToken, ok)
	if ok {
		w.spent(worker)
	}
	time.Sleep(thinking)

	relay(rw, answer)
}

// note records a token request, and what it was.
func (w *world) note(r tokenRequest, arrived time.Time, used, issued string, ok bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	p := w.pairs[used]
	switch {
	case !ok:
		r.outcome = failed
	case p == nil || p.used:
		r.outcome = repeat
	case arrived.Sub(p.asked) >= windowAt:
		r.outcome = expiry
	default:
		r.outcome = early
	}
	if ok {
		if p != nil {
			p.used = true
		}
		w.pairs[issued] = &pair{asked: arrived}
	}
	w.requests = append(w.requests, r)
}

// windowAt is the age at which a token may have reached the window in which it is
// refreshed: that is at most a third of the lifetime. A worker counts from when
// it sent the request, so a tenth of the lifetime is for its way here.
const windowAt = lifetime - lifetime/3 - lifetime/10

// serveAPI notes which token a worker uses.
func (w *world) serveAPI(rw http.ResponseWriter, req *http.Request) {
	answer := httptest.NewRecorder()
	w.auth.ServeHTTP(answer, req)
	if answer.Code == http.StatusOK {
		w.mu.Lock()
		w.using[workerOf(req)] = strings.TrimPrefix(req.Header.Get("Authorization"), "Bearer ")
		w.mu.Unlock()
	}
	relay(rw, answer)
}

// tokens returns how many different tokens n workers use. One that has not sent
// a request since forget counts as another.
func (w *world) tokens(n int) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	different := make(map[string]bool)
	for _, token := range w.using {
		different[token] = true
	}
	return len(different) + n - len(w.using)
}

// forget forgets which tokens are in use.
func (w *world) forget() {
	w.mu.Lock()
	defer w.mu.Unlock()
	clear(w.using)
}

func (w *world) tokenRequests() []tokenRequest {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]tokenRequest(nil), w.requests...)
}

// workerOf returns which worker sent req; -1 if it does not say.
func workerOf(req *http.Request) int {
	n, err := strconv.Atoi(req.Header.Get(workerHeader))
	if err != nil {
		return -1
	}
	return n
}

func relay(rw http.ResponseWriter, answer *httptest.ResponseRecorder) {
	maps.Copy(rw.Header(), answer.Header())
	rw.WriteHeader(answer.Code)
	_, _ = rw.Write(answer.Body.Bytes()) // the client may have left
}
