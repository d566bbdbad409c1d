package login

import (
	"crypto/subtle"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"example.com/bearer/grant"
)

// A receiver is the web server of one login. It hands over one visit, the first
// callback with the right state.
type receiver struct {
	path, state string
	visits      chan *visit
	refusals    chan error // errors without a state; room for one, the rest are dropped

	server *http.Server
	over   chan struct{}  // closed when no visit is taken any longer
	conns  sync.WaitGroup // the server and its connections
}

// A visit is a request with the answer. Its handler waits for the page to show.
type visit struct {
	query url.Values
	page  chan page     // has room for the one page
	shown chan struct{} // closed when the handler has written the page
}

// answer shows p and returns when it is on its way, or when the browser has
// left.
func (v *visit) answer(p page) {
	v.page <- p
	<-v.shown
}

func newReceiver(path, state string) *receiver {
	return &receiver{path: path, state: state, visits: make(chan *visit), refusals: make(chan error, 1), over: make(chan struct{})}
}

// receive serves until stop is called.
func receive(listeners []net.Listener, path, state string) *receiver {
	r := newReceiver(path, state)
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
	// A browser that keeps its connection may be sending another request when
	// stop closes it, and bytes that are never read reset a connection with the
	// page still on its way.
	r.server.SetKeepAlivesEnabled(false)
	for _, l := range listeners {
		// Ends with stop. After an error there is nothing to do but time out.
		r.conns.Go(func() { r.server.Serve(l) })
	}
	return r
}

// stop closes the listeners and the connections, and waits for their
// goroutines.
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
	if query.Get("state") == "" && query.Has("error") {
		r.refused(w, &statelessError{query.Get("error")})
		return
	}
	if len(query["state"]) != 1 || subtle.ConstantTimeCompare([]byte(query.Get("state")), []byte(r.state)) != 1 {
		show(w, strangerPage)
		return
	}
	v := &visit{query: query, page: make(chan page, 1), shown: make(chan struct{})}
	select {
	case r.visits <- v:
		defer close(v.shown)
	case <-r.over:
		show(w, answeredPage)
		return
	case <-req.Context().Done():
		return
	}
	select {
	case p := <-v.page:
		show(w, p)
	case <-req.Context().Done(): // the browser has left, or stop was called
	}
}

// show answers with p, which is out of our hands when it returns: stop may close
// the connection at any time.
func show(w http.ResponseWriter, p page) {
	p.show(w)
	http.NewResponseController(w).Flush()
}

// refused answers a callback with an error and without a state. RFC 6749
// section 4.1.2.1 requires the state, but some servers drop it when the user
// declines. It may be the answer to this login, or anyone's: the user is told,
// and the login goes on.
//
// The page comes before the word to the user, who may act on it at once: the
// login can be over, and stop called, as soon as it is out.
func (r *receiver) refused(w http.ResponseWriter, err error) {
	show(w, statelessPage(err))
	select {
	case r.refusals <- err:
	default: // an earlier one says the same
	}
}

// statelessError is an error that came to the callback without a state.
type statelessError struct{ code string }

func (e *statelessError) Error() string {
	// Only what looks like a code gets into a terminal: anyone can send one.
	code := "an error"
	if len(e.code) <= 40 && strings.Trim(e.code, "abcdefghijklmnopqrstuvwxyz_") == "" {
		code = "error " + e.code
	}
	return fmt.Sprintf("login: the browser came back with %s but without a state, so it is not certain that this login was meant", code)
}

func (e *statelessError) Unwrap() error {
	if e.code == "access_denied" {
		return grant.ErrAccessDenied
	}
	return nil
}

// onlyGet refuses other methods: a HEAD, as from something that checks links
// before the user follows them, must not spend the code.
func onlyGet(w http.ResponseWriter, r *http.Request) bool {
	if r.Method == http.MethodGet {
		return true
	}
	secure(w.Header())
	w.Header().Set("Allow", http.MethodGet)
	http.Error(w, "use GET", http.StatusMethodNotAllowed)
	return false
}
