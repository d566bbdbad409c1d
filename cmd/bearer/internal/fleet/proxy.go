package fleet

import (
	"context"
	"net"
	"sync"
)

// A proxy is the network between the workers and a Store. During a cut it resets
// new connections, and holds back what arrives on the others, as a network does
// that is interrupted: it is delivered when the cut ends.
type proxy struct {
	address string
	target  string
	l       net.Listener
	ctx     context.Context // ends with close
	cancel  context.CancelFunc

	mu     sync.Mutex    // guards mended
	mended chan struct{} // closed when the cut ends; nil: no cut
}

func newProxy(target string) (*proxy, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &proxy{address: l.Addr().String(), target: target, l: l}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	go p.serve()
	return p, nil
}

// serve accepts connections. It ends with close.
func (p *proxy) serve() {
	for {
		c, err := p.l.Accept()
		if err != nil {
			return
		}
		go p.forward(c.(*net.TCPConn)) // ends when either side closes, and with close
	}
}

func (p *proxy) forward(from *net.TCPConn) {
	defer from.Close()
	if p.broken() != nil {
		_ = from.SetLinger(0) // a reset, and no orderly end
		return
	}
	var d net.Dialer
	c, err := d.DialContext(p.ctx, "tcp", p.target)
	if err != nil {
		return
	}
	defer c.Close()
	defer context.AfterFunc(p.ctx, func() { from.Close(); c.Close() })()
	var both sync.WaitGroup
	both.Go(func() { p.copy(c, from) })
	both.Go(func() { p.copy(from, c) })
	both.Wait()
}

// copy forwards what arrives, and closes to at the end of from.
func (p *proxy) copy(to, from net.Conn) {
	defer to.Close()
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		if mended := p.broken(); mended != nil {
			select {
			case <-mended:
			case <-p.ctx.Done():
				return
			}
		}
		if _, writeErr := to.Write(buffer[:n]); writeErr != nil || err != nil {
			return
		}
	}
}

// broken returns what is closed when the cut ends; nil if there is none.
func (p *proxy) broken() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.mended
}

// set begins or ends a cut.
func (p *proxy) set(cut bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case cut && p.mended == nil:
		p.mended = make(chan struct{})
	case !cut && p.mended != nil:
		close(p.mended)
		p.mended = nil
	}
}

func (p *proxy) close() {
	p.cancel()
	_ = p.l.Close()
}
