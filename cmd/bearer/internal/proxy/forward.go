package proxy

import (
	"context"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
)

// maxReplay is how long a request's body may be for the request to be sent
// again after its token was rejected: that of most calls of an API, and no
// burden in memory with hundreds of them at once.
const maxReplay = 1 << 20

// forward sends a request to the API of a client, and its answer back.
func (p *Proxy) forward(w http.ResponseWriter, r *http.Request, to *route, rest *url.URL, caller string) {
	x := &exchange{proxy: p, route: to, rest: rest, caller: caller, began: time.Now()}
	to.stats.inFlight.Add(1)
	defer to.stats.inFlight.Add(-1) // even if httputil panics, which ends an answer early
	if r.ContentLength != 0 {
		// A stream in both directions is answered before it has been read.
		// HTTP/2 does so anyway, and has no need of this.
		_ = http.NewResponseController(w).EnableFullDuplex()
	}
	var err error
	if x.base, err = to.base(r.Context()); err != nil {
		x.fail(w, r, err)
		return
	}
	(&httputil.ReverseProxy{
		Rewrite: x.rewrite, Transport: to.transport, ModifyResponse: x.modify, ErrorHandler: x.fail,
		BufferPool: &p.buffers, ErrorLog: p.errors,
	}).ServeHTTP(w, r)
}

// An exchange is one request and its answer.
type exchange struct {
	proxy  *Proxy
	route  *route
	base   *url.URL // of the API
	rest   *url.URL // what follows it
	caller string
	began  time.Time
}

// ownHeaders are a caller's headers that are not forwarded. So is the header of
// the client's token, if it is another one: the caller's own would take its
// place.
var ownHeaders = []string{"Authorization", header}

func (x *exchange) rewrite(r *httputil.ProxyRequest) {
	out := r.Out
	for _, name := range x.route.secrets {
		delete(out.Header, name)
	}
	withoutOwnCookie(out.Header)
	if len(out.Header["Accept-Encoding"]) == 0 {
		// Otherwise the transport asks for gzip, for itself.
		out.Header.Set("Accept-Encoding", "identity")
	}
	if protocol := out.Header["Upgrade"]; len(protocol) > 0 && !strings.EqualFold(protocol[0], "websocket") {
		// A connection that speaks another protocol, such as h2c, would carry
		// requests that pass none of our checks.
		delete(out.Header, "Upgrade")
		delete(out.Header, "Connection")
	}
	forwardTrailers(r.In, out, x.route.secrets)
	path := *x.rest
	out.URL.Path, out.URL.RawPath = path.Path, path.RawPath
	out.URL.RawQuery = r.In.URL.RawQuery // nothing here depends on how it is parsed
	r.SetURL(x.base)
	if path.Path == "" { // SetURL would add a slash
		out.URL.Path, out.URL.RawPath = x.base.Path, x.base.RawPath
	}
}

func (x *exchange) modify(resp *http.Response) error {
	h := resp.Header
	for name := range h {
		if strings.HasPrefix(name, "Access-Control-") {
			delete(h, name)
		}
	}
	// These are about the API's own host.
	delete(h, "Alt-Svc")
	delete(h, "Strict-Transport-Security")
	x.relocate(resp)
	x.bringHome(resp)
	x.answered(resp.StatusCode)
	return nil
}

// fail answers a request that got no answer from the API.
func (x *exchange) fail(w http.ResponseWriter, r *http.Request, err error) {
	if r.Context().Err() == context.Canceled { // the caller has left, or the proxy ends
		x.count("canceled")
		panic(http.ErrAbortHandler) // an answer that was not begun would be 200
	}
	problem := x.proxy.failed(x.route.name, err)
	x.answered(problem.status)
	x.route.stats.failures.Add(1)
	problem.write(w)
}

// answered notes an answer, and how long it took until its header was there.
func (x *exchange) answered(status int) {
	took := time.Since(x.began)
	x.route.stats.latency.add(x.began, took)
	x.route.seconds.Observe(took.Seconds())
	x.count(strconv.Itoa(status))
}

func (x *exchange) count(status string) {
	x.route.stats.requests.Add(1)
	x.proxy.metrics.requests.WithLabelValues(x.route.name, x.caller, status).Inc()
}

// buffers are for the bodies of answers.
type buffers struct{ sync.Pool }

// Get implements [httputil.BufferPool].
func (b *buffers) Get() []byte {
	if buffer, ok := b.Pool.Get().(*[32 << 10]byte); ok {
		return buffer[:]
	}
	return make([]byte, 32<<10)
}

// Put implements [httputil.BufferPool].
func (b *buffers) Put(buffer []byte) { b.Pool.Put((*[32 << 10]byte)(buffer)) }
