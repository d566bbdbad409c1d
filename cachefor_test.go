package bearer_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"example.com/bearer"
)

type userKey struct{}

func as(ctx context.Context, user string) context.Context {
	return context.WithValue(ctx, userKey{}, user)
}

// customers makes a Cache for each user whose tokens have the user's name, and
// chooses it by the request's context, as a service with its own map does.
type customers struct {
	mu     sync.Mutex // guards what follows
	caches map[string]*bearer.Cache
	asked  int
}

func (c *customers) of(req *http.Request) (*bearer.Cache, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asked++
	user, _ := req.Context().Value(userKey{}).(string)
	switch user {
	case "":
		return nil, nil
	case "unknown":
		return nil, errUnknownUser
	}
	if c.caches[user] == nil {
		n := 0
		c.caches[user] = &bearer.Cache{Source: bearer.SourceFunc(func(context.Context) (*bearer.Token, error) {
			n++ // one refresh is in flight at a time
			return &bearer.Token{AccessToken: fmt.Sprintf("%s-%d", user, n)}, nil
		})}
	}
	return c.caches[user], nil
}

var errUnknownUser = errors.New("there is no such user")

// G24: each request gets the token of its own key, also when it is replayed.
func TestG24EachRequestGetsItsOwnToken(t *testing.T) {
	c := &customers{caches: make(map[string]*bearer.Cache)}
	tr := &bearer.Transport{CacheFor: c.of, Base: roundTrip(func(req *http.Request) (*http.Response, error) {
		got := strings.TrimPrefix(req.Header.Get("Authorization"), "Bearer ")
		if user, _, _ := strings.Cut(got, "-"); user != req.Context().Value(userKey{}) {
			t.Errorf("a request of %v was sent with the token %q", req.Context().Value(userKey{}), got)
		}
		if strings.HasSuffix(got, "-1") { // revoked
			return answer(req, http.StatusUnauthorized, ""), nil
		}
		return answer(req, http.StatusOK, ""), nil
	})}
	client := &http.Client{Transport: tr}
	var done sync.WaitGroup
	for i := range 500 {
		done.Go(func() {
			req, _ := http.NewRequestWithContext(as(t.Context(), fmt.Sprint("user", i%50)), http.MethodGet, "https://api.test/", nil)
			resp, err := client.Do(req)
			if err != nil || resp.StatusCode != http.StatusOK {
				t.Errorf("got %v, %v; want 200", resp, err)
			}
		})
	}
	done.Wait()
	if c.asked != 500 {
		t.Errorf("CacheFor was called %d times for 500 requests, want once for each", c.asked)
	}
}

// G5, G24: without a Cache nothing is sent.
func TestG24NoCacheNoRequest(t *testing.T) {
	for user, want := range map[string]error{"": bearer.ErrNoKey, "unknown": errUnknownUser} {
		c := &customers{caches: make(map[string]*bearer.Cache)}
		tr := &bearer.Transport{CacheFor: c.of, Base: roundTrip(func(req *http.Request) (*http.Response, error) {
			t.Errorf("%q: a request was sent", user)
			return answer(req, http.StatusOK, ""), nil
		})}
		body := &closeCounter{Reader: strings.NewReader("x")}
		req, _ := http.NewRequestWithContext(as(t.Context(), user), http.MethodPost, "https://api.test/", body)
		_, err := tr.RoundTrip(req)
		var te *bearer.TokenError
		if !errors.Is(err, want) || !errors.As(err, &te) {
			t.Errorf("%q: got %v, want a *TokenError with %v", user, err, want)
		}
		if user == "" && te.Temporary() {
			t.Error("ErrNoKey says that it is temporary")
		}
		if n := body.closed.Load(); n != 1 {
			t.Errorf("%q: the body was closed %d times, want once", user, n)
		}
	}
}

// A request that gets no token has no credential to choose.
func TestCacheForIsNotAskedWithoutNeed(t *testing.T) {
	c := &customers{caches: make(map[string]*bearer.Cache)}
	tr := &bearer.Transport{CacheFor: c.of, Hosts: []string{"api.test"}, Base: roundTrip(func(req *http.Request) (*http.Response, error) {
		return answer(req, http.StatusUnauthorized, ""), nil
	})}
	own, _ := http.NewRequest(http.MethodGet, "https://api.test/", nil)
	own.Header.Set("Authorization", "Basic eDp5")
	other, _ := http.NewRequest(http.MethodGet, "https://other.test/", nil)
	for _, req := range []*http.Request{own, other} {
		if _, err := tr.RoundTrip(req); err != nil {
			t.Errorf("%v: %v", req.URL, err)
		}
	}
	if c.asked != 0 {
		t.Errorf("CacheFor was called %d times, want not at all", c.asked)
	}
}

func TestSourceAndCacheFor(t *testing.T) {
	for name, tr := range map[string]*bearer.Transport{
		"are both set": {Source: new(mint), CacheFor: (&customers{}).of},
		"or CacheFor":  {},
	} {
		req, _ := http.NewRequest(http.MethodGet, "https://api.test/", nil)
		if _, err := tr.RoundTrip(req); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("got %v, want an error with %q", err, name)
		}
	}
}
