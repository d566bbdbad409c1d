package bearertest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
)

// exchange is one request in a [Network] and its answer. It is the handler's
// ResponseWriter.
type exchange struct {
	req    *http.Request // the client's, for Response.Request
	body   *requestBody
	ctx    context.Context // the handler's: ends with the client's or with the response body
	cancel context.CancelFunc

	// Only the handler uses these until answered is closed. The client then
	// reads status, sent and err, which no longer change.
	header  http.Header
	status  int // 0: no WriteHeader yet
	sent    http.Header
	started bool // the client has the header: too late to guess its type
	err     error

	once     sync.Once // closes answered
	answered chan struct{}

	pr *io.PipeReader
	pw *io.PipeWriter
}

func newExchange(req *http.Request) *exchange {
	x := &exchange{req: req, header: make(http.Header), answered: make(chan struct{})}
	x.ctx, x.cancel = context.WithCancel(req.Context())
	x.body = newRequestBody(req)
	x.pr, x.pw = io.Pipe()
	return x
}

// serve runs the handler and returns when the handler does. The handler's
// context ends with the client's context or when the response body is closed.
func (x *exchange) serve(h http.Handler) {
	// A read of the response fails with the reason why the client left.
	stop := context.AfterFunc(x.req.Context(), func() {
		x.pw.CloseWithError(context.Cause(x.req.Context()))
	})
	defer x.cancel()
	defer stop()
	defer x.body.Close()
	defer func() {
		v := recover()
		switch {
		case x.body.failed() != nil:
			x.end(x.body.failed())
		case x.req.Context().Err() != nil && (v == nil || v == http.ErrAbortHandler):
			x.end(context.Cause(x.req.Context()))
		case v == nil:
			x.Flush()
			x.pw.Close()
		case v == http.ErrAbortHandler:
			x.end(errDropped)
		default:
			panic(v) // a bug in the handler, which the test must show
		}
	}()
	h.ServeHTTP(x, serverRequest(x.ctx, x.req, x.body))
}

// end fails the round trip, or the response body if there is an answer already.
func (x *exchange) end(err error) {
	x.answer(err)
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF // io.EOF would mean that the body is complete
	}
	x.pw.CloseWithError(err)
}

// answer passes the header, or err, to the client; only the first call counts.
func (x *exchange) answer(err error) {
	x.once.Do(func() {
		x.err = err
		close(x.answered)
	})
}

func (x *exchange) Header() http.Header { return x.header }

// WriteHeader fixes the status and the header. The client receives them with
// the first byte of the body, as over TCP.
func (x *exchange) WriteHeader(status int) {
	if status < 200 || x.status != 0 {
		return // informational, or too late
	}
	x.status, x.sent = status, x.header.Clone()
}

func (x *exchange) Write(p []byte) (int, error) {
	x.WriteHeader(http.StatusOK)
	if !x.started && x.sent.Get("Content-Type") == "" {
		x.sent.Set("Content-Type", http.DetectContentType(p))
	}
	x.started = true
	x.answer(nil)
	if x.req.Method == http.MethodHead {
		return len(p), nil
	}
	return x.pw.Write(p)
}

// Flush sends the header if it is not sent yet.
func (x *exchange) Flush() {
	x.WriteHeader(http.StatusOK)
	x.started = true
	x.answer(nil)
}

func (x *exchange) response() *http.Response {
	resp := &http.Response{
		Status:     strconv.Itoa(x.status) + " " + http.StatusText(x.status),
		StatusCode: x.status,
		Proto:      "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header:        x.sent,
		ContentLength: -1,
		Body:          &responseBody{x},
		Request:       x.req,
	}
	if n, err := strconv.ParseInt(x.sent.Get("Content-Length"), 10, 64); err == nil {
		resp.ContentLength = n
	}
	if x.req.Method == http.MethodHead || x.status == http.StatusNoContent || x.status == http.StatusNotModified {
		resp.Body = http.NoBody
	}
	return resp
}

// responseBody is what the client reads.
type responseBody struct{ x *exchange }

func (b *responseBody) Read(p []byte) (int, error) { return b.x.pr.Read(p) }

// Close ends the handler's context, as closing a connection does.
func (b *responseBody) Close() error {
	b.x.cancel()
	return b.x.pr.Close()
}

// requestBody is the client's body as the handler reads it. It compares the
// length with ContentLength, as net/http does, and closes the client's body
// once.
type requestBody struct {
	r     io.ReadCloser
	want  int64 // ContentLength; negative: unknown
	close func() error

	mu  sync.Mutex // guards what follows
	got int64
	err error // an error of the client's body, which fails the exchange
}

func newRequestBody(req *http.Request) *requestBody {
	b := &requestBody{r: req.Body, want: req.ContentLength}
	if b.r == nil {
		b.r, b.want = http.NoBody, 0
	}
	if b.want == 0 && b.r != http.NoBody {
		b.want = -1 // net/http: zero with a body means unknown
	}
	b.close = sync.OnceValue(b.r.Close)
	return b
}

func (b *requestBody) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.got += int64(n)
	switch {
	case b.err != nil:
		err = b.err
	case b.want >= 0 && (b.got > b.want || err == io.EOF && b.got < b.want):
		b.err = fmt.Errorf("bearertest: ContentLength=%d with Body length %d", b.want, b.got)
		err = b.err
	case err != nil && err != io.EOF:
		b.err = err
	}
	return n, err
}

func (b *requestBody) Close() error { return b.close() }

func (b *requestBody) failed() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.err
}
