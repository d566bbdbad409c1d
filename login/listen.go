package login

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strings"

	"example.com/bearer/internal/origin"
)

// listen returns the redirect URL with its port, and the listeners there.
func (l Loopback) listen(ctx context.Context) (*url.URL, []net.Listener, error) {
	u, err := l.redirect()
	if err != nil {
		return nil, nil, err
	}
	port := u.Port()
	if port == "" {
		port = "0"
	}
	listeners, err := listenLoopback(u.Hostname(), port, func(address string) (net.Listener, error) {
		return new(net.ListenConfig).Listen(ctx, "tcp", address)
	})
	if err != nil {
		return nil, nil, fmt.Errorf("login: cannot wait for the browser at Loopback.RedirectURL; leave the port out if the server allows any: %w", err)
	}
	u.Host = net.JoinHostPort(u.Hostname(), portOf(listeners[0]))
	return u, listeners, nil
}

// redirect reads RedirectURL.
func (l Loopback) redirect() (*url.URL, error) {
	raw := l.RedirectURL
	if raw == "" {
		raw = "http://127.0.0.1/callback"
	}
	u, err := url.Parse(raw)
	switch {
	case err != nil:
		return nil, errors.New("login: Loopback.RedirectURL cannot be parsed as a URL")
	case u.Scheme != "http" || u.User != nil || strings.ContainsAny(raw, "?#"):
		return nil, errors.New("login: Loopback.RedirectURL is not a plain http URL; write it as http://127.0.0.1:PORT/PATH")
	case !origin.Loopback(u.Hostname()):
		return nil, errors.New("login: the host of Loopback.RedirectURL is not this machine; use 127.0.0.1")
	}
	if u.Path == "" {
		u.Path = "/"
	}
	return u, nil
}

var (
	ipv4Loopback = netip.AddrFrom4([4]byte{127, 0, 0, 1})
	ipv6Loopback = netip.IPv6Loopback()
)

// portTries bounds the search for a port that is free on both addresses of
// localhost. One is nearly always enough.
const portTries = 10

// listenLoopback listens at all addresses of a loopback host, on the same port.
// Port "0" is any that is free.
//
// "localhost" is not looked up, since the answer could be another machine. It
// is 127.0.0.1 and ::1: browsers try either first, and another program that
// listened on ::1 would get the code. A machine without ::1 is served by
// 127.0.0.1 alone.
func listenLoopback(host, port string, listen func(address string) (net.Listener, error)) ([]net.Listener, error) {
	var addrs []netip.Addr
	if addr, err := netip.ParseAddr(host); err == nil {
		addrs = []netip.Addr{addr}
	} else {
		addrs = []netip.Addr{ipv4Loopback}
		// Any port will do for the question whether the machine has ::1; one
		// that is taken is another matter.
		if l, err := listen(net.JoinHostPort(ipv6Loopback.String(), "0")); err == nil {
			l.Close()
			addrs = append(addrs, ipv6Loopback)
		}
	}
	for try := 1; ; try++ {
		listeners, err := listenAll(addrs, port, listen)
		if err == nil || port != "0" || len(addrs) == 1 || try == portTries {
			return listeners, err
		}
	}
}

// listenAll listens at each address, on the port that the first one gets. It
// returns all listeners, or none and an error.
func listenAll(addrs []netip.Addr, port string, listen func(address string) (net.Listener, error)) ([]net.Listener, error) {
	var listeners []net.Listener
	for _, addr := range addrs {
		l, err := listen(net.JoinHostPort(addr.String(), port))
		if err != nil {
			for _, l := range listeners {
				l.Close()
			}
			return nil, err
		}
		listeners = append(listeners, l)
		port = portOf(l)
	}
	return listeners, nil
}

func portOf(l net.Listener) string {
	_, port, _ := net.SplitHostPort(l.Addr().String()) // the address is one of our own making
	return port
}
