package bearer_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"example.com/bearer"
)

// canary is in every secret that this test plants.
const canary = "c4n4ry"

// canaryForms are what it looks like in a text, in bytes, and in JSON's bytes.
var canaryForms = []string{canary, strings.Trim(fmt.Sprint([]byte(canary)), "[]"), base64.StdEncoding.EncodeToString([]byte(canary))}

// cage looks at what must not have a canary in it.
type cage struct {
	t *testing.T
}

// check looks at v in every form in which it may be printed.
func (c *cage) check(where string, v any) {
	c.t.Helper()
	var texts []string
	for _, verb := range []string{"%v", "%+v", "%#v"} {
		texts = append(texts, fmt.Sprintf(verb, v))
	}
	if data, err := json.Marshal(v); err == nil {
		texts = append(texts, string(data))
	}
	for _, text := range texts {
		for _, form := range canaryForms {
			if strings.Contains(text, form) {
				c.t.Errorf("%s shows a secret: %s", where, text)
				return
			}
		}
	}
}

// canaries is a Source whose every secret is a canary, and which fails in the
// ways that there are.
type canaries struct {
	clientSecret string
	calls        int
}

func (s *canaries) Token(ctx context.Context) (*bearer.Token, error) { return s.next(ctx) }

func (s *canaries) Refresh(ctx context.Context, _ *bearer.Token) (*bearer.Token, error) {
	return s.next(ctx)
}

func (s *canaries) next(ctx context.Context) (*bearer.Token, error) {
	good := func() *bearer.Token {
		t := token(fmt.Sprintf("%s-access-%d", canary, s.calls), time.Minute)
		t.RefreshToken = fmt.Sprintf("%s-refresh-%d", canary, s.calls)
		return t
	}
	// base64 is in groups of three bytes: the canary is at the start of one.
	withBody := func(status int, code string) error {
		err := refused(status, code)
		err.Response.Status = http.StatusText(status)
		err.Body = []byte(canary + `","refresh_token":"` + canary)
		return err
	}
	s.calls++
	switch s.calls % 14 {
	case 1:
		return nil, withBody(503, "")
	case 2:
		return nil, fmt.Errorf("wrapped: %w", withBody(403, ""))
	case 3:
		return nil, withBody(400, "invalid_grant") // asks again, and gets:
	case 4:
		return nil, withBody(502, "")
	case 5:
		t := good()
		t.AccessToken += "\n"
		return t, nil
	case 6:
		t := good()
		t.TokenType = "mac"
		return t, nil
	case 7:
		t := good()
		t.Expiry = time.Now().Add(-time.Second)
		return t, nil
	case 8:
		t := good()
		t.AccessToken = ""
		return t, nil
	case 9:
		<-ctx.Done()
		return nil, ctx.Err()
	case 10:
		return good(), withBody(500, "server_error")
	}
	return good(), nil
}

// canaryStore fails now and then, and has what is not a token now and then.
type canaryStore struct {
	bearer.MemoryStore
	calls atomic.Int64
}

func (s *canaryStore) Get(ctx context.Context, key string) ([]byte, error) {
	switch s.calls.Add(1) % 9 {
	case 2:
		return []byte(`{"v":1,"access_token":"` + canary), nil
	case 4:
		return []byte(`{"v":7,"access_token":"` + canary + `"}`), nil
	case 6:
		return []byte(`{"v":1,"access_token":"` + canary + `\n"}`), nil
	}
	return s.MemoryStore.Get(ctx, key)
}

func (s *canaryStore) Put(ctx context.Context, key string, data []byte) error {
	if s.calls.Add(1)%4 == 0 {
		return errDisk
	}
	return s.MemoryStore.Put(ctx, key, data)
}

func (s *canaryStore) Swap(ctx context.Context, key string, old, new []byte) error {
	if s.calls.Add(1)%4 == 0 {
		return errDisk
	}
	return s.MemoryStore.Swap(ctx, key, old, new)
}

// G15: no error, log line, hook value or printed value of our types has a
// secret in it, on any path.
func TestNoSecretIsShown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := &cage{t: t}
		store := new(canaryStore)
		var log bytes.Buffer
		d := new(diary)
		c := &bearer.Cache{
			Source: &canaries{clientSecret: canary}, Store: store, Key: "k",
			Breaker: &bearer.CircuitBreaker{}, RefreshTimeout: time.Second,
			Hooks: d.hooks(), Logger: slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		}
		status := 0
		tr := &bearer.Transport{Source: c, Base: roundTrip(func(req *http.Request) (*http.Response, error) {
			status++
			return answer(req, []int{200, 401, 200, 401, 401}[status%5], ""), nil
		})}
		failures := 0
		for i := range 400 {
			req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://api.test/", nil)
			resp, err := tr.RoundTrip(req)
			if err != nil {
				failures++
				in.check("an error", err)
			} else {
				in.check("the response's request", resp.Request.Header)
				resp.Body.Close()
			}
			if i%20 == 19 {
				err := c.Set(t.Context(), &bearer.Token{AccessToken: canary + "-set", RefreshToken: canary + "-refresh", Expiry: time.Now().Add(10 * time.Second)})
				in.check("Set's error", err)
				in.check("Set's error", c.Set(t.Context(), &bearer.Token{AccessToken: canary + "\x00"}))
			}
			time.Sleep(7 * time.Second) // no refresh writes what is printed now, or later
			synctest.Wait()
			in.check("Cache", c)
			in.check("MemoryStore", &store.MemoryStore)
			in.check("Transport", tr)
		}
		for _, e := range d.full {
			in.check("an Event", e)
			in.check("an Event", &e)
			in.check("an Event's error", e.Err)
		}
		in.check("the log", log.String())
		kinds := make(map[string]bool)
		for _, e := range d.take() {
			kinds[strings.Fields(e)[0]] = true
		}
		if failures < 20 || len(kinds) < 5 {
			t.Errorf("got %d failed requests and the events %v: too few for a test of every path", failures, kinds)
		}
	})
}
