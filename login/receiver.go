package login

import (
	"crypto/subtle"
	"io"
	"log"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"
)

// A receiver is the web server of one login. It hands over one visit, the first callback with the
// right state.
type receiver struct {
	path, state string
	visits      chan *visit

	server *http.Server
	over   chan struct{}  // closed when nobody takes a visit any more
	conns  sync.WaitGroup // the server and its connections
}

// A visit is the browser's with the answer. Its handler waits for the page to show.
type visit struct {
	query url.Values
	page  chan page     // has room for the one page
	shown chan struct{} // closed when the handler is done with it
}

// answer shows p and returns when it is on its way, or the browser has left.
func (v *visit) answer(p page) {
	v.page <- p
	<-v.shown
}

// receive serves until stop is called.
func receive(l net.Listener, path, state string) *receiver {
	r := &receiver{path: path, state: state, visits: make(chan *visit), over: make(chan struct{})}
	r.server = &http.Server{
		Handler:           r,
		ReadHeaderTimeout: 10 * time.Second,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          log.New(io.Discard, "", 0), // the program's stderr is not ours
		ConnState: func(_ net.Conn, s http.ConnState) {
			switch s {
			case http.StateNew:
				r.conns.Add(1)
			case http.StateClosed:
				r.conns.Done()
			}
		},
	}
	// A browser that kept its connection could be asking for more when stop closes it, and bytes
	// that nobody reads would have the page reset on its way.
	r.server.SetKeepAlivesEnabled(false)
	r.conns.Go(func() { r.server.Serve(l) }) // ends with stop; nothing to do about an error but to time out
	return r
}

// stop closes the listener and the connections, and waits for their goroutines.
func (r *receiver) stop() {
	r.server.Close()
	r.conns.Wait()
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	if req.URL.Path != r.path { // a favicon, say
		secure(w.Header())
		http.NotFound(w, req)
		return
	}
	if !onlyGet(w, req) {
		return
	}
	query := req.URL.Query()
	if len(query["state"]) != 1 || subtle.ConstantTimeCompare([]byte(query.Get("state")), []byte(r.state)) != 1 {
		strangerPage.show(w)
		return
	}
	v := &visit{query: query, page: make(chan page, 1), shown: make(chan struct{})}
	select {
	case r.visits <- v:
		defer close(v.shown)
	case <-r.over:
		answeredPage.show(w)
		return
	case <-req.Context().Done():
		return
	}
	select {
	case p := <-v.page:
		p.show(w)
		// Out of our hands before stop closes the connection.
		http.NewResponseController(w).Flush()
	case <-req.Context().Done(): // the browser has left, or stop was called
	}
}

// onlyGet refuses other methods: a HEAD, as of something that looks at links before the user
// follows them, must not spend the code.
func onlyGet(w http.ResponseWriter, r *http.Request) bool {
	if r.Method == http.MethodGet {
		return true
	}
	secure(w.Header())
	w.Header().Set("Allow", http.MethodGet)
	http.Error(w, "use GET", http.StatusMethodNotAllowed)
	return false
}
