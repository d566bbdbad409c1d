// Package tcpcut is the way to a TCP server, which a test can cut.
package tcpcut

import (
	"net"
	"sync"
)

// A Fault is what happens to a connection that is cut.
type Fault int

const (
	// Refuse resets all connections, and new ones at once, as a machine does
	// whose server has stopped.
	Refuse Fault = iota + 1

	// Swallow lets connections stay, and new ones be made, and loses what they
	// carry, as a machine does that has lost its network. Mend resets them.
	Swallow

	// Hold lets nothing through until Mend, and then all of it, late: also what
	// a client had sent that has hung up since.
	Hold

	// Reset resets all connections once, as a server does that restarts; new
	// ones pass.
	Reset
)

// A Link forwards connections to a server. Its methods may be called
// concurrently.
type Link struct {
	server   string
	listener net.Listener
	running  sync.WaitGroup // the goroutines, which end with their connections

	mu      sync.Mutex // guards what follows
	changed *sync.Cond // on mu: fault is another one, or closed is set
	fault   Fault      // 0: none
	cut     bool       // since the last Mend
	next    Fault      // the fault that begins when left is 0; 0: none
	left    int        // how many pieces pass before
	closed  bool
	wires   map[*wire]bool
}

// A wire is one connection. Its server is nil if it was made in vain.
type wire struct {
	client, server net.Conn
	doomed         bool // what it carries is lost; guarded by Link.mu
}

// To returns a Link to the server with that TCP address. It listens on the
// loopback interface until Close.
func To(server string) (*Link, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	l := &Link{server: server, listener: listener, wires: make(map[*wire]bool)}
	l.changed = sync.NewCond(&l.mu)
	l.running.Go(l.accept)
	return l, nil
}

// Addr is the address that leads to the server.
func (l *Link) Addr() string { return l.listener.Addr().String() }

// Cut cuts the Link until Mend.
func (l *Link) Cut(f Fault) { l.CutAfter(0, f) }

// CutAfter cuts the Link once n more pieces have passed, in both directions
// together. A piece is what one read returns: usually a request, or an answer.
// With n > 0, the fault begins when the piece after them comes.
func (l *Link) CutAfter(n int, f Fault) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if n > 0 {
		l.next, l.left = f, n
		return
	}
	l.begin(f)
}

// begin needs mu.
func (l *Link) begin(f Fault) {
	l.fault, l.next, l.cut = f, 0, true
	for w := range l.wires {
		switch f {
		case Refuse:
			w.reset()
		case Swallow:
			w.doomed = true
		case Reset:
			w.doomed = true // what has been read already does not pass
			w.reset()
		}
	}
	if f == Reset {
		l.fault = 0
	}
	l.changed.Broadcast()
}

// Mend ends the fault, and one that has not begun yet. It reports whether one
// had begun.
func (l *Link) Mend() (cut bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	cut = l.cut
	l.fault, l.next, l.cut = 0, 0, false
	for w := range l.wires {
		if w.doomed {
			w.reset()
		}
	}
	l.changed.Broadcast()
	return cut
}

// Close resets all connections, and waits until all goroutines have ended.
func (l *Link) Close() error {
	err := l.listener.Close()
	l.mu.Lock()
	l.closed = true
	for w := range l.wires {
		w.reset()
	}
	l.changed.Broadcast()
	l.mu.Unlock()
	l.running.Wait()
	return err
}

func (l *Link) accept() {
	for {
		client, err := l.listener.Accept()
		if err != nil {
			return
		}
		l.running.Go(func() { l.serve(client) })
	}
}

func (l *Link) serve(client net.Conn) {
	w := &wire{client: client}
	doomed, ok := l.add(w)
	if !ok {
		w.reset()
		return
	}
	defer func() {
		l.mu.Lock()
		delete(l.wires, w)
		l.mu.Unlock()
		w.reset()
	}()
	if !doomed {
		server, err := net.Dial("tcp", l.server)
		if err != nil {
			return
		}
		l.mu.Lock()
		w.server, doomed = server, w.doomed
		gone := l.fault == Refuse || l.closed // they have reset what there was to reset
		l.mu.Unlock()
		if gone {
			return
		}
	}
	if doomed {
		l.pump(w, client, nil) // until Mend, or Close
		return
	}
	var answers sync.WaitGroup
	answers.Go(func() { l.pump(w, w.server, client) })
	l.pump(w, client, w.server)
	answers.Wait()
}

// add returns whether what w carries is lost, and not ok if w is not to be.
func (l *Link) add(w *wire) (doomed, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed || l.fault == Refuse {
		return false, false
	}
	w.doomed = l.fault == Swallow
	l.wires[w] = true
	return w.doomed, true
}

// pump forwards from one side to the other, until one has ended.
func (l *Link) pump(w *wire, from, to net.Conn) {
	piece := make([]byte, 64<<10)
	for {
		n, err := from.Read(piece)
		if l.passes(w, n > 0) {
			if _, writeErr := to.Write(piece[:n]); writeErr != nil {
				_ = from.Close()
				return
			}
			if err != nil {
				_ = to.(*net.TCPConn).CloseWrite()
			}
		}
		if err != nil {
			return
		}
	}
}

// passes waits while the Link holds what it carries, and reports whether the
// piece passes then; or, if there is none, the end of the connection.
func (l *Link) passes(w *wire, piece bool) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if piece && l.next != 0 {
		if l.left == 0 {
			l.begin(l.next)
		} else {
			l.left--
		}
	}
	for l.fault == Hold && !l.closed {
		l.changed.Wait()
	}
	return !w.doomed && l.fault == 0 && !l.closed
}

// reset closes both sides, without what was not sent yet.
func (w *wire) reset() {
	for _, c := range []net.Conn{w.client, w.server} {
		if c != nil {
			_ = c.(*net.TCPConn).SetLinger(0)
			_ = c.Close()
		}
	}
}
