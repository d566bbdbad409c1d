package grant

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"golang.org/x/oauth2"
)

// walk calls f with every error in err's tree.
func walk(err error, f func(error)) {
	f(err)
	switch e := err.(type) {
	case interface{ Unwrap() error }:
		if cause := e.Unwrap(); cause != nil {
			walk(cause, f)
		}
	case interface{ Unwrap() []error }:
		for _, cause := range e.Unwrap() {
			walk(cause, f)
		}
	}
}

// G15: a transport's own words are not in the causes of an error either, but
// errors.Is sees them.
func TestCauseShowsNoSecret(t *testing.T) {
	reset := errors.New("reset")
	s, _ := serve(t, func(_ int, r *http.Request, form url.Values) (*http.Response, error) {
		return nil, fmt.Errorf("%w: %s", reset, echo(r, form))
	})
	s.Retries = -1
	_, err := ClientCredentials{Server: s, Auth: Post{ID: "id", Secret: canarySecret}}.Token(t.Context())
	walk(err, func(e error) {
		if strings.Contains(fmt.Sprintf("%v %+v %#v", e, e, e), "canary") {
			t.Errorf("got %#v in the tree of %v, want no secret in it", e, err)
		}
	})
	if !errors.Is(err, reset) {
		t.Errorf("got %v, want an error that is the transport's", err)
	}
}

// A context that ended with a custom cause, as an errgroup's does, is a
// context error all the same: net/http returns only the cause.
func TestCancelledWithACauseIsCancelled(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	other := errors.New("another worker failed")
	s, _ := serve(t, func(_ int, r *http.Request, _ url.Values) (*http.Response, error) {
		cancel(other)
		return nil, context.Cause(r.Context())
	})
	_, err := AuthorizationCode{Server: s, ClientID: "id"}.Refresh(ctx, &oauth2.Token{RefreshToken: "rt-1"})
	wantText(t, err, "the request to https://auth.test was cancelled", "another worker failed", "may have been spent")
	if !errors.Is(err, context.Canceled) || !errors.Is(err, other) {
		t.Errorf("got %v, want it to be context.Canceled and its cause", err)
	}
}

// With a context that has ended already nothing is sent, and so nothing can
// have been spent.
func TestContextThatHasEndedSendsNothing(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	s, w := serve(t, always(200, good))
	_, err := AuthorizationCode{Server: s, ClientID: "id"}.Refresh(ctx, &oauth2.Token{RefreshToken: "rt-1"})
	wantText(t, err, "nothing was sent to https://auth.test")
	if !errors.Is(err, context.Canceled) || strings.Contains(err.Error(), "spent") || w.seen.Load() != 0 {
		t.Errorf("got %v and %d requests, want context.Canceled, nothing spent, and 0", err, w.seen.Load())
	}
}
