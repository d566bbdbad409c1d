package bearertest

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync"
)

// Network is a network in memory: an [net/http.RoundTripper] that passes each
// request to the handler of its host, without a socket. The zero value has no
// hosts. Its methods may be called concurrently.
//
// It behaves as a [net/http.Transport] does where a client can tell: the
// request's context ends the exchange, its body is closed exactly once and
// must be as long as ContentLength says, answers are streamed, an unknown
// host is a dial error, and a handler that panics with
// [net/http.ErrAbortHandler] drops the connection.
//
// One goroutine serves each exchange and ends with it. It stays while a
// response body is neither read to its end nor closed, so that a synctest
// bubble or a leak detector finds the mistake.
type Network struct {
	mu    sync.RWMutex // guards hosts
	hosts map[string]http.Handler
}

// Handle makes h serve host, which has a port only if the URLs have one. A nil
// h removes the host: then the connection is refused.
func (n *Network) Handle(host string, h http.Handler) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if h == nil {
		delete(n.hosts, strings.ToLower(host))
		return
	}
	if n.hosts == nil {
		n.hosts = make(map[string]http.Handler)
	}
	n.hosts[strings.ToLower(host)] = h
}

func (n *Network) handler(host string) http.Handler {
	n.mu.RLock()
	defer n.mu.RUnlock()
	return n.hosts[strings.ToLower(host)]
}

// errRefused is the error for an unknown host.
var errRefused = errors.New("connection refused: no such host in this bearertest.Network")

// errDropped is the error if the connection is closed without an answer. It
// matches io.EOF, which net/http returns.
var errDropped = fmt.Errorf("bearertest: the connection was dropped: %w", io.EOF)

// RoundTrip implements [net/http.RoundTripper].
func (n *Network) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.URL == nil || req.Header == nil {
		closeBody(req)
		return nil, errors.New("bearertest: the request has no URL or no Header")
	}
	ctx := req.Context()
	if err := context.Cause(ctx); err != nil {
		closeBody(req)
		return nil, err
	}
	h := n.handler(req.URL.Host)
	if h == nil {
		closeBody(req)
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: errRefused}
	}
	trace := httptrace.ContextClientTrace(ctx)
	if trace != nil && trace.GotConn != nil {
		trace.GotConn(httptrace.GotConnInfo{})
	}
	x := newExchange(req)
	go x.serve(h)
	// The request counts as written once the handler has it.
	if trace != nil && trace.WroteRequest != nil {
		trace.WroteRequest(httptrace.WroteRequestInfo{})
	}
	select {
	case <-x.answered:
	case <-ctx.Done():
		x.body.Close() // ends a handler that waits for more of it
		return nil, context.Cause(ctx)
	}
	if x.err != nil {
		return nil, x.err
	}
	if trace != nil && trace.GotFirstResponseByte != nil {
		trace.GotFirstResponseByte()
	}
	return x.response(), nil
}

func closeBody(req *http.Request) {
	if req.Body != nil {
		req.Body.Close()
	}
}

// serverRequest returns req as a server sees it. It shares only the body with
// the client's request.
func serverRequest(ctx context.Context, req *http.Request, body io.ReadCloser) *http.Request {
	in := req.Clone(ctx)
	in.Body = body
	in.GetBody = nil
	in.Response = nil
	in.Proto, in.ProtoMajor, in.ProtoMinor = "HTTP/1.1", 1, 1
	if in.Method == "" {
		in.Method = http.MethodGet
	}
	if in.Host == "" {
		in.Host = req.URL.Host
	}
	in.RequestURI = req.URL.RequestURI()
	in.URL.Scheme, in.URL.Host, in.URL.User = "", "", nil
	if in.URL.Path == "" {
		in.URL.Path = "/"
	}
	in.RemoteAddr = "192.0.2.1:1234" // TEST-NET-1, as in net/http/httptest
	if req.URL.Scheme == "https" {
		in.TLS = &tls.ConnectionState{Version: tls.VersionTLS13, HandshakeComplete: true, ServerName: req.URL.Hostname()}
	}
	if req.Body == nil || req.Body == http.NoBody {
		in.ContentLength = 0
	} else if req.ContentLength == 0 {
		in.ContentLength = -1 // net/http: zero with a body means unknown
	}
	return in
}
