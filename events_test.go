package bearer_test

import (
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"example.com/bearer"
)

// G13: hooks and the Logger are told after the flight has landed: callers wait
// neither for a slow one nor for one that hangs.
func TestHooksDoNotDelayCallers(t *testing.T) {
	for name, pause := range map[string]time.Duration{"slow": 10 * time.Second, "hangs": 100 * time.Hour} {
		for _, logger := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				c := &bearer.Cache{Source: &mint{lifetime: time.Hour, takes: time.Second}}
				if logger {
					c.Logger = slog.New(handler(func() { time.Sleep(pause) }))
				} else {
					c.Hooks = &bearer.Hooks{TokenRefreshed: func(context.Context, bearer.Event) { time.Sleep(pause) }}
				}
				start := time.Now()
				var wg sync.WaitGroup
				for range 100 {
					wg.Go(func() {
						if _, err := c.Token(t.Context()); err != nil || time.Since(start) != time.Second {
							t.Errorf("%s, logger %v: got %v after %v, want the token after 1s", name, logger, err, time.Since(start))
						}
					})
				}
				wg.Wait()
				if _, err := c.Renew(t.Context(), nil); err != nil || time.Since(start) > 2100*time.Millisecond {
					t.Errorf("%s, logger %v: Renew: got %v after %v, want a token after 1s more", name, logger, err, time.Since(start))
				}
				time.Sleep(200 * time.Hour)
			})
		}
	}
}

// handler is a slog.Handler that calls a function for each record.
type handler func()

func (h handler) Enabled(context.Context, slog.Level) bool  { return true }
func (h handler) Handle(context.Context, slog.Record) error { h(); return nil }
func (h handler) WithAttrs([]slog.Attr) slog.Handler        { return h }
func (h handler) WithGroup(string) slog.Handler             { return h }

// brokenError is an error whose text cannot be had.
type brokenError struct{}

func (*brokenError) Error() string { panic("no text") }

// G13: a log handler that panics, and an error whose text does, harm neither
// callers nor the process nor the hooks.
func TestPanicsOnTheWayToTheLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, row := range map[string]struct {
			handler func()
			err     error
		}{
			"handler panics":    {func() { panic("boom") }, errDown},
			"handler exits":     {runtime.Goexit, errDown},
			"error text panics": {func() {}, new(brokenError)},
		} {
			told := make(chan bearer.Event, 10)
			failed := false
			c := &bearer.Cache{
				RetryFor: -1,
				Logger:   slog.New(handler(row.handler)),
				Hooks: &bearer.Hooks{
					RefreshFailed:  func(_ context.Context, e bearer.Event) { told <- e },
					TokenRefreshed: func(_ context.Context, e bearer.Event) { told <- e },
				},
				Source: bearer.SourceFunc(func(context.Context) (*bearer.Token, error) {
					if !failed {
						failed = true
						return nil, row.err
					}
					return token("t", time.Hour), nil
				}),
			}
			if _, err := c.Token(t.Context()); err == nil {
				t.Errorf("%s: got a token, want the failure", name)
			}
			time.Sleep(time.Minute)
			mustToken(t, c)
			synctest.Wait()
			if want := map[bool]int{false: 2, true: 0}[name == "handler exits"]; len(told) != want {
				t.Errorf("%s: got %d hooks called, want %d", name, len(told), want)
			}
		}
	})
}

// G13: a hook that calls Token waits for the token as any caller does.
func TestHookThatWaitsForAToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c *bearer.Cache
		m := &mint{lifetime: time.Minute, takes: time.Second}
		down := true
		got := make(chan error, 10)
		c = &bearer.Cache{
			RetryFor: -1,
			Source: bearer.SourceFunc(func(ctx context.Context) (*bearer.Token, error) {
				if down {
					down = false
					return nil, errDown
				}
				return m.Token(ctx)
			}),
			Hooks: &bearer.Hooks{RefreshFailed: func(ctx context.Context, _ bearer.Event) {
				time.Sleep(time.Second)
				_, err := c.Token(ctx)
				got <- err
			}},
		}
		if _, err := c.Token(t.Context()); err == nil {
			t.Fatal("got a token from an endpoint that is down")
		}
		start := time.Now()
		if err := <-got; err != nil || time.Since(start) != 2*time.Second {
			t.Errorf("the hook got %v after %v, want the token after 2s", err, time.Since(start))
		}
	})
}

// Hooks are told in the order of the events, one after another, though the
// events come from many goroutines; those that find the queue full are dropped
// and counted.
func TestHooksAreToldInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const renewals = 300
		var told []time.Time
		var under atomic.Int32
		hang := make(chan struct{})
		c := &bearer.Cache{Source: bearer.SourceFunc(func(context.Context) (*bearer.Token, error) {
			return token(fmt.Sprint("t", time.Now().UnixNano()), time.Hour), nil
		})}
		c.Hooks = &bearer.Hooks{TokenRefreshed: func(_ context.Context, e bearer.Event) {
			if under.Add(1) > 1 {
				t.Error("two hooks run at a time")
			}
			<-hang
			told = append(told, e.Expiry)
			under.Add(-1)
		}}
		var want []time.Time
		for range renewals {
			got, err := c.Renew(t.Context(), nil)
			if err != nil {
				t.Fatal(err)
			}
			c.Accepted(got)
			want = append(want, got.Expiry)
			time.Sleep(time.Millisecond)
		}
		dropped := c.Status().DroppedEvents
		if dropped != renewals-129 { // one is being told, and 128 wait
			t.Errorf("got %d events dropped, want %d", dropped, renewals-129)
		}
		close(hang)
		synctest.Wait()
		if !slices.EqualFunc(told, want[:129], time.Time.Equal) {
			t.Errorf("got %d events told, in order: %v; want the first 129", len(told), slices.IsSortedFunc(told, time.Time.Compare))
		}
		if _, err := c.Renew(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if len(told) != 130 || c.Status().DroppedEvents != dropped {
			t.Errorf("afterwards: got %d events told and %d dropped, want 130 and %d", len(told), c.Status().DroppedEvents, dropped)
		}
	})
}
