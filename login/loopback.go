package login

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"time"

	"golang.org/x/oauth2"
)

// Loopback logs a user in from a program on the user's own machine (RFC 8252 section 7.3): it
// opens the browser and waits on a loopback address for it to come back. It holds no state, and
// its method may be called by several goroutines at once if the port is a free one.
type Loopback struct {
	// Flow gives the grant for the redirect URL that is really used, with its port. Required:
	//
	//	Flow: func(redirectURL string) login.Flow {
	//		return grant.AuthorizationCode{Server: server, ClientID: id, RedirectURL: redirectURL}
	//	}
	Flow func(redirectURL string) Flow

	// RedirectURL is where the browser comes back to, as the client is registered: an http URL
	// with a loopback IP address, or localhost for a server that knows only that. Without a port a
	// free one is taken, which RFC 8252 section 7.3 has servers allow. Empty is
	// "http://127.0.0.1/callback".
	RedirectURL string

	// Timeout is how long the user may take. 0 is 5 minutes, negative no limit but the context's.
	// It does not count for the exchange of the code.
	Timeout time.Duration

	// Open opens a URL in the user's browser. Nil is [OpenBrowser]. It runs in a goroutine of its
	// own, since some openers return only when the browser is closed, and nobody waits for it.
	Open func(url string) error

	// NoBrowser is told of the URL when Open has failed, to show it to the user; the login waits
	// on. Nil writes it to os.Stderr.
	NoBrowser func(url string, err error)
}

// defaultTimeout leaves time to find a password and a second factor, and not to forget an open
// port over lunch.
const defaultTimeout = 5 * time.Minute

// Login has the user consent and returns the token. It returns early with the context's error,
// with one that is [context.DeadlineExceeded] after Timeout, and with those of package grant.
// Nothing listens any more when it returns.
//
// A callback with another state is not an answer to this login: any page in the browser and any
// program on the machine can send one. It gets an error page, and Login waits on, for otherwise
// anybody could end the login (RFC 8252 section 8.9, RFC 9700 section 4.7). The first callback
// with the right state is the only one that is looked at.
func (l Loopback) Login(ctx context.Context) (*oauth2.Token, error) {
	if l.Flow == nil {
		return nil, errors.New("login: Loopback.Flow is nil; set it to a func that returns the grant")
	}
	redirect, listener, err := l.listen(ctx)
	if err != nil {
		return nil, err
	}
	state, verifier := rand.Text(), oauth2.GenerateVerifier()
	r := receive(listener, redirect.Path, state)
	defer r.stop()

	flow := l.Flow(redirect.String())
	if flow == nil {
		return nil, errors.New("login: Loopback.Flow returned nil; return the grant")
	}
	authURL, err := flow.AuthCodeURL(state, verifier)
	if err != nil {
		return nil, err
	}
	v, err := l.await(ctx, authURL, r)
	if err != nil {
		return nil, err
	}
	token, err := redeem(ctx, flow, v.query, state, verifier)
	v.answer(programPage(err))
	return token, err
}

// await opens the browser and waits for it to come back.
func (l Loopback) await(ctx context.Context, authURL string, r *receiver) (*visit, error) {
	open, noBrowser := l.Open, l.NoBrowser
	if open == nil {
		open = OpenBrowser
	}
	if noBrowser == nil {
		noBrowser = printURL
	}
	opened := make(chan error, 1) // room for the one value, so that the goroutine ends with open
	go func() { opened <- open(authURL) }()

	timeout := l.Timeout
	if timeout == 0 {
		timeout = defaultTimeout
	}
	var expired <-chan time.Time // nil never comes
	if timeout > 0 {
		expired = time.After(timeout)
	}
	defer close(r.over)
	for {
		select {
		case err := <-opened:
			if err != nil {
				noBrowser(authURL, err)
			}
		case v := <-r.visits:
			return v, nil
		case <-expired:
			return nil, fmt.Errorf("login: the browser did not come back within %v; log in again: %w", timeout, context.DeadlineExceeded)
		case <-ctx.Done():
			err := ctx.Err()
			if cause := context.Cause(ctx); !errors.Is(cause, err) {
				err = fmt.Errorf("%w: %w", err, cause) // such as signal.NotifyContext's, which says why
			}
			return nil, fmt.Errorf("login: ended before the browser came back: %w", err)
		}
	}
}

func printURL(url string, err error) {
	fmt.Fprintf(os.Stderr, "No browser could be opened (%v). To log in, open this page:\n\n%s\n\n", err, url)
}

// listen gives the redirect URL with its port, and the listener there.
func (l Loopback) listen(ctx context.Context) (*url.URL, net.Listener, error) {
	u, ip, err := l.redirect()
	if err != nil {
		return nil, nil, err
	}
	port := u.Port()
	if port == "" {
		port = "0"
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", net.JoinHostPort(ip.String(), port))
	if err != nil {
		return nil, nil, fmt.Errorf("login: cannot wait for the browser at Loopback.RedirectURL; leave its port out if the server allows any: %w", err)
	}
	_, port, _ = net.SplitHostPort(listener.Addr().String())
	u.Host = net.JoinHostPort(u.Hostname(), port)
	return u, listener, nil
}

// redirect reads RedirectURL, and gives the address to listen at.
func (l Loopback) redirect() (*url.URL, netip.Addr, error) {
	raw := l.RedirectURL
	if raw == "" {
		raw = "http://127.0.0.1/callback"
	}
	u, err := url.Parse(raw)
	if err != nil {
		return nil, netip.Addr{}, errors.New("login: Loopback.RedirectURL cannot be parsed as a URL")
	}
	if u.Scheme != "http" || u.User != nil || strings.ContainsAny(raw, "?#") {
		return nil, netip.Addr{}, errors.New("login: Loopback.RedirectURL is no plain http URL; write it as http://127.0.0.1:PORT/PATH")
	}
	if u.Path == "" {
		u.Path = "/"
	}
	ip, ok := loopbackAddr(u.Hostname())
	if !ok {
		return nil, netip.Addr{}, errors.New("login: the host of Loopback.RedirectURL is not this machine; use 127.0.0.1")
	}
	return u, ip, nil
}

// loopbackAddr gives the address of a host that is this machine. "localhost" is not looked up,
// since the answer could be another machine; a browser that tries ::1 for it goes on to 127.0.0.1.
func loopbackAddr(host string) (netip.Addr, bool) {
	if strings.EqualFold(host, "localhost") {
		return netip.AddrFrom4([4]byte{127, 0, 0, 1}), true
	}
	ip, err := netip.ParseAddr(host)
	return ip, err == nil && ip.IsLoopback()
}
