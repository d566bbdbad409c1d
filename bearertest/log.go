package bearertest

import (
	"net/http"
	"net/url"
	"time"
)

// keep is how many requests a log holds: enough for any scenario that looks
// at them one by one, and few enough for a demonstration that runs for days.
const keep = 1 << 14

// Request is what was received. It holds secrets: it is for tests.
type Request struct {
	Endpoint Endpoint // empty in a [Recorder]
	Time     time.Time
	Method   string
	Host     string
	Path     string
	Header   http.Header
	// Form has the parameters of the query and of the body, unless the body
	// was refused. It is nil for the API, whose bodies are not read for it.
	Form url.Values
}

// Authorization returns the Authorization header, empty if there was none.
func (r Request) Authorization() string { return r.Header.Get("Authorization") }

// log keeps the newest requests. Its owner's mutex guards it.
type log struct{ entries []Request }

func (l *log) add(r Request) {
	if len(l.entries) >= 2*keep {
		l.entries = append([]Request(nil), l.entries[len(l.entries)-keep:]...)
	}
	l.entries = append(l.entries, r)
}

// newest returns the newest requests, oldest first.
func (l *log) newest() []Request {
	return l.entries[max(0, len(l.entries)-keep):]
}

// Requests returns the requests that e received, oldest first; an empty e
// means every endpoint. Only the newest 16,384 of all are kept.
func (s *Server) Requests(e Endpoint) []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []Request
	for _, r := range s.log.newest() {
		if e == "" || r.Endpoint == e {
			list = append(list, r)
		}
	}
	return list
}

// newRequest returns the note of r. It shares the header, which no handler
// writes to: Protect passes on a clone.
func newRequest(e Endpoint, r *http.Request) Request {
	return Request{Endpoint: e, Time: time.Now(), Method: r.Method, Host: r.Host, Path: r.URL.Path, Header: r.Header}
}
