package tcpcut

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"
)

// echo is a server that answers each line with the line, and the Link to it. It
// tells heard of each line.
func echo(t *testing.T) (l *Link, heard chan string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	heard = make(chan string, 100)
	go func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				for lines := bufio.NewScanner(c); lines.Scan(); {
					heard <- lines.Text()
					fmt.Fprintln(c, lines.Text())
				}
			}()
		}
	}()
	l, err = To(listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(l.Close(), listener.Close()); err != nil {
			t.Error(err)
		}
	})
	return l, heard
}

type client struct {
	net.Conn
	answers *bufio.Reader
}

func dial(t *testing.T, l *Link) client {
	t.Helper()
	c, err := net.Dial("tcp", l.Addr())
	if err != nil {
		return client{} // reset already
	}
	t.Cleanup(func() { c.Close() })
	return client{c, bufio.NewReader(c)}
}

// ask returns the answer, or how the call ended: "late", or "reset".
func (c client) ask(line string, within time.Duration) string {
	if c.Conn == nil {
		return "reset"
	}
	_ = c.SetDeadline(time.Now().Add(within))
	if _, err := fmt.Fprintln(c, line); err != nil {
		return "reset"
	}
	return c.answer(within)
}

func (c client) answer(within time.Duration) string {
	_ = c.SetDeadline(time.Now().Add(within))
	got, err := c.answers.ReadString('\n')
	if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
		return "late"
	} else if err != nil {
		return "reset"
	}
	return strings.TrimSpace(got)
}

const (
	long  = 30 * time.Second
	short = 30 * time.Millisecond
)

func want(t *testing.T, what, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %q, want %q", what, got, want)
	}
}

func TestRefuse(t *testing.T) {
	l, _ := echo(t)
	c := dial(t, l)
	want(t, "before", c.ask("a", long), "a")
	l.Cut(Refuse)
	want(t, "an old connection", c.ask("b", long), "reset")
	want(t, "a new connection", dial(t, l).ask("c", long), "reset")
	if !l.Mend() {
		t.Error("Mend: got that there was no cut, want one")
	}
	want(t, "afterwards", dial(t, l).ask("d", long), "d")
}

func TestReset(t *testing.T) {
	l, heard := echo(t)
	c := dial(t, l)
	want(t, "before", c.ask("a", long), "a")
	l.CutAfter(1, Reset)
	want(t, "an old connection", c.ask("b", long), "reset")
	want(t, "the server", <-heard+<-heard, "ab")
	want(t, "a new connection", dial(t, l).ask("c", long), "c")
	if !l.Mend() || l.Mend() {
		t.Error("Mend: got no cut, or two, want one")
	}
}

func TestSwallow(t *testing.T) {
	l, heard := echo(t)
	c := dial(t, l)
	want(t, "before", c.ask("a", long), "a")
	l.Cut(Swallow)
	want(t, "an old connection", c.ask("b", short), "late")
	d := dial(t, l)
	want(t, "a new connection", d.ask("c", short), "late")
	l.Mend()
	want(t, "an old connection, mended", c.answer(long), "reset")
	want(t, "a new connection, mended", d.answer(long), "reset")
	want(t, "afterwards", dial(t, l).ask("d", long), "d")
	close(heard)
	for line := range heard {
		if line == "b" || line == "c" {
			t.Errorf("the server: got %q, want it lost", line)
		}
	}
}

// What was held arrives, also when its sender has hung up.
func TestHold(t *testing.T) {
	l, heard := echo(t)
	c := dial(t, l)
	want(t, "before", c.ask("a", long), "a")
	want(t, "the server", <-heard, "a")
	l.Cut(Hold)
	want(t, "held", c.ask("b", short), "late")
	gone := dial(t, l)
	want(t, "held", gone.ask("c", short), "late")
	if err := gone.Close(); err != nil {
		t.Fatal(err)
	}
	select {
	case got := <-heard:
		t.Errorf("the server: got %q, want nothing yet", got)
	default:
	}
	l.Mend()
	want(t, "at last", c.answer(long), "b")
	want(t, "both", map[bool]string{true: "heard"}[strings.Contains("bc cb", <-heard+<-heard)], "heard")
}

func TestCutAfter(t *testing.T) {
	for _, f := range []Fault{Refuse, Swallow, Hold} {
		l, heard := echo(t)
		c := dial(t, l)
		l.CutAfter(3, f)
		want(t, "before", c.ask("a", long), "a")
		want(t, "the server", <-heard, "a")
		if got := c.ask("b", short*3); got != "late" && got != "reset" {
			t.Errorf("fault %d: got %q, want no answer", f, got)
		}
		want(t, "the server", <-heard, "b")
		l.Mend()
		want(t, "afterwards", dial(t, l).ask("c", long), "c")
	}
	l, _ := echo(t)
	l.CutAfter(3, Refuse)
	if l.Mend() {
		t.Error("Mend: got a cut, want none yet")
	}
	c := dial(t, l)
	for range 5 {
		want(t, "after Mend", c.ask("a", long), "a")
	}
}

// A server that is not there is a connection that is reset.
func TestNoServer(t *testing.T) {
	l, err := To("127.0.0.1:1")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	want(t, "no server", dial(t, l).ask("a", long), "reset")
}
