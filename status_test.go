package bearer_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"example.com/bearer"
)

// Status through the life of a credential, and that asking for it makes no
// request and changes nothing.
func TestStatus(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := new(failing)
		down, busy := false, refused(503, "temporarily_unavailable") // which does not spend the refresh token
		a := askedBy(func(n int, _ string) (*bearer.Token, error) {
			if down {
				return nil, busy
			}
			return userToken("canary-access", "canary-refresh", time.Hour), nil
		})
		c := &bearer.Cache{Source: a, Store: s, Key: "k"}
		check := func(when string, want bearer.Status) bearer.Status {
			t.Helper()
			calls := a.calls()
			got := c.Status()
			if a.calls() != calls {
				t.Errorf("%s: Status made a request", when)
			}
			if got.Valid != want.Valid || !got.Expiry.Equal(want.Expiry) || (got.LastError == nil) != (want.LastError == nil) ||
				!errors.Is(got.LastError, want.LastError) && want.LastError != nil || got.Unsaved != want.Unsaved || got.Breaker != want.Breaker || got.DroppedEvents != want.DroppedEvents {
				t.Errorf("%s: got %+v, want %+v", when, got, want)
			}
			if lead := want.NextRefresh.Sub(got.NextRefresh); lead < 0 || lead > 70*time.Second || got.NextRefresh.IsZero() != want.NextRefresh.IsZero() {
				t.Errorf("%s: got the next refresh at %v, want %v or up to a minute before", when, got.NextRefresh, want.NextRefresh)
			}
			if text := fmt.Sprintf("%+v", got); strings.Contains(text, "canary") {
				t.Errorf("%s: a secret is shown: %s", when, text)
			}
			return got
		}

		check("empty", bearer.Status{NextRefresh: time.Now(), Breaker: "closed"})

		s.put.Store(true)
		expiry := mustToken(t, c).Expiry
		fresh := bearer.Status{Valid: true, Expiry: expiry, NextRefresh: expiry.Add(-4 * time.Minute), Breaker: "closed"}
		unsaved := fresh
		unsaved.Unsaved = true
		check("fresh, unsaved", unsaved)
		s.put.Store(false)
		time.Sleep(time.Second)
		mustToken(t, c)
		synctest.Wait()
		check("fresh", fresh)

		down = true
		time.Sleep(57 * time.Minute)
		mustToken(t, c)
		synctest.Wait()
		failed := fresh
		failed.LastError, failed.NextRefresh = busy, time.Now().Add(time.Second)
		check("stale, a refresh failed", failed)

		time.Sleep(2 * time.Minute)
		mustToken(t, c)
		synctest.Wait()
		time.Sleep(time.Minute)
		if _, err := c.Token(t.Context()); err == nil {
			t.Fatal("got a token from an endpoint that is down")
		}
		time.Sleep(10 * time.Millisecond)
		got := check("expired, the breaker open", bearer.Status{Expiry: expiry, NextRefresh: c.Status().NextRefresh, LastError: bearer.ErrBreakerOpen, Breaker: "open"})
		if wait := time.Until(got.NextRefresh); wait <= 0 || wait > 30*time.Second || !errors.Is(got.LastError, busy) {
			t.Errorf("the breaker open: got the next refresh in %v after %v, want it within 30s, and what opened it", wait, got.LastError)
		}
		calls := a.calls()
		time.Sleep(time.Until(got.NextRefresh) - time.Millisecond)
		_, _ = c.Token(t.Context())
		if a.calls() != calls {
			t.Error("Token made a request before the time that Status named")
		}
		down = false
		time.Sleep(time.Millisecond)
		mustToken(t, c)
		if got := c.Status(); got.Breaker != "closed" || !got.Valid || got.LastError != nil {
			t.Errorf("after a success: got %+v, want a valid token, no error and a closed breaker", got)
		}

		if err := c.Delete(t.Context()); err != nil {
			t.Fatal(err)
		}
		check("deleted", bearer.Status{NextRefresh: time.Now(), Breaker: "closed"})
	})
}

// The breaker as Status shows it: open in the pause, half-open during a trial.
// Without a CircuitBreaker there is nothing to show.
func TestStatusOfTheBreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := new(bearer.CircuitBreaker)
		c := &bearer.Cache{Source: bearer.SourceFunc(func(context.Context) (*bearer.Token, error) {
			time.Sleep(time.Second)
			return nil, errDown
		}), Breaker: b}
		want := func(when, state string) {
			t.Helper()
			if got := c.Status().Breaker; got != state {
				t.Errorf("%s: got %q, want %q", when, got, state)
			}
		}
		_ = try(b, errDown)
		want("a first failure", "closed")
		failFor(b, 5*time.Second)
		time.Sleep(10 * time.Millisecond)
		want("failures for 5 s", "open")
		time.Sleep(2 * time.Second)
		want("the pause over", "open")
		done := make(chan struct{})
		go func() { defer close(done); _, _ = c.Token(t.Context()) }()
		time.Sleep(500 * time.Millisecond)
		want("a trial", "half-open")
		<-done
		want("the trial failed", "open")
		time.Sleep(time.Minute)
		_ = try(b, nil)
		want("a success", "closed")

		for _, b := range []bearer.Breaker{bearer.NoBreaker, new(recorder), (*bearer.CircuitBreaker)(nil)} {
			if got := (&bearer.Cache{Breaker: b}).Status().Breaker; got != "" {
				t.Errorf("%T: got %q, want nothing", b, got)
			}
		}
	})
}

// NextRefresh is zero when none comes by itself.
func TestStatusWithoutANextRefresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &mint{} // its tokens do not expire
		down := false
		c := &bearer.Cache{RetryFor: -1, Source: bearer.SourceFunc(func(ctx context.Context) (*bearer.Token, error) {
			if down {
				return nil, errDown
			}
			return m.Token(ctx)
		})}
		mustToken(t, c)
		if got := c.Status(); !got.Valid || !got.Expiry.IsZero() || !got.NextRefresh.IsZero() {
			t.Errorf("a token that does not expire: got %+v, want no next refresh", got)
		}
		down = true
		_, _ = c.Renew(t.Context(), nil)
		if got := c.Status(); !got.Valid || got.LastError == nil || !got.NextRefresh.IsZero() {
			t.Errorf("after a failed renewal: got %+v, want an error and no next refresh", got)
		}

		dead := &bearer.Cache{Source: new(rotor)}
		if err := dead.Set(t.Context(), &bearer.Token{RefreshToken: "dead"}); err != nil {
			t.Fatal(err)
		}
		_, _ = dead.Token(t.Context())
		if got := dead.Status(); got.Valid || !errors.Is(got.LastError, bearer.ErrLoginRequired) || !got.NextRefresh.IsZero() {
			t.Errorf("a dead login: got %+v, want ErrLoginRequired and no next refresh", got)
		}
	})
}

// A paused refusal of one Cache is not prolonged by the outage of the others
// that share its breaker.
func TestStatusAfterARefusal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := new(bearer.CircuitBreaker)
		c := &bearer.Cache{Breaker: b, Source: bearer.SourceFunc(func(context.Context) (*bearer.Token, error) { return nil, refused(401, "invalid_client") })}
		_, _ = c.Token(t.Context())
		failFor(b, 5*time.Second)
		if got := c.Status(); got.NextRefresh.After(time.Now()) {
			t.Errorf("got the next refresh in %v, want it now: the refusal's pause is over", time.Until(got.NextRefresh))
		}
	})
}
