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

// A refusal is told when its page is on its way: the user may end the login at
// once.
func TestReceiverShowsARefusalBeforeItIsTold(t *testing.T) {
	r := newReceiver("/callback", "state")
	w := &flushing{ResponseRecorder: httptest.NewRecorder(), told: func() bool { return len(r.refusals) > 0 }}
	r.ServeHTTP(w, httptest.NewRequest("GET", "/callback?error=access_denied", nil))
	if !w.Flushed || w.late || len(r.refusals) != 1 {
		t.Errorf("got the page flushed: %v, after it was told: %v, refusals: %d; want true, false, 1", w.Flushed, w.late, len(r.refusals))
	}
}

// A flushing notes whether something was told before the page was flushed.
type flushing struct {
	*httptest.ResponseRecorder
	told func() bool
	late bool
}

func (w *flushing) Flush() {
	w.late = w.told()
	w.ResponseRecorder.Flush()
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
