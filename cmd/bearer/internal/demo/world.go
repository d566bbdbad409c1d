package demo

import (
	"net/http"
	"net/http/httptest"
	"time"

	"example.com/bearer/bearertest"
)

const (
	clientID     = "demo"
	clientSecret = "demo-secret"
)

// world is what one run talks to, on loopback: its own authorization server
// with an API, and another origin that records each Authorization header it
// gets.
type world struct {
	auth     *bearertest.Server
	recorder *bearertest.Recorder
	foreign  *httptest.Server
	outage   time.Duration

	// Two transports, so that no API request waits for a token request's
	// connection or the other way round.
	api, token *http.Transport
}

func newWorld(b Batch) (*world, error) {
	auth, err := bearertest.NewServer(bearertest.Config{
		Clients:       []bearertest.Client{{ID: clientID, Secret: clientSecret}},
		TokenLifetime: b.Lifetime(),
		Delay: map[bearertest.Endpoint]time.Duration{
			bearertest.TokenEndpoint: tokenDelay,
			bearertest.APIEndpoint:   apiDelay,
		},
	})
	if err != nil {
		return nil, err
	}
	recorder := new(bearertest.Recorder)
	return &world{
		auth:     auth,
		recorder: recorder,
		foreign:  httptest.NewServer(recorder),
		outage:   b.Outage(),
		api:      newTransport(b.Concurrency),
		token:    newTransport(b.Concurrency),
	}, nil
}

// newTransport keeps idle as many connections as the batch uses, so that no
// request has to open one. It uses no proxy: everything is on this machine.
func newTransport(conns int) *http.Transport {
	return &http.Transport{MaxIdleConnsPerHost: conns, DisableCompression: true}
}

func (w *world) close() {
	w.api.CloseIdleConnections()
	w.token.CloseIdleConnections()
	w.auth.Close()
	w.foreign.Close()
}

// leaked counts the tokens that reached the other origin.
func (w *world) leaked() int { return len(w.recorder.Authorizations()) }

func (w *world) revokeAll() { w.auth.RevokeAll() }

// armOutage makes the token endpoint fail from the next request on. A failure
// takes as long as a token does.
func (w *world) armOutage() {
	w.auth.Fault(bearertest.TokenEndpoint, bearertest.Fault{
		For:    w.outage,
		Delay:  tokenDelay,
		Status: http.StatusServiceUnavailable,
	})
}

// redirectOne sends the next API request to the other origin.
func (w *world) redirectOne() {
	w.auth.Fault(bearertest.APIEndpoint, bearertest.Fault{
		Delay:    apiDelay,
		Redirect: w.foreign.URL + "/elsewhere",
	})
}

func (w *world) tokenURL() string { return w.auth.Endpoint(bearertest.TokenEndpoint) }
func (w *world) apiURL() string   { return w.auth.Endpoint(bearertest.APIEndpoint) + "orders" }
