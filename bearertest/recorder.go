package bearertest

import (
	"io"
	"net/http"
	"slices"
	"sync"
)

// Recorder is another origin: a handler that records each request and answers
// 200 with an empty JSON object. Point a redirection at it to see whether a
// token leaks. Its methods may be called concurrently. The zero value is
// ready to use:
//
//	foreign := new(bearertest.Recorder)
//	ts := httptest.NewServer(foreign)        // over TCP
//	network.Handle("other.test", foreign)    // in memory
type Recorder struct {
	mu  sync.Mutex // guards log
	log log
}

// ServeHTTP implements [net/http.Handler].
func (rec *Recorder) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	rec.mu.Lock()
	rec.log.add(newRequest("", r))
	rec.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	io.WriteString(w, "{}\n")
}

// Requests returns what was received, oldest first. Only the newest 16,384
// are kept.
func (rec *Recorder) Requests() []Request {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	return slices.Clone(rec.log.newest())
}

// Authorizations returns each Authorization header that was received.
func (rec *Recorder) Authorizations() []string {
	var list []string
	for _, r := range rec.Requests() {
		list = append(list, r.Header.Values("Authorization")...)
	}
	return list
}
