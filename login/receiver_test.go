package login

import (
	"net"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"
)

// The page is on its way before the connection may be closed.
func TestReceiverFlushesThePage(t *testing.T) {
	r := newReceiver("/callback", "state")
	w := httptest.NewRecorder()
	go r.ServeHTTP(w, httptest.NewRequest("GET", "/callback?state=state", nil))
	v := <-r.visits
	v.answer(programPage(nil))
	if !w.Flushed {
		t.Error("answer returned with the page still in a buffer")
	}
}

// stop waits for what it ends.
func TestReceiverStopWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := net.Pipe()
		defer client.Close()
		l := oneConn{make(chan net.Conn, 1)}
		l.conns <- slowConn{server}
		r := receive([]net.Listener{l}, "/callback", "state")
		synctest.Wait()
		began := time.Now()
		r.stop()
		if got := time.Since(began); got != time.Second {
			t.Errorf("stop returned after %v, want after the connection, which takes %v", got, time.Second)
		}
	})
}

// oneConn is a listener that accepts one connection.
type oneConn struct{ conns chan net.Conn }

func (l oneConn) Accept() (net.Conn, error) {
	if c, ok := <-l.conns; ok {
		return c, nil
	}
	return nil, net.ErrClosed
}

func (l oneConn) Close() error   { close(l.conns); return nil }
func (l oneConn) Addr() net.Addr { return &net.TCPAddr{} }

// A slowConn takes a second to notice that it is closed.
type slowConn struct{ net.Conn }

func (c slowConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if err != nil {
		time.Sleep(time.Second)
	}
	return n, err
}
