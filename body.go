package bearer

import (
	"context"
	"errors"
	"io"
	"math"
	"net/http"
	"slices"
	"sync"
	"time"
)

// A payload is the body of a request, and the means to send it again.
type payload struct {
	first io.ReadCloser                 // what Base sends first; may be nil
	get   func() (io.ReadCloser, error) // Request.GetBody, for Base's own retries
	again reusable                      // nil: there is no body, or it cannot be sent again
}

// A reusable body can be sent again.
type reusable interface {
	// available reports whether reopen can succeed, as far as that is known.
	available() bool

	// reopen returns the body from its start, for the replay, once Base no
	// longer reads what it has; or an error.
	reopen(ctx context.Context) (io.ReadCloser, error)

	// settle is called when RoundTrip returns: there will be no replay.
	settle()
}

// bodyOf returns req's body, in a wrapper only if the request can be replayed
// thanks to it. A wrapper has a price over HTTP/1: net/http does not recognize
// a file, which it would hand to the kernel, or a reader in memory, which it
// would send in one packet with the header. http.NoBody must stay what it is.
func (t *Transport) bodyOf(req *http.Request) payload {
	body := req.Body
	switch {
	case body == nil || body == http.NoBody:
		return payload{first: body, get: req.GetBody}
	case req.GetBody != nil:
		l := &lender{get: req.GetBody, uses: 1}
		l.first = loan{lender: l, body: body}
		return payload{&l.first, l.lend, l}
	case 0 < t.MaxReplayBytes && req.ContentLength <= t.MaxReplayBytes:
		r := newRecording(body, t.MaxReplayBytes)
		return payload{r.play(false), r.open, r}
	}
	return payload{first: body}
}

// replayable reports whether a request that resp rejected can be sent again,
// as far as that is known before trying.
func (p payload) replayable(resp *http.Response) bool {
	if p.again == nil {
		return p.first == nil || p.first == http.NoBody
	}
	return p.again.available() && resp.ContentLength <= maxBuffered
}

var (
	errHeld    = errors.New("bearer: Transport.Base still holds the request's body")
	errLarge   = errors.New("bearer: the rejection is longer than 64 KiB")
	errSlow    = errors.New("bearer: the rejection did not end within 1 s")
	errNilBody = errors.New("bearer: Request.GetBody returned neither a body nor an error")
	errTooLong = errors.New("bearer: the request's body is longer than Transport.MaxReplayBytes and can be read only once")
)

// A lender lends Base the bodies of a request with GetBody, and knows which it
// still uses. GetBody may rewind one payload that all bodies share, as
// connect-go's does, while an HTTP/2 transport that got a rejection early is
// still reading the first: the old reader would take the new one's bytes.
type lender struct {
	get   func() (io.ReadCloser, error)
	first loan

	mu   sync.Mutex    // guards what follows, and closed and err of every loan
	uses int           // loans that are open, and calls of Read and Close under way
	idle chan struct{} // if reopen waits: closed when uses falls to 0
}

// letGoWithin is how long a replay waits for Base to return the rejection's
// last byte, and then to close the request's body. Both take microseconds after
// the rejection's header; what takes longer may take forever, for instance a
// transport that is stuck in the body's Read, or an API that ends the rejection
// of a stream when the stream ends.
const letGoWithin = time.Second

func (l *lender) reopen(ctx context.Context) (io.ReadCloser, error) {
	l.mu.Lock()
	idle := make(chan struct{})
	if l.uses == 0 {
		close(idle)
	} else {
		l.idle = idle
	}
	l.mu.Unlock()

	timeout := time.NewTimer(letGoWithin)
	defer timeout.Stop()
	select {
	case <-idle:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	case <-timeout.C:
		return nil, errHeld
	}
	return l.lend()
}

// lend opens another body. It is GetBody for Base, too.
func (l *lender) lend() (io.ReadCloser, error) {
	body, err := l.get()
	if err != nil {
		return nil, err
	}
	if body == nil {
		return nil, errNilBody
	}
	l.mu.Lock()
	l.uses++
	l.mu.Unlock()
	return &loan{lender: l, body: body}, nil
}

func (l *lender) available() bool { return true }

func (l *lender) settle() {}

// done ends one use.
func (l *lender) done() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.uses--; l.uses == 0 && l.idle != nil {
		close(l.idle)
		l.idle = nil
	}
}

// A loan is a body that is lent to Base until Base closes it, or has read it to
// its end: what signs requests often hashes a body and drops it.
type loan struct {
	*lender
	body   io.ReadCloser
	closed bool  // by the first call of close; the only one that reaches body
	ended  error // what Read returned last, if not nil; for Read only
	err    error // of body.Close, for the first Close by Base
}

func (b *loan) Read(p []byte) (int, error) {
	if b.ended != nil {
		return 0, b.ended
	}
	b.mu.Lock()
	if b.closed {
		b.mu.Unlock()
		return 0, http.ErrBodyReadAfterClose
	}
	b.uses++
	b.mu.Unlock()
	defer b.done()
	n, err := b.body.Read(p)
	if err != nil {
		b.ended = err
		b.close()
	}
	return n, err
}

// Close implements [io.Closer]. If Read has closed body, the error of that is
// returned here, once.
func (b *loan) Close() error {
	b.close()
	b.mu.Lock()
	defer b.mu.Unlock()
	err := b.err
	b.err = nil
	return err
}

// close ends the loan when body's Close has returned.
func (b *loan) close() {
	b.mu.Lock()
	closed := b.closed
	b.closed = true
	b.mu.Unlock()
	if closed {
		return
	}
	defer b.done()
	err := b.body.Close()
	b.mu.Lock()
	b.err = err
	b.mu.Unlock()
}

// A recording is a body without GetBody that is recorded while it is sent, so
// that it can be sent again: first what was recorded, then the rest. The body
// stays open until nothing more can be needed from it.
//
// While the body is recorded, each Read of it runs in a goroutine, one at a
// time, which ends when that Read returns. So closing a playback ends its Read
// at once, as an HTTP/2 transport that aborts a request waits for, although the
// body is not closed, since the replay needs it. What the goroutine reads is
// recorded.
type recording struct {
	body  io.ReadCloser // the caller's
	limit int64         // how many bytes are recorded

	mu      sync.Mutex  // guards what follows, and the fields of playbacks
	changed sync.Cond   // signals every change of data, err, reading, keep and playing
	data    []byte      // what was read, at most limit+1 bytes
	err     error       // what ended reading
	reading bool        // a call of body.Read is under way; it may write data[len:cap]
	keep    bool        // another playback may begin: data is complete, body stays open
	closed  bool        // body is closed
	playing []*playback // those that are not closed
}

func newRecording(body io.ReadCloser, limit int64) *recording {
	r := &recording{body: body, limit: min(limit, math.MaxInt64-1), keep: true}
	r.changed.L = &r.mu
	return r
}

func (r *recording) available() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.keep
}

// reopen takes the body away from the playbacks before. Their Reads return.
func (r *recording) reopen(context.Context) (io.ReadCloser, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.keep {
		return nil, errTooLong
	}
	for _, p := range r.playing {
		p.closed = true
	}
	r.playing = nil
	r.changed.Broadcast()
	return r.play(false), nil
}

// open is GetBody for Base.
func (r *recording) open() (io.ReadCloser, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.keep {
		return nil, errTooLong
	}
	return r.play(true), nil
}

// play begins a playback. r.mu is held.
func (r *recording) play(untilEOF bool) *playback {
	p := &playback{of: r, untilEOF: untilEOF}
	r.playing = append(r.playing, p)
	return p
}

func (r *recording) settle() {
	r.mu.Lock()
	r.keep = false
	r.changed.Broadcast()
	unused := r.unused()
	r.mu.Unlock()
	if unused {
		r.body.Close()
	}
}

// unused reports, once, that body is to be closed. r.mu is held.
func (r *recording) unused() bool {
	if r.keep || r.closed || len(r.playing) > 0 {
		return false
	}
	r.closed = true
	return true
}

// fill reads body into free, which is r.data's capacity. r.reading is set.
func (r *recording) fill(free []byte) {
	n, err := r.body.Read(free)
	r.mu.Lock()
	r.reading = false
	r.data = r.data[:len(r.data)+n]
	r.err = err
	if int64(len(r.data)) > r.limit {
		r.keep = false
	}
	r.changed.Broadcast()
	unused := r.unused()
	r.mu.Unlock()
	if unused {
		r.body.Close()
	}
}

// A playback is a recording on its way to Base.
type playback struct {
	of       *recording
	off      int // how much of data it has read
	closed   bool
	untilEOF bool // Base asked for it, perhaps only to hash it, and might not close it
}

func (p *playback) Read(b []byte) (int, error) {
	n, err := p.read(b)
	if err != nil && p.untilEOF {
		p.Close()
	}
	return n, err
}

func (p *playback) read(b []byte) (n int, err error) {
	if len(b) == 0 {
		return 0, nil
	}
	r := p.of
	r.mu.Lock()
	defer r.mu.Unlock()
	for !p.closed {
		switch {
		case p.off < len(r.data):
			n = copy(b, r.data[p.off:])
			p.off += n
			return n, nil
		case r.err != nil:
			return 0, r.err
		case r.reading:
			r.changed.Wait()
		case r.keep:
			n = int(min(int64(len(b)), r.limit+1-int64(len(r.data))))
			r.data = slices.Grow(r.data, n)
			r.reading = true
			go r.fill(r.data[len(r.data) : len(r.data)+n])
		case len(r.playing) > 1:
			return 0, errTooLong // what one reads from here, the others miss
		default:
			return p.readRest(b)
		}
	}
	return 0, http.ErrBodyReadAfterClose
}

// readRest reads body itself. p is the only playback, there will be no other,
// and it has read all data. r.mu is held, but not during the call of body.Read:
// Close must not wait for it.
func (p *playback) readRest(b []byte) (n int, err error) {
	r := p.of
	r.data, p.off = nil, 0
	r.mu.Unlock()
	defer r.mu.Lock()
	return r.body.Read(b)
}

func (p *playback) Close() error {
	r := p.of
	r.mu.Lock()
	p.closed = true
	r.playing = slices.DeleteFunc(r.playing, func(q *playback) bool { return q == p })
	r.changed.Broadcast()
	unused := r.unused()
	r.mu.Unlock()
	if unused {
		return r.body.Close()
	}
	return nil
}

// maxBuffered is the longest rejection that is buffered. Most are a few hundred
// bytes long.
const maxBuffered = 64 << 10

// buffer reads resp's body and closes it, so that Base lets go of the
// connection and of the request's body, and replaces it by a copy, with the
// error of reading if there was one. If the body is longer than maxBuffered, or
// does not end within letGoWithin, buffer returns an error, and resp can be read
// from its start as before.
func buffer(ctx context.Context, resp *http.Response) error {
	if resp.Body == nil {
		return nil // not from net/http, but http.Client allows it
	}
	h := &head{body: resp.Body, read: make(chan struct{})}
	go h.fill()
	resp.Body = h
	timeout := time.NewTimer(letGoWithin)
	defer timeout.Stop()
	select {
	case <-h.read:
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timeout.C:
		return errSlow
	}
	if len(h.data) > maxBuffered {
		return errLarge
	}
	h.body.Close()
	h.body = http.NoBody
	return nil
}

// A head is a response's body whose beginning is read ahead, in a goroutine
// that ends when the beginning has been read, or when the body is closed.
type head struct {
	body io.ReadCloser
	read chan struct{} // closed when data and err are set

	data []byte // at most maxBuffered+1 bytes; what is left of them
	err  error  // that ended reading early
}

func (h *head) fill() {
	defer close(h.read)
	h.data, h.err = io.ReadAll(io.LimitReader(h.body, maxBuffered+1))
}

func (h *head) Read(p []byte) (int, error) {
	<-h.read
	if len(h.data) > 0 {
		n := copy(p, h.data)
		h.data = h.data[n:]
		return n, nil
	}
	if h.err != nil {
		return 0, h.err
	}
	return h.body.Read(p)
}

func (h *head) Close() error { return h.body.Close() }

// closeBody closes the body of a request that is not sent, as a RoundTripper
// must.
func closeBody(req *http.Request) {
	if req != nil && req.Body != nil {
		req.Body.Close()
	}
}
