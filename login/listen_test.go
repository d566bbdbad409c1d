package login

import (
	"errors"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

// Browsers resolve localhost to either address, so Login waits on both, with
// one port, and leaves neither open.
func TestLoopbackOnLocalhostListensOnBoth(t *testing.T) {
	if l, err := net.Listen("tcp", "[::1]:0"); err != nil {
		t.Skip("this machine has no ::1:", err)
	} else {
		l.Close()
	}
	var hosts []string
	l := Loopback{Flow: newFake, RedirectURL: "http://localhost/callback", Timeout: 10 * time.Second, Open: func(u string) error {
		back := mustParse(t, u)
		if back.Hostname() != "localhost" {
			t.Errorf("got redirect to %s, want localhost", back.Host)
		}
		hosts = []string{"127.0.0.1:" + back.Port(), "[::1]:" + back.Port()}
		resp, body := fetch(t, http.DefaultClient, "http://"+hosts[0]+"/callback?state=stranger")
		wantPage(t, resp, body, strangerPage)
		back.Host = hosts[1]
		fetch(t, http.DefaultClient, back.String())
		return nil
	}}
	if _, err := l.Login(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, host := range hosts {
		if conn, err := net.Dial("tcp", host); err == nil {
			conn.Close()
			t.Errorf("%s is open after Login has returned", host)
		}
	}
}

// A fakeHost is a machine whose addresses fail as its func says.
type fakeHost struct {
	fails  func(address string) error
	opened []string
	open   int
	next   int // the next free port
}

type fakeListener struct {
	net.Listener
	host *fakeHost
	addr net.Addr
}

func (l fakeListener) Addr() net.Addr { return l.addr }
func (l fakeListener) Close() error   { l.host.open--; return nil }

func (h *fakeHost) listen(address string) (net.Listener, error) {
	if err := h.fails(address); err != nil {
		return nil, err
	}
	addr, err := net.ResolveTCPAddr("tcp", address)
	if err != nil {
		return nil, err
	}
	if addr.Port == 0 {
		h.next++
		addr.Port = h.next
	}
	h.open++
	h.opened = append(h.opened, addr.String())
	return fakeListener{host: h, addr: addr}, nil
}

// A machine without ::1 is served by 127.0.0.1 alone. A port that is taken on
// one of the two is not used: who listens there would get the code.
func TestListenLoopback(t *testing.T) {
	var errNone, errTaken = errors.New("no such address"), errors.New("address in use")
	for name, c := range map[string]struct {
		host, port string
		fails      func(address string) error
		want       []string
		err        error
	}{
		"an address":              {"127.0.0.1", "0", nil, []string{"127.0.0.1:1"}, nil},
		"::1":                     {"::1", "8080", nil, []string{"[::1]:8080"}, nil},
		"localhost":               {"localhost", "0", nil, []string{"127.0.0.1:2", "[::1]:2"}, nil}, // after the probe
		"localhost, a given port": {"LOCALHOST", "8080", nil, []string{"127.0.0.1:8080", "[::1]:8080"}, nil},
		"no ::1": {"localhost", "0", func(address string) error {
			if strings.HasPrefix(address, "[::1]") {
				return errNone
			}
			return nil
		}, []string{"127.0.0.1:1"}, nil},
		"the first free port is taken on ::1": {"localhost", "0", func(address string) error {
			if address == "[::1]:2" {
				return errTaken
			}
			return nil
		}, []string{"127.0.0.1:3", "[::1]:3"}, nil},
		"the given port is taken on ::1": {"localhost", "8080", func(address string) error {
			if address == "[::1]:8080" {
				return errTaken
			}
			return nil
		}, nil, errTaken},
		"all ports are taken on ::1": {"localhost", "0", func(address string) error {
			if strings.HasPrefix(address, "[::1]") && address != "[::1]:0" {
				return errTaken
			}
			return nil
		}, nil, errTaken},
	} {
		t.Run(name, func(t *testing.T) {
			h := &fakeHost{fails: c.fails}
			if h.fails == nil {
				h.fails = func(string) error { return nil }
			}
			listeners, err := listenLoopback(c.host, c.port, h.listen)
			var got []string
			for _, l := range listeners {
				got = append(got, l.Addr().String())
			}
			if !slices.Equal(got, c.want) || !errors.Is(err, c.err) {
				t.Errorf("got %v and error %v, want %v and %v", got, err, c.want, c.err)
			}
			if h.open != len(c.want) {
				t.Errorf("got %d listeners open, want %d", h.open, len(c.want))
			}
		})
	}
}

// Login says which field is wrong if another program has the port on ::1.
func TestLoopbackOnLocalhostTakenPort(t *testing.T) {
	taken, err := net.Listen("tcp", "[::1]:0")
	if err != nil {
		t.Skip("this machine has no ::1:", err)
	}
	defer taken.Close()
	u := url.URL{Scheme: "http", Host: "localhost:" + portOf(taken), Path: "/callback"}
	l := Loopback{Flow: newFake, RedirectURL: u.String(), Timeout: time.Nanosecond, Open: func(string) error { return nil }}
	if _, err := l.Login(t.Context()); err == nil || !strings.Contains(err.Error(), "Loopback.RedirectURL") {
		t.Errorf("got %v, want an error that names Loopback.RedirectURL", err)
	}
}
