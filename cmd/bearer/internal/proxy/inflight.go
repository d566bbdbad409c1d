package proxy

import "sync"

// inFlight counts the requests being served, among them the connections that
// were upgraded, which http.Server no longer knows.
type inFlight struct {
	mu   sync.Mutex // guards what follows
	n    int
	idle chan struct{} // if ended was called: closed when n falls to 0
}

func (f *inFlight) begin() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.n++
}

func (f *inFlight) end() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.n--; f.n == 0 && f.idle != nil {
		close(f.idle)
		f.idle = nil
	}
}

// ended returns what is closed when no request is being served. It is called
// once.
func (f *inFlight) ended() <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	idle := make(chan struct{})
	if f.n == 0 {
		close(idle)
	} else {
		f.idle = idle
	}
	return idle
}
