package bearer_test

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"example.com/bearer"
)

// diary is Hooks that note which was called, with the Event's set fields.
type diary struct {
	mu     sync.Mutex
	events []string
	full   []bearer.Event
}

func (d *diary) hooks() *bearer.Hooks {
	h := new(bearer.Hooks)
	v := reflect.ValueOf(h).Elem()
	for i := range v.NumField() {
		name := v.Type().Field(i).Name
		v.Field(i).Set(reflect.ValueOf(func(_ context.Context, e bearer.Event) { d.note(name, e) }))
	}
	return h
}

func (d *diary) note(name string, e bearer.Event) {
	words := []string{name}
	v := reflect.ValueOf(e)
	for i := range v.NumField() {
		if !v.Field(i).IsZero() {
			words = append(words, v.Type().Field(i).Name)
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.events = append(d.events, strings.Join(words, " "))
	d.full = append(d.full, e)
}

// take returns what happened since the last call.
func (d *diary) take() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	e := d.events
	d.events = nil
	return e
}

func (d *diary) want(t *testing.T, when string, want ...string) {
	t.Helper()
	if got := d.take(); !slices.Equal(got, want) {
		t.Errorf("%s: got %q, want %q", when, got, want)
	}
}

// Each hook is called with the fields that its comment names, and with no
// other.
func TestEachHookAndItsFields(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := new(diary)
		down := false
		source := bearer.SourceFunc(func(context.Context) (*bearer.Token, error) {
			time.Sleep(time.Millisecond)
			if down {
				return nil, errDown
			}
			return token(time.Now().Format("t150405.000"), time.Minute), nil
		})
		s := &failingLocker{}
		c := &bearer.Cache{
			Source: source, Store: s, Key: "k", Hooks: d.hooks(), RefreshBefore: -1,
		}
		status := http.StatusUnauthorized
		tr := &bearer.Transport{Source: c, Hosts: []string{"api.test"}, Base: roundTrip(func(req *http.Request) (*http.Response, error) {
			resp := answer(req, status, "")
			status = http.StatusOK
			return resp, nil
		})}
		get := func(url string) {
			req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
			if resp, err := tr.RoundTrip(req); err == nil {
				resp.Body.Close()
			}
			synctest.Wait() // hooks are told afterwards
		}

		get("https://api.test/")
		d.want(t, "a token that is rejected",
			"TokenRefreshed Key Expiry Took", "TokenRejected Key Host Status", "TokenRefreshed Key Expiry Took", "RequestReplayed Key Host Status")
		get("https://other.test/")
		d.want(t, "another host", "TokenWithheld Key Host")

		time.Sleep(time.Minute)
		down = true
		get("https://api.test/")
		d.want(t, "the endpoint fails", "BreakerChanged Key From To", "RefreshFailed Key Took RetryAfter Err")
		time.Sleep(2 * time.Second)
		down = false
		s.put.Store(true)
		get("https://api.test/")
		d.want(t, "the Store fails with a new token",
			"BreakerChanged Key From To", "BreakerChanged Key From To", "StoreFailed Key Op Err", "TokenRefreshed Key Expiry Took")
		for _, op := range []struct {
			name string
			fail func(bool)
		}{{"get", s.get.Store}, {"lock", s.lock.Store}, {"unlock", s.unlock.Store}} {
			s.put.Store(false)
			time.Sleep(time.Minute)
			op.fail(true)
			get("https://api.test/")
			op.fail(false)
			got := d.take()
			if !slices.Contains(got, "StoreFailed Key Op Err") || !slices.Contains(got, "TokenRefreshed Key Expiry Took") {
				t.Errorf("the Store fails to %s: got %q, want StoreFailed, and a new token all the same", op.name, got)
			}
			if !slices.ContainsFunc(d.full, func(e bearer.Event) bool { return e.Op == op.name }) {
				t.Errorf("got no event with Op %q", op.name)
			}
		}
	})
}

// G13: a hook is called when the flight has landed, and with no lock held: it
// may use all of the Cache and the Store.
func TestHooksAreNotCalledUnderALock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &failingLocker{}
		c := &bearer.Cache{Source: &mint{lifetime: time.Minute}, Store: s, Key: "k"}
		called := 0
		use := func(ctx context.Context, _ bearer.Event) {
			if called++; called > 2 {
				return
			}
			start := time.Now()
			c.Invalidate(&bearer.Token{AccessToken: "no such token"})
			_ = c.Set(ctx, token("set", time.Minute))
			if _, err := c.Token(ctx); err != nil {
				t.Error(err)
			}
			unlock, err := s.Lock(ctx, "k")
			if err != nil {
				t.Error(err)
			} else {
				_ = unlock()
			}
			if took := time.Since(start); took != 0 {
				t.Errorf("a hook that uses the Cache took %v, want 0", took)
			}
		}
		c.Hooks = &bearer.Hooks{TokenRefreshed: use, StoreFailed: use}
		if _, err := c.Token(t.Context()); err != nil {
			t.Fatal(err)
		}
		s.put.Store(true)
		if err := c.Set(t.Context(), token("unsaved", time.Minute)); err == nil {
			t.Error("got nil, want the Store's error")
		}
		synctest.Wait()
		if called < 2 {
			t.Errorf("hooks were called %d times, want both", called)
		}
	})
}

// The Logger logs the events that hooks are told, with their members.
func TestLogger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		c := &bearer.Cache{Key: "matter/x", Logger: slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{
			ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
				if a.Key == slog.TimeKey {
					return slog.Attr{}
				}
				return a
			},
		}))}
		down := true
		c.Source = bearer.SourceFunc(func(context.Context) (*bearer.Token, error) {
			time.Sleep(time.Second)
			if down {
				return nil, refused(401, "invalid_client")
			}
			return &bearer.Token{AccessToken: "canary-access", RefreshToken: "canary-refresh", Expiry: time.Now().Add(time.Hour)}, nil
		})
		_, _ = c.Token(t.Context())
		down = false
		time.Sleep(time.Second)
		_, _ = c.Token(t.Context())
		synctest.Wait()
		const want = `level=WARN msg="bearer: refresh failed" key=matter/x took=1s retry_after=1s err="oauth2: \"invalid_client\""
level=INFO msg="bearer: token refreshed" key=matter/x expiry=2000-01-01T01:00:03.000Z took=1s
`
		got := regexp.MustCompile(`retry_after=\d+(\.\d+)?m?s`).ReplaceAllString(out.String(), "retry_after=1s") // it is jittered
		if got != want {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
	})
}

// A level that is not logged costs nothing, and neither do a nil Logger and nil
// Hooks.
func TestNoLoggerNoHooks(t *testing.T) {
	var out bytes.Buffer
	for _, c := range []*bearer.Cache{
		{Source: staticSource(time.Hour)},
		{Source: staticSource(time.Hour), Hooks: new(bearer.Hooks)},
		{Source: staticSource(time.Hour), Logger: slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelError}))},
	} {
		if _, err := c.Token(t.Context()); err != nil || out.Len() > 0 {
			t.Errorf("got %v and the log %q, want neither", err, out.String())
		}
	}
}
