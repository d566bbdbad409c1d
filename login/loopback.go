package login

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/oauth2"
)

// Loopback logs a user in from a program on the user's own machine (RFC 8252
// section 7.3): it opens the browser and waits on a loopback address until the
// browser comes back. It holds no state, and its method may be called by
// several goroutines at once unless RedirectURL fixes the port.
type Loopback struct {
	// Flow returns the grant for the redirect URL in use, which includes the
	// port. Required:
	//
	//	Flow: func(redirectURL string) login.Flow {
	//		return grant.AuthorizationCode{Server: server, ClientID: id, RedirectURL: redirectURL}
	//	}
	Flow func(redirectURL string) Flow

	// RedirectURL is where the browser comes back to, as the client is
	// registered: an http URL with a loopback IP address, or with localhost for
	// a server that accepts only that; then Login waits on 127.0.0.1 and, if
	// the machine has it, on ::1. Without a port Login takes a free one, which
	// RFC 8252 section 7.3 requires servers to allow. Empty is
	// "http://127.0.0.1/callback".
	RedirectURL string

	// Timeout is how long the user may take. 0 is 5 minutes, negative is no
	// limit but the context's. The exchange of the code does not count.
	Timeout time.Duration

	// Open opens a URL in the user's browser. Nil is [OpenBrowser]. It runs in
	// its own goroutine, since some openers return only when the browser is
	// closed, and Login does not wait for it.
	Open func(url string) error

	// NoBrowser is called with the URL when Open has failed, to show it to the
	// user; Login waits on. Nil writes it to os.Stderr.
	NoBrowser func(url string, err error)

	// Refused is called when the browser brings an error without a state, as
	// servers send it that drop the state when the user declines. Anyone could
	// have sent it, so Login waits on, and Refused tells the user why; url is
	// still the one to log in with. The error is [grant.ErrAccessDenied] if it
	// says that the user declined. Refused is called at most once in a Login.
	// Nil writes to os.Stderr.
	Refused func(url string, err error)
}

// defaultTimeout leaves time to find a password and a second factor, but does
// not leave a port open over lunch.
const defaultTimeout = 5 * time.Minute

// Login asks the user for consent and returns the token. It returns early with
// the context's error, with one that is [context.DeadlineExceeded] after
// Timeout, and with the errors of package grant. It leaves nothing listening.
//
// A callback without the state of this login is not an answer to it: any page
// in the browser and any program on the machine can send one. It gets an error
// page, and Login waits on, since otherwise anyone could end the login (RFC
// 8252 section 8.9, RFC 9700 section 4.7). Of the callbacks with the right
// state only the first counts.
func (l Loopback) Login(ctx context.Context) (*oauth2.Token, error) {
	if l.Flow == nil {
		return nil, errors.New("login: Loopback.Flow is nil; set it to a func that returns the grant")
	}
	redirect, listeners, err := l.listen(ctx)
	if err != nil {
		return nil, err
	}
	state, verifier := rand.Text(), oauth2.GenerateVerifier()
	r := receive(listeners, redirect.Path, state)
	defer r.stop()

	flow := l.Flow(redirect.String())
	if flow == nil {
		return nil, errors.New("login: Loopback.Flow returned nil; return the grant")
	}
	authURL, err := flow.AuthCodeURL(ctx, state, verifier)
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

// await opens the browser and waits until it comes back.
func (l Loopback) await(ctx context.Context, authURL string, r *receiver) (*visit, error) {
	open, noBrowser, refused := l.Open, l.NoBrowser, l.Refused
	if open == nil {
		open = OpenBrowser
	}
	if noBrowser == nil {
		noBrowser = printNoBrowser
	}
	if refused == nil {
		refused = printRefused
	}
	opened := make(chan error, 1) // room for the one value, so that the goroutine ends with open
	go func() { opened <- open(authURL) }()

	timeout := l.Timeout
	if timeout == 0 {
		timeout = defaultTimeout
	}
	var expired <-chan time.Time // nil is never ready
	if timeout > 0 {
		expired = time.After(timeout)
	}
	refusals := r.refusals
	defer close(r.over)
	for {
		select {
		case err := <-opened:
			if err != nil {
				noBrowser(authURL, err)
			}
		case err := <-refusals:
			refused(authURL, err)
			refusals = nil // a page or program that sends many must not fill the terminal
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

func printNoBrowser(url string, err error) {
	fmt.Fprintf(os.Stderr, "No browser could be opened (%v). To log in, open this page:\n\n%s\n\n", err, url)
}

func printRefused(url string, err error) {
	fmt.Fprintf(os.Stderr, "%v.\nStill waiting: if you declined, stop this program; to log in after all, open this page:\n\n%s\n\n", err, url)
}
