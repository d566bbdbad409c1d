package bearer_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"example.com/bearer"
)

// G22: a Store whose records never read the same as they were written cannot take
// an intent. That is a failure, with its pause, not a loop.
func TestG22StoreWhoseRecordsChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		f.life = time.Minute
		f.login(t)
		m := f.member("A")
		m.cache.Store = unequal{memberStore{m}}
		if _, err := m.cache.Token(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(50 * time.Second)
		f.steps()
		for range 9000 {
			if _, err := m.cache.Token(t.Context()); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Millisecond)
		}
		if n := len(f.steps()); n > 2000 {
			t.Errorf("got %d uses of the Store in 9 s, want pauses between them", n)
		}
		time.Sleep(time.Minute)
		_, err := m.cache.Token(t.Context())
		if err == nil || !strings.Contains(err.Error(), "the Store is out of order") {
			t.Errorf("got %v, want an error that says why", err)
		}
		if n, _ := f.requests(); n != 0 {
			t.Errorf("got %d token requests, want none without an intent", n)
		}
	})
}

// unequal is a Store in which no value is ever what it was.
type unequal struct{ memberStore }

func (s unequal) Swap(ctx context.Context, key string, old, new []byte) error {
	return s.m.do("swap", func() error { return bearer.ErrChanged })
}

// G20, G23: a report that the Store takes late is of the token that failed to be
// refreshed. It is not written into the record of another one, and does not bring
// back a record that was deleted meanwhile.
func TestG23LateReport(t *testing.T) {
	for _, deleted := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			f := newFleet()
			f.rotates = false
			a, b := f.member("A"), f.member("B")
			for _, m := range []*member{a, b} {
				m.cache.RetryFor = -1
				m.cache.Source = bearer.SourceFunc(func(context.Context) (*bearer.Token, error) { return f.serve("") })
			}
			if _, err := a.cache.Token(t.Context()); err != nil {
				t.Fatal(err)
			}
			time.Sleep(10 * time.Second)
			f.set(func() { f.down = true })
			late := false
			a.at = func(step string) {
				if step == "before swap" && !late {
					late = true
					time.Sleep(7 * time.Second)
				}
			}
			if _, err := a.cache.Token(t.Context()); err == nil {
				t.Fatal("got a token, want the failure")
			}
			f.set(func() { f.down = false })
			time.Sleep(3 * time.Second)
			if deleted {
				if err := a.cache.Delete(t.Context()); err != nil {
					t.Fatal(err)
				}
			} else {
				want, err := b.cache.Token(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				if got, err := a.cache.Token(t.Context()); err != nil || got.AccessToken != want.AccessToken {
					t.Fatalf("got %v and %v, want B's token", got, err)
				}
			}
			time.Sleep(10 * time.Second)
			data, err := f.store.Get(t.Context(), "k")
			if !late || deleted && err == nil || strings.Contains(string(data), "failure") {
				t.Errorf("deleted %v: the Store has %s and %v, want no report", deleted, data, err)
			}
		})
	}
}

// G20: a token that arrives while this process waits for the lock, and has expired
// when the Store gives up the wait, is one to be refreshed. The Store is not out
// of order.
func TestG20TokenExpiresBeforeTheLock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		f.lease = time.Minute
		f.life = 3 * time.Second
		f.login(t)
		time.Sleep(3 * time.Second)
		a, b := f.member("A"), f.member("B")
		a.at = func(step string) {
			if step == "before unlock" {
				a.at = nil
				time.Sleep(4 * time.Second)
			}
		}
		b.cache.Store = deafLock{memberStore{b}}
		go func() { _, _ = a.cache.Token(t.Context()) }()
		time.Sleep(100 * time.Millisecond)
		if got, err := b.cache.Token(t.Context()); err != nil {
			t.Errorf("got %v and %v, want a token", got, err)
		}
		time.Sleep(time.Minute)
	})
}

// deafLock takes 5 s to heed that a wait for the lock has ended.
type deafLock struct{ memberStore }

func (s deafLock) Lock(ctx context.Context, key string) (func() error, error) {
	unlock, err := s.memberStore.Lock(ctx, key)
	if ctx.Err() != nil {
		time.Sleep(5 * time.Second)
	}
	return unlock, err
}

// G22: a process that cannot store the successor, and goes on with it, leaves the
// intent for the token that the Store holds: that one is spent.
func TestG22SuccessorIsNotStored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		f.life = time.Hour
		f.login(t)
		a := f.member("A")
		a.cache.Store = keepsToken{memberStore{a}}
		for range 2 {
			if _, err := a.cache.Token(t.Context()); err != nil {
				t.Fatal(err)
			}
			if _, err := a.cache.Renew(t.Context(), nil); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Minute)
		}
		b := f.member("B")
		_, _ = renew(t, b)
		if n := sendsOf(f.steps(), "B"); n != 0 {
			data, _ := f.store.Get(t.Context(), "k")
			t.Errorf("B sent the spent refresh token %d times while the access token was valid: %s", n, data)
		}
	})
}

// keepsToken is a Store that fails to replace a token, and takes notes.
type keepsToken struct{ memberStore }

func (s keepsToken) Swap(ctx context.Context, key string, old, new []byte) error {
	token := func(record []byte) string {
		_, token, _ := strings.Cut(string(record), `"refresh_token":"`)
		token, _, _ = strings.Cut(token, `"`)
		return token
	}
	if token(old) != token(new) {
		return errDisk
	}
	return s.memberStore.Swap(ctx, key, old, new)
}

// G22: while the Store lacks a token there is no intent for it. When a write that
// took long has brought it there, the next attempt is announced.
func TestG22SavedBetweenAttempts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		f.cut, f.lease = true, time.Minute
		m := f.member("A")
		if err := m.cache.Set(t.Context(), &bearer.Token{AccessToken: "a0", RefreshToken: "r0", Expiry: time.Now().Add(-time.Minute)}); err == nil {
			t.Fatal("Set: got no error, want one of the Store")
		}
		f.set(func() { f.cut, f.down = false, true })
		swaps, sends := 0, 0
		m.at = func(step string) {
			switch step {
			case "before swap":
				if swaps++; swaps == 1 {
					time.Sleep(3 * time.Second)
				}
			case "before send":
				sends++
				data, _ := f.store.Get(t.Context(), "k")
				switch sends {
				case 1:
					if len(data) > 0 {
						t.Errorf("the first request: the Store has %s already", data)
					}
					time.Sleep(2 * time.Second)
				case 2:
					if !strings.Contains(string(data), `"intent"`) {
						t.Errorf("the second request is not announced: %s", data)
					}
				}
			case "after send":
				f.set(func() { f.down = false })
			}
		}
		time.Sleep(time.Minute)
		if _, err := m.cache.Token(t.Context()); err != nil || sends != 2 {
			t.Errorf("got %v after %d requests, want a token with the second", err, sends)
		}
	})
}

// G20, G22: whatever the notes of a record say, and whoever wrote them, its token
// is served while it is valid, and refreshed at its expiry or a pause later.
func TestG22StrangeNotes(t *testing.T) {
	for _, notes := range []string{
		`"intent":{}`,
		`"intent":{"token":"0","by":"B","id":"1","at":"9999-12-31T23:59:59Z"}`,
		`"intent":{"token":"de7c6a6e9d8e6f5b0d5c8e21c5c5ea1fa4bc5ea0bdbd4e1b0c8a6a5ad0a5b9a3","at":"0000-01-01T00:00:00Z"}`,
		`"intent":"r0"`,
		`"intent":{"token":"0","at":"yesterday"}`,
		`"reusable":"yes"`,
		`"failure":{}`,
		`"failure":{"by":"B","at":"9999-12-31T23:59:59Z","since":"0000-01-01T00:00:00Z","until":"9999-12-31T23:59:59Z","retry":"9999-12-31T23:59:59Z"}`,
		`"failure":{"by":"B","at":"2000-01-01T00:00:10Z","since":"0000-01-01T00:00:00Z","until":"9999-12-31T23:59:59Z","retry":"9999-12-31T23:59:59Z","refused":true}`,
		`"failure":{"text":"` + strings.Repeat("x", 1<<20) + `"}`,
		`"failure":7`,
		`"renewals":[{"host":"api.test","n":9223372036854775807,"at":"2000-01-01T00:00:01Z"},{},{"host":"api.test","n":-1}]`,
		`"renewals":{}`,
		`"wishes":[1,2,3]`,
	} {
		synctest.Test(t, func(t *testing.T) {
			f := newFleet()
			record := `{"v":1,"access_token":"a0","refresh_token":"r0","expiry":"2000-01-01T00:00:10Z",` + notes + `}`
			if err := f.store.Put(t.Context(), "k", []byte(record)); err != nil {
				t.Fatal(err)
			}
			c := f.join("A")
			for range 9 {
				if got, err := c.Token(t.Context()); err != nil || got.AccessToken != "a0" && got.AccessToken != "a1" {
					t.Fatalf("%.80s: got %v and %v, want the valid token", notes, got, err)
				}
				time.Sleep(time.Second)
			}
			time.Sleep(time.Second)
			if _, err := c.Token(t.Context()); err == nil {
				return
			}
			time.Sleep(30 * time.Second)
			if _, err := c.Token(t.Context()); err != nil {
				t.Errorf("%.80s: got %v, want a new token", notes, err)
			}
			if n, revoked := f.requests(); revoked {
				t.Errorf("%.80s: got the login revoked after %d requests", notes, n)
			}
		})
		if t.Failed() {
			t.Log(notes)
		}
	}
}
