package bearer_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
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

// failFor has one try after another fail at b for the time given, one each
// 500 ms.
func failFor(b bearer.Breaker, d time.Duration) {
	for start := time.Now(); ; time.Sleep(500 * time.Millisecond) {
		_ = try(b, errDown)
		if time.Since(start) >= d {
			return
		}
	}
}

// G17: failures in a row that span RetryFor open the breaker, however many they
// are; a success in between begins anew, and so does a long gap.
func TestBreakerOpensAfterASpanOfFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := new(bearer.CircuitBreaker)
		for range 100 {
			if err := try(b, errDown); err != nil {
				t.Fatalf("failures at one moment: got %v, want it closed", err)
			}
		}
		time.Sleep(4900 * time.Millisecond)
		_ = try(b, nil)
		failFor(b, 4500*time.Millisecond)
		if err := try(b, errDown); err != nil {
			t.Fatalf("failures for 4.5 s, after a success: got %v, want it closed", err)
		}
		time.Sleep(36 * time.Second)
		failFor(b, 4500*time.Millisecond)
		if err := try(b, errDown); err != nil {
			t.Fatalf("failures for 4.5 s, after a gap: got %v, want it closed", err)
		}
		time.Sleep(500 * time.Millisecond)
		_ = try(b, errDown)
		if err := try(b, nil); !errors.Is(err, bearer.ErrBreakerOpen) {
			t.Errorf("failures for 5 s: got %v, want ErrBreakerOpen", err)
		}
	})
}

// G17: after a first failure the breaker admits one trial at a time, also while
// it is closed.
func TestBreakerAdmitsOneTrialAtATime(t *testing.T) {
	b := new(bearer.CircuitBreaker)
	first, _ := b.Allow()
	second, err := b.Allow()
	if err != nil {
		t.Fatalf("a healthy endpoint: got %v for a second request, want it let through", err)
	}
	first(errDown)
	second(errDown)
	trial, err := b.Allow()
	if err != nil {
		t.Fatalf("after a failure: got %v, want a trial", err)
	}
	if _, err := b.Allow(); !errors.Is(err, bearer.ErrBreakerOpen) {
		t.Errorf("beside a trial: got %v, want ErrBreakerOpen", err)
	}
	trial(nil)
	for range 2 {
		if _, err := b.Allow(); err != nil {
			t.Errorf("after a success: got %v, want it let through", err)
		}
	}
}

// G17: the open breaker lets one trial through when a quarter of the outage has
// passed, at most OpenFor; its outcome decides.
func TestBreakerHalfOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &bearer.CircuitBreaker{OpenFor: 10 * time.Second}
		start := time.Now()
		failFor(b, 5*time.Second)
		for last := time.Now(); time.Since(start) < 5*time.Minute; {
			time.Sleep(10 * time.Millisecond)
			probe, err := b.Allow()
			if err != nil {
				continue
			}
			quarter := min(max(time.Second, last.Sub(start)/4), 10*time.Second)
			if open := time.Since(last); open < quarter*3/4 || open > quarter+10*time.Millisecond {
				t.Fatalf("%v after the beginning: got it open for %v, want about %v", last.Sub(start), open, quarter)
			}
			if err := try(b, nil); !errors.Is(err, bearer.ErrBreakerOpen) {
				t.Fatalf("beside the probe: got %v, want ErrBreakerOpen", err)
			}
			probe(errDown)
			last = time.Now()
		}
		time.Sleep(10 * time.Second)
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
		b := &bearer.CircuitBreaker{}
		for range 30 {
			if err := try(b, cancelled); err != nil {
				t.Fatalf("got %v, want it let through", err)
			}
			time.Sleep(time.Second)
		}
		failFor(b, 5*time.Second)
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
		{"408", nil, refused(408, ""), true},
		{"server_error with 400", nil, refused(400, "server_error"), false},
		{"an unknown code", nil, refused(400, "user_is_locked"), false},
		{"an HTML page with 403", nil, refused(403, ""), false},
		{"no token", nil, nil, false},
		{"a token of another type", &bearer.Token{AccessToken: "t", TokenType: "mac"}, nil, false},
	} {
		synctest.Test(t, func(t *testing.T) {
			r := new(recorder)
			c := &bearer.Cache{Breaker: r, Source: bearer.SourceFunc(func(context.Context) (*bearer.Token, error) { return row.token, row.err })}
			_, _ = c.Token(t.Context())
			if told := r.outcomes(); len(told) != 1 || (told[0] != nil) != row.fails {
				t.Errorf("%s: the breaker was told %v, want one outcome, a failure: %v", row.name, told, row.fails)
			}
		})
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
// opened it and the time to come back; a caller that comes back then is served.
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
		start := time.Now()
		_, _ = c.Token(t.Context())
		if took := time.Since(start); took != 5*time.Second {
			t.Errorf("got the failure after %v, want the repeats of 5s", took)
		}
		before := calls
		var err error
		for range 100 {
			_, err = c.Token(t.Context())
		}
		var te *bearer.TokenError
		if !errors.As(err, &te) || !errors.Is(err, bearer.ErrBreakerOpen) || !errors.Is(err, errDown) || calls != before || time.Since(start) != 5*time.Second {
			t.Fatalf("got %v after %d more calls, want ErrBreakerOpen with the failure at once, after none", err, calls-before)
		}
		if te.RetryAfter < 900*time.Millisecond || te.RetryAfter > 1250*time.Millisecond {
			t.Errorf("got RetryAfter %v, want a quarter of the outage", te.RetryAfter)
		}
		if want := "bearer: no token: circuit breaker is open after: down (try again in "; !strings.HasPrefix(te.Error(), want) {
			t.Errorf("got %q, want %q", te.Error(), want)
		}
		time.Sleep(te.RetryAfter)
		probe, err := b.Allow() // another Cache is first
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Token(t.Context()); err == nil || err.Error() != "bearer: no token: circuit breaker is open after: down" {
			t.Errorf("half open: got %v, want the same failure", err)
		}
		probe(context.Canceled)
		down = false
		if _, err := c.Token(t.Context()); err != nil {
			t.Errorf("after RetryAfter: got %v, want a token", err)
		}
	})
}

// G17: a valid token is served while the breaker is open.
func TestOpenBreakerAndAValidToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &bearer.CircuitBreaker{OpenFor: time.Hour}
		m := &mint{lifetime: 20 * time.Minute}
		c := &bearer.Cache{Source: m, Breaker: b}
		_, _ = c.Token(t.Context())
		for range 1199 {
			_ = try(b, errDown) // as another Cache that shares b
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

// G9, G17: failures in the background open the breaker, but an endpoint that has
// recovered when the token expires is asked, and no caller fails.
func TestOpenBreakerWhenTheTokenExpires(t *testing.T) {
	for _, row := range []struct {
		name  string
		again time.Duration // when the endpoint recovers; the token expires after a minute
		b     bearer.Breaker
	}{
		{"own", 55 * time.Second, nil},
		{"own, at the last moment", time.Minute - 1, nil},
		{"a CircuitBreaker", 55 * time.Second, new(bearer.CircuitBreaker)},
		{"a CircuitBreaker, at the last moment", time.Minute - 1, new(bearer.CircuitBreaker)},
	} {
		synctest.Test(t, func(t *testing.T) {
			var down, opened atomic.Bool
			c := &bearer.Cache{
				Breaker: row.b,
				Hooks: &bearer.Hooks{BreakerChanged: func(_ context.Context, e bearer.Event) {
					if e.To == "open" {
						opened.Store(true)
					}
				}},
				Source: bearer.SourceFunc(func(context.Context) (*bearer.Token, error) {
					if down.Load() {
						return nil, errDown
					}
					return token("t", time.Minute), nil
				}),
			}
			start := time.Now()
			for time.Since(start) < 80*time.Second {
				since := time.Since(start)
				down.Store(since > time.Second && since < row.again)
				if _, err := c.Token(t.Context()); err != nil {
					t.Fatalf("%s: after %v: %v", row.name, since, err)
				}
				time.Sleep(10 * time.Millisecond)
			}
			if !opened.Load() {
				t.Errorf("%s: the breaker did not open", row.name)
			}
		})
	}
}

// G17: a shared breaker stays open for OpenFor, no matter when the tokens of
// the refused Caches expire.
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
		if calls > 60 {
			t.Errorf("got %d calls to an endpoint that is down for 600 s, want some 40: one for each 30 s at last", calls)
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
		if calls > 15 || !errors.Is(err, bearer.ErrBreakerOpen) {
			t.Errorf("got %d calls and %v, want those of the first Cache and ErrBreakerOpen", calls, err)
		}
		if want := "bearer: no token: circuit breaker is open (try again in "; !strings.HasPrefix(err.Error(), want) {
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
		synctest.Wait()
		if told > 10 {
			t.Errorf("got %d refreshes begun within a second, want 10", told)
		}
	})
}

// G17: a foreign Breaker sees one event per refresh, repeats included: a
// breaker of gobreaker opens after as many refreshes as it says, and NoBreaker
// never does.
func TestOtherBreakers(t *testing.T) {
	for _, row := range []struct {
		breaker bearer.Breaker
		opens   bool
	}{
		{gobreaker.NewTwoStepCircuitBreaker[any](gobreaker.Settings{Timeout: time.Hour}), true},
		{bearer.NoBreaker, false},
	} {
		synctest.Test(t, func(t *testing.T) {
			failures := 0
			c := &bearer.Cache{Breaker: row.breaker, Source: bearer.SourceFunc(func(context.Context) (*bearer.Token, error) { return nil, errDown })}
			var err error
			for range 60 {
				if _, err = c.Token(t.Context()); !errors.Is(err, bearer.ErrBreakerOpen) {
					failures++
				}
				time.Sleep(30 * time.Second)
			}
			if want := map[bool]int{true: 6, false: 60}[row.opens]; failures != want || errors.Is(err, bearer.ErrBreakerOpen) != row.opens {
				t.Errorf("%T: got %d failures and then %v, want %d", row.breaker, failures, err, want)
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
		_, _ = c.Token(t.Context())
		time.Sleep(time.Minute)
		down = false
		_, _ = c.Token(t.Context())
		synctest.Wait()
		if want := []string{"closed open", "open half-open", "half-open closed"}; !slices.Equal(changes, want) {
			t.Errorf("got %q, want %q", changes, want)
		}
	})
}
