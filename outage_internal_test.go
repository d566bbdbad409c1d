package bearer

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"example.com/bearer/internal/instant"
)

// defaults are the limits of a Cache with default values.
var defaults = limits{retryFor: defaultRetryFor, openFor: longestPause}

// enterFor asks for a turn, and fails the test if there is none.
func enterFor(t *testing.T, o *outage, patience time.Duration) turn {
	t.Helper()
	got, err := o.enter(t.Context(), patience)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// G17: a healthy endpoint admits all callers at once; after a failure one at a
// time, with growing pauses, and the last trial within the span comes at its
// end.
func TestOutageSchedule(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := new(outage)
		for range 3 {
			if got := enterFor(t, o, 0); got.trial {
				t.Error("a healthy endpoint: got a trial")
			}
		}
		start := time.Now()
		o.leave(turn{}, defaults, errTest)
		var last time.Duration
		for n := 1; !o.outlook().open; n++ {
			if got := enterFor(t, o, time.Minute); !got.trial {
				t.Fatal("after a failure: got no trial")
			}
			at := time.Since(start)
			if pause, most := at-last, min(100*time.Millisecond<<(n-1), 800*time.Millisecond); pause > most || pause < most*3/4 && at != 5*time.Second {
				t.Errorf("trial %d: got a pause of %v, want %v less a quarter at most", n, pause, most)
			}
			last = at
			o.leave(turn{trial: true}, defaults, errTest)
		}
		if last != 5*time.Second {
			t.Errorf("got the last trial before it opened after %v, want 5s", last)
		}
		if _, err := o.enter(t.Context(), time.Minute); err != ErrBreakerOpen || time.Since(start) != last {
			t.Errorf("open: got %v after %v, want ErrBreakerOpen at once", err, time.Since(start)-last)
		}
		for range 20 {
			if _, err := o.enter(t.Context(), 0); err != ErrBreakerOpen {
				t.Fatalf("in the pause: got %v, want ErrBreakerOpen", err)
			}
			pause, most := o.outlook().trial.Until(instant.Now()), min(max(time.Second, time.Since(start)/4), 30*time.Second)
			if pause > most || pause < most*3/4 {
				t.Errorf("open for %v: got a pause of %v, want %v less a quarter at most", time.Since(start), pause, most)
			}
			time.Sleep(pause)
			o.leave(enterFor(t, o, 0), defaults, errTest)
		}
		time.Sleep(30 * time.Second)
		o.leave(enterFor(t, o, 0), defaults, nil)
		if got := enterFor(t, o, 0); got.trial || o.outlook().open {
			t.Error("after a success: got a trial, want a healthy endpoint")
		}
	})
}

// G17: waiters go on when the trial of another succeeds, take their turn when
// it fails, and leave when their patience or their context ends.
func TestOutageWaiters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := new(outage)
		o.leave(turn{}, defaults, errTest)
		trial := enterFor(t, o, time.Second)
		start := time.Now()
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() {
				if got, err := o.enter(t.Context(), 4*time.Second); err != nil || got.trial || time.Since(start) != 2*time.Second {
					t.Errorf("got %v and %v after %v, want a turn when the trial has succeeded", got, err, time.Since(start))
				}
			})
		}
		wg.Go(func() {
			if _, err := o.enter(t.Context(), time.Second); err != ErrBreakerOpen || time.Since(start) != time.Second {
				t.Errorf("less patience: got %v after %v, want ErrBreakerOpen after 1s", err, time.Since(start))
			}
		})
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
			defer cancel()
			if _, err := o.enter(ctx, time.Minute); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != 500*time.Millisecond {
				t.Errorf("a context that ends: got %v after %v, want its error after 500ms", err, time.Since(start))
			}
		})
		time.Sleep(2 * time.Second)
		o.leave(trial, defaults, nil)
		wg.Wait()
	})
}

// G17: one waiter makes the next trial when the first has failed; a cancelled
// one passes its turn on and says nothing about the endpoint.
func TestOutageTrialsPassOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := new(outage)
		o.leave(turn{}, defaults, errTest)
		trial := enterFor(t, o, time.Second)
		var wg sync.WaitGroup
		var mu sync.Mutex // guards trials
		trials := 0
		for range 10 {
			wg.Go(func() {
				got, err := o.enter(t.Context(), 4*time.Second)
				if err != nil {
					t.Errorf("got %v, want a turn", err)
					return
				}
				if !got.trial {
					return
				}
				mu.Lock()
				trials++
				n := trials
				mu.Unlock()
				time.Sleep(100 * time.Millisecond)
				switch n {
				case 1:
					o.leave(got, defaults, context.Canceled)
				case 2:
					o.leave(got, defaults, errTest)
				default:
					o.leave(got, defaults, nil)
				}
			})
		}
		o.leave(trial, defaults, errTest)
		wg.Wait()
		if trials != 3 {
			t.Errorf("got %d trials, want 3: cancelled, failed, and one that succeeds for all", trials)
		}
	})
}

// G17: a request that began before the outage adds nothing to it when it fails,
// and ends it when it succeeds. A long gap begins a new outage.
func TestOutageAndEarlierRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := new(outage)
		early, other := enterFor(t, o, 0), enterFor(t, o, 0)
		o.leave(enterFor(t, o, 0), defaults, errTest)
		next := o.outlook().trial
		time.Sleep(10 * time.Millisecond)
		o.leave(early, defaults, errTest)
		if got := o.outlook().trial; got != next {
			t.Error("an earlier request's failure changed the schedule")
		}
		o.leave(other, defaults, nil)
		if got := enterFor(t, o, 0); got.trial {
			t.Error("an earlier request's success did not end the outage")
		}

		o.leave(turn{}, defaults, errTest)
		time.Sleep(time.Second)
		o.leave(enterFor(t, o, 0), defaults, errTest)
		time.Sleep(defaults.openFor + defaults.retryFor + time.Second)
		o.leave(enterFor(t, o, 0), defaults, errTest)
		if o.outlook().open {
			t.Error("after a gap: the outage goes on, want a new one")
		}
	})
}

// G9, G17: an open breaker is tried when the token expires, before callers are
// refused.
func TestOutageAndAnExpiry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := new(outage)
		o.leave(turn{}, defaults, errTest)
		time.Sleep(20 * time.Second)
		l := defaults
		l.expiry = func() time.Duration { return 700 * time.Millisecond }
		o.leave(enterFor(t, o, 0), l, errTest)
		if wait := o.outlook().trial.Until(instant.Now()); wait != 700*time.Millisecond {
			t.Errorf("got the next trial in %v, want it at the expiry", wait)
		}
	})
}
