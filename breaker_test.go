package bearer_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sony/gobreaker/v2"

	"example.com/bearer"
)

// try does one refresh that ends with err, or says that it was not let through.
func try(b bearer.Breaker, err error) error {
	done, refused := b.Allow()
	if refused == nil {
		done(err)
	}
	return refused
}

var errDown = errors.New("down")

// G17: failures in a row open the breaker; a success in between does not let
// them add up.
func TestBreakerOpensOnFailuresInARow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, row := range []struct{ failures, want uint32 }{{0, 5}, {2, 2}} {
			b := &bearer.CircuitBreaker{Failures: row.failures}
			for range row.want - 1 {
				_ = try(b, errDown)
			}
			_ = try(b, nil)
			for i := range row.want {
				if err := try(b, errDown); err != nil {
					t.Fatalf("Failures %d: got %v at try %d, want it let through", row.failures, err, i)
				}
			}
			if err := try(b, nil); !errors.Is(err, bearer.ErrBreakerOpen) {
				t.Errorf("Failures %d: got %v after %d failures, want ErrBreakerOpen", row.failures, err, row.want)
			}
		}
	})
}

// G17: an endpoint that fails every other time opens it too, but not one that
// fails every third time, nor failures that are long ago.
func TestBreakerOpensOnAFailureRate(t *testing.T) {
	for _, row := range []struct {
		every  int
		pause  time.Duration
		opened bool
	}{
		{2, time.Second, true},
		{3, time.Second, false},
		{2, 20 * time.Second, false},
	} {
		synctest.Test(t, func(t *testing.T) {
			b := new(bearer.CircuitBreaker)
			opened := false
			for i := range 30 {
				var outcome error
				if i%row.every == 0 {
					outcome = errDown
				}
				opened = opened || try(b, outcome) != nil
				time.Sleep(row.pause)
			}
			if opened != row.opened {
				t.Errorf("every %d. fails, every %v: got opened %v, want %v", row.every, row.pause, opened, row.opened)
			}
		})
	}
}

// G17: after OpenFor one refresh is let through; its outcome decides.
func TestBreakerHalfOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &bearer.CircuitBreaker{Failures: 1, OpenFor: time.Minute}
		_ = try(b, errDown)
		time.Sleep(time.Minute - 1)
		if err := try(b, nil); err == nil {
			t.Error("it was let through before OpenFor had passed")
		}
		time.Sleep(time.Nanosecond)
		probe, err := b.Allow()
		if err != nil {
			t.Fatalf("got %v after OpenFor, want it let through", err)
		}
		if err := try(b, nil); !errors.Is(err, bearer.ErrBreakerOpen) {
			t.Errorf("beside the first: got %v, want ErrBreakerOpen", err)
		}
		probe(errDown)
		if err := try(b, nil); err == nil {
			t.Error("the first failed, and another one was let through")
		}
		time.Sleep(time.Minute)
		_ = try(b, nil)
		if err := try(b, nil); err != nil {
			t.Errorf("after a success: got %v, want it closed", err)
		}
	})
}

// G17: a cancelled refresh says nothing about the endpoint, not even to a
// breaker that is half open.
func TestBreakerDoesNotCountCancellation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cancelled := fmt.Errorf("wrapped: %w", context.Canceled)
		b := &bearer.CircuitBreaker{Failures: 1}
		for range 30 {
			if err := try(b, cancelled); err != nil {
				t.Fatalf("got %v, want it let through", err)
			}
		}
		_ = try(b, errDown)
		time.Sleep(31 * time.Second)
		_ = try(b, cancelled)
		if err := try(b, nil); err != nil {
			t.Errorf("half open, after a cancellation: got %v, want it let through", err)
		}
	})
}

// recorder is a Breaker that notes what it is told.
type recorder struct {
	mu   sync.Mutex
	told []error
}

func (r *recorder) Allow() (func(error), error) {
	return func(err error) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.told = append(r.told, err)
	}, nil
}

func (r *recorder) outcomes() []error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.told
}

// G17: what counts as a failure of the endpoint, and what is only the
// credential's.
func TestWhatTheBreakerIsTold(t *testing.T) {
	for _, row := range []struct {
		name  string
		token *bearer.Token
		err   error
		fails bool
	}{
		{"a token", token("t", time.Hour), nil, false},
		{"invalid_grant", nil, refused(400, "invalid_grant"), false},
		{"invalid_client", nil, refused(401, "invalid_client"), false},
		{"network", nil, errDown, true},
		{"429", nil, refused(429, ""), true},
		{"429 with a code", nil, refused(429, "access_denied"), true},
		{"503", nil, refused(503, ""), true},
		{"500 with a code", nil, refused(500, "invalid_request"), true},
		{"server_error", nil, refused(400, "server_error"), true},
		{"an HTML page with 403", nil, refused(403, ""), true},
		{"no token", nil, nil, true},
		{"a token of another type", &bearer.Token{AccessToken: "t", TokenType: "mac"}, nil, true},
	} {
		r := new(recorder)
		c := &bearer.Cache{Breaker: r, Source: bearer.SourceFunc(func(context.Context) (*bearer.Token, error) { return row.token, row.err })}
		_, _ = c.Token(t.Context())
		if told := r.outcomes(); len(told) != 1 || (told[0] != nil) != row.fails {
			t.Errorf("%s: the breaker was told %v, want one outcome, a failure: %v", row.name, told, row.fails)
		}
	}
}

// G17: done is called exactly once also when the Source panics, or does not
// return in time.
func TestBreakerIsToldOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, source := range map[string]bearer.SourceFunc{
			"panic": func(context.Context) (*bearer.Token, error) { panic("boom") },
			"hung":  func(context.Context) (*bearer.Token, error) { time.Sleep(time.Hour); return nil, errDown },
		} {
			r := new(recorder)
			c := &bearer.Cache{Breaker: r, Source: source}
			_, _ = c.Token(t.Context())
			early := len(r.outcomes())
			time.Sleep(2 * time.Hour)
			if told := r.outcomes(); early != 1 || len(told) != 1 || told[0] == nil {
				t.Errorf("%s: the breaker was told %v, %d of it in time, want one failure, in time", name, told, early)
			}
		}
	})
}

// G17: while the breaker is open callers get ErrBreakerOpen at once, with what
// opened it and the time to come back; who comes back then is served.
func TestOpenBreakerInACache(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls, down := 0, true
		b := new(bearer.CircuitBreaker)
		c := &bearer.Cache{Breaker: b, Source: bearer.SourceFunc(func(context.Context) (*bearer.Token, error) {
			if calls++; down {
				return nil, errDown
			}
			return token("t", time.Hour), nil
		})}
		var err error
		for range 100 {
			_, err = c.Token(t.Context())
		}
		var te *bearer.TokenError
		if !errors.As(err, &te) || !errors.Is(err, bearer.ErrBreakerOpen) || !errors.Is(err, errDown) || calls != 5 {
			t.Fatalf("got %v after %d calls, want ErrBreakerOpen with the failure after 5", err, calls)
		}
		if te.RetryAfter < 29*time.Second || te.RetryAfter > 31*time.Second {
			t.Errorf("got RetryAfter %v, want 30s", te.RetryAfter)
		}
		if want := "bearer: no token: circuit breaker is open after: down (try again in 30s)"; te.Error() != want {
			t.Errorf("got %q, want %q", te.Error(), want)
		}
		time.Sleep(te.RetryAfter)
		probe, err := b.Allow() // another Cache is first
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Token(t.Context()); err == nil || err.Error() != "bearer: no token: circuit breaker is open after: down (try again in 100ms)" {
			t.Errorf("half open: got %v, want the same, to come back soon", err)
		}
		probe(context.Canceled)
		time.Sleep(100 * time.Millisecond)
		down = false
		if _, err := c.Token(t.Context()); err != nil {
			t.Errorf("after RetryAfter: got %v, want a token", err)
		}
	})
}

// G17: a valid token is served while the breaker is open.
func TestOpenBreakerAndAValidToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &bearer.CircuitBreaker{Failures: 1, OpenFor: time.Hour}
		m := &mint{lifetime: 10 * time.Minute}
		c := &bearer.Cache{Source: m, Breaker: b}
		_, _ = c.Token(t.Context())
		_ = try(b, errDown)
		for range 599 {
			if _, err := c.Token(t.Context()); err != nil {
				t.Fatalf("got %v, want the valid token", err)
			}
			time.Sleep(time.Second)
		}
		if n := m.calls.Load(); n != 1 {
			t.Errorf("got %d calls, want 1", n)
		}
	})
}

// G9, G17: failures behind a valid token open the breaker, but an endpoint that
// is well again when the token expires is asked: nobody fails.
func TestOpenBreakerWhenTheTokenExpires(t *testing.T) {
	for _, row := range []struct {
		name  string
		again time.Duration // when the endpoint is well again; the token expires after 3 s
		takes time.Duration // to fail
		b     bearer.Breaker
	}{
		{"own", 2800 * time.Millisecond, 0, nil},
		{"own, at the last moment", 2999 * time.Millisecond, 0, nil},
		{"own, opening late", 2950 * time.Millisecond, 10 * time.Millisecond, nil},
		{"own, opening later", 2950 * time.Millisecond, 20 * time.Millisecond, nil},
		{"own, opening last", 2950 * time.Millisecond, 30 * time.Millisecond, nil},
		{"shared", 2800 * time.Millisecond, 0, new(bearer.CircuitBreaker)},
		{"shared, at the last moment", 2999 * time.Millisecond, 0, new(bearer.CircuitBreaker)},
	} {
		synctest.Test(t, func(t *testing.T) {
			var down, opened atomic.Bool
			c := &bearer.Cache{
				Breaker:       row.b,
				RefreshBefore: time.Second,
				Hooks: &bearer.Hooks{BreakerChanged: func(_ context.Context, e bearer.Event) {
					if e.To == "open" {
						opened.Store(true)
					}
				}},
				Source: bearer.SourceFunc(func(context.Context) (*bearer.Token, error) {
					if down.Load() {
						time.Sleep(row.takes)
						return nil, errDown
					}
					return token("t", 3*time.Second), nil
				}),
			}
			start := time.Now()
			for time.Since(start) < 4*time.Second {
				since := time.Since(start)
				down.Store(since > 2*time.Second && since < row.again)
				if _, err := c.Token(t.Context()); err != nil {
					t.Fatalf("%s: after %v: %v", row.name, since, err)
				}
				time.Sleep(10 * time.Millisecond)
			}
			if !opened.Load() && row.takes == 0 {
				t.Errorf("%s: the breaker did not open", row.name)
			}
		})
	}
}

// G17: a shared breaker stays open for OpenFor, whenever the tokens expire of
// those who are refused meanwhile.
func TestSharedBreakerStaysOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := new(bearer.CircuitBreaker)
		calls := 0
		var caches []*bearer.Cache
		for i := range 600 {
			c := &bearer.Cache{Breaker: b, Source: bearer.SourceFunc(func(context.Context) (*bearer.Token, error) { calls++; return nil, errDown })}
			if err := c.Set(t.Context(), token("t", time.Duration(600+i)*time.Second)); err != nil {
				t.Fatal(err)
			}
			caches = append(caches, c)
		}
		for range 900 { // in the windows, and beyond the expiry of half of them
			for _, c := range caches {
				_, _ = c.Token(t.Context())
			}
			time.Sleep(time.Second)
		}
		if calls > 40 {
			t.Errorf("got %d calls to an endpoint that is down for 500 s, want some 20: one for each 30 s", calls)
		}
	})
}

// One breaker stands before one endpoint: many Caches learn from one.
func TestSharedBreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := new(bearer.CircuitBreaker)
		calls := 0
		source := bearer.SourceFunc(func(context.Context) (*bearer.Token, error) { calls++; return nil, errDown })
		var err error
		for range 50 {
			_, err = (&bearer.Cache{Source: source, Breaker: b}).Token(t.Context())
		}
		if calls != 5 || !errors.Is(err, bearer.ErrBreakerOpen) {
			t.Errorf("got %d calls and %v, want 5 and ErrBreakerOpen", calls, err)
		}
		if want := "bearer: no token: circuit breaker is open (try again in 30s)"; err.Error() != want {
			t.Errorf("got %q, want %q", err, want)
		}
	})
}

// shut is a Breaker that does not say when it opens.
type shut struct{}

func (shut) Allow() (func(error), error) { return nil, errors.New("shut") }

// G17: a breaker that does not say when to come back does not have every
// request begin a refresh.
func TestBreakerWithoutATimeToComeBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		told := 0
		c := &bearer.Cache{
			Breaker: shut{},
			Source:  new(mint),
			Hooks:   &bearer.Hooks{RefreshFailed: func(context.Context, bearer.Event) { told++ }},
		}
		for range 1000 {
			if _, err := c.Token(t.Context()); !errors.Is(err, bearer.ErrBreakerOpen) {
				t.Fatalf("got %v, want ErrBreakerOpen", err)
			}
			time.Sleep(time.Millisecond)
		}
		if told > 10 {
			t.Errorf("got %d refreshes begun within a second, want 10", told)
		}
	})
}

// A breaker of gobreaker is one as it is, and NoBreaker is none.
func TestOtherBreakers(t *testing.T) {
	for _, row := range []struct {
		breaker bearer.Breaker
		want    int
	}{
		{gobreaker.NewTwoStepCircuitBreaker[any](gobreaker.Settings{}), 6},
		{bearer.NoBreaker, 20},
	} {
		synctest.Test(t, func(t *testing.T) {
			calls := 0
			c := &bearer.Cache{Breaker: row.breaker, Source: bearer.SourceFunc(func(context.Context) (*bearer.Token, error) { calls++; return nil, errDown })}
			var err error
			for range 20 {
				_, err = c.Token(t.Context())
			}
			if open := errors.Is(err, bearer.ErrBreakerOpen); calls != row.want || open != (row.want < 20) {
				t.Errorf("%T: got %d calls and %v, want %d", row.breaker, calls, err, row.want)
			}
		})
	}
}

// G17: BreakerChanged is told each change, and not under a lock: it may use
// the Cache.
func TestBreakerChanged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var changes []string
		down := true
		c := &bearer.Cache{Source: bearer.SourceFunc(func(context.Context) (*bearer.Token, error) {
			if down {
				return nil, errDown
			}
			return token("t", time.Second), nil
		})}
		c.Hooks = &bearer.Hooks{BreakerChanged: func(ctx context.Context, e bearer.Event) {
			changes = append(changes, e.From+" "+e.To)
			if err := c.Set(ctx, token("from-the-hook", time.Second)); err != nil {
				t.Error(err)
			}
			if _, err := c.Token(ctx); err != nil {
				t.Error(err)
			}
		}}
		for range 5 {
			_, _ = c.Token(t.Context())
		}
		time.Sleep(time.Minute)
		down = false
		_, _ = c.Token(t.Context())
		if want := []string{"closed open", "open half-open", "half-open closed"}; !slices.Equal(changes, want) {
			t.Errorf("got %q, want %q", changes, want)
		}
	})
}
