package vault

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zalando/go-keyring"

	"example.com/bearer"
	"example.com/bearer/cmd/bearer/internal/home"
	"example.com/bearer/stores/storetest"
)

func open(t *testing.T) Vault {
	t.Helper()
	t.Setenv(home.Variable, t.TempDir())
	t.Setenv(Variable, "")
	v, err := Open()
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// cache returns a Cache whose Store is in a folder.
func cache(t *testing.T, key string) *bearer.Cache {
	t.Helper()
	return &bearer.Cache{Store: open(t).In(Dir), Key: key}
}

// put stores a token as another process would.
func put(t *testing.T, c *bearer.Cache, token *bearer.Token) {
	t.Helper()
	if err := (&bearer.Cache{Store: c.Store, Key: c.Key}).Set(t.Context(), token); err != nil {
		t.Fatal(err)
	}
}

func TestPeek(t *testing.T) {
	c := cache(t, "c")
	if _, _, err := Peek(t.Context(), c); !errors.Is(err, bearer.ErrNotFound) {
		t.Errorf("nothing stored: got %v, want ErrNotFound", err)
	}
	hour := time.Hour
	for _, tt := range []struct {
		name    string
		token   bearer.Token
		valid   bool
		refresh string
	}{
		{"valid", bearer.Token{AccessToken: "a", Expiry: time.Now().Add(hour)}, true, ""},
		{"valid for a moment, which starts no refresh", bearer.Token{AccessToken: "a", RefreshToken: "r", Expiry: time.Now().Add(time.Minute)}, true, "r"},
		{"no expiry", bearer.Token{AccessToken: "a"}, true, ""},
		{"expired", bearer.Token{AccessToken: "a", RefreshToken: "r", Expiry: time.Now().Add(-hour)}, false, "r"},
		{"expired for good", bearer.Token{AccessToken: "a", Expiry: time.Now().Add(-hour)}, false, ""},
	} {
		put(t, c, &tt.token)
		got, valid, err := Peek(t.Context(), c)
		if err != nil || valid != tt.valid {
			t.Errorf("%s: got valid %v and %v, want %v", tt.name, valid, err, tt.valid)
		}
		if gone := !tt.valid && tt.refresh == ""; gone != (got == nil) {
			t.Errorf("%s: got a token %v, want one %v", tt.name, got != nil, !gone)
		} else if got != nil && got.RefreshToken != tt.refresh {
			t.Errorf("%s: got another refresh token than was stored", tt.name)
		}
	}
	if err := c.Store.Put(t.Context(), c.Key, []byte("canary")); err != nil {
		t.Fatal(err)
	}
	if _, _, err := Peek(t.Context(), c); err == nil || errors.Is(err, bearer.ErrNotFound) || strings.Contains(err.Error(), "canary") {
		t.Errorf("unreadable: got %v, want an error without what is stored", err)
	}
}

// A token that has expired is not asked for again: status would take seconds
// for each.
func TestPeekDoesNotRetry(t *testing.T) {
	for _, name := range []string{"expired", "unreadable"} {
		c := cache(t, name)
		put(t, c, &bearer.Token{AccessToken: "a", Expiry: time.Now().Add(-time.Hour)})
		if name == "unreadable" {
			if err := c.Store.Put(t.Context(), c.Key, []byte("{}")); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Test(t, func(t *testing.T) {
			start := time.Now()
			_, _, err := Peek(t.Context(), c)
			if took := time.Since(start); took != 0 {
				t.Errorf("%s: took %v, want no pause", name, took)
			}
			if unreadable := name == "unreadable"; (err != nil) != unreadable {
				t.Errorf("%s: got %v, want an error: %v", name, err, unreadable)
			} else if unreadable && (strings.Contains(err.Error(), "Store") || strings.Contains(err.Error(), errOnlooker.Error())) {
				t.Errorf("%s: got %q, want only what is wrong with the record", name, err)
			}
		})
	}
}

func TestForgetLeavesTheTokenWhenBeforeFails(t *testing.T) {
	c := cache(t, "c")
	put(t, c, &bearer.Token{AccessToken: "a"})
	refused := errors.New("refused")
	if err := Forget(t.Context(), c, func() error { return refused }); !errors.Is(err, refused) {
		t.Errorf("got %v, want %v", err, refused)
	}
	if _, valid, err := Peek(t.Context(), c); !valid {
		t.Errorf("got no token (%v), want the one that was there", err)
	}
	if err := Forget(t.Context(), c, func() error { return nil }); err != nil {
		t.Fatal(err)
	}
	if _, _, err := Peek(t.Context(), c); !errors.Is(err, bearer.ErrNotFound) {
		t.Errorf("after Forget: got %v, want ErrNotFound", err)
	}
}

// G20: before runs under the token's lock, so that no process refreshes what it
// revokes.
func TestForgetHoldsTheLock(t *testing.T) {
	c := cache(t, "c")
	err := Forget(t.Context(), c, func() error {
		soon, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		_, err := c.Store.(bearer.Locker).Lock(soon, c.Key)
		return err
	})
	if err == nil || !strings.Contains(err.Error(), "deadline") {
		t.Errorf("got %v, want that the lock is held", err)
	}
}

func TestUsualStoreKeepsTheContract(t *testing.T) {
	storetest.Run(t, func(t *testing.T) bearer.Store {
		turn <- struct{}{} // a call whose context has ended may still use the last mock
		keyring.MockInit()
		<-turn
		return open(t).In("")
	})
}

// The first token decides where all the others go.
func TestTheUsualStoreStays(t *testing.T) {
	for _, there := range []bool{true, false} {
		v := open(t)
		keyring.MockInit()
		want := Keyring
		if !there {
			keyring.MockInitWithError(keyring.ErrUnsupportedPlatform)
			want = Dir
		}
		if _, err := v.In("").Get(t.Context(), "k"); !errors.Is(err, bearer.ErrNotFound) {
			t.Errorf("before: Get: got %v, want ErrNotFound, without asking a keyring", err)
		}
		if err := v.In("").Delete(t.Context(), "k"); err != nil {
			t.Errorf("before: Delete: %v", err)
		}
		if got := v.Usual(t.Context()); got != "" {
			t.Errorf("before: got %q, want nothing chosen", got)
		}
		if err := v.In("").Put(t.Context(), "k", []byte("x")); err != nil {
			t.Fatal(err)
		}
		keyring.MockInitWithError(keyring.ErrUnsupportedPlatform)
		if got := v.Usual(t.Context()); got != want {
			t.Errorf("a keyring %v: got %q, want %q", there, got, want)
		}
		if _, err := v.In("").Get(t.Context(), "k"); (err != nil) != there {
			t.Errorf("a keyring that fails later: got %v, want an error: %v", err, there)
		}
		v.usual = Dir // by the variable
		if err := v.In("").Put(t.Context(), "k", []byte("x")); err != nil {
			t.Errorf("with the variable: %v", err)
		}
	}
}

func TestAUsualStoreThatIsNotKnown(t *testing.T) {
	v := open(t)
	if err := v.files().Put(t.Context(), choiceKey, []byte("cloud")); err != nil {
		t.Fatal(err)
	}
	for what, err := range map[string]error{
		"Put": v.In("").Put(t.Context(), "k", nil), "Delete": v.In("").Delete(t.Context(), "k"),
	} {
		if err == nil || !strings.Contains(err.Error(), Variable) {
			t.Errorf("%s: got %v, want what to set", what, err)
		}
	}
	t.Setenv(Variable, "cloud")
	if _, err := Open(); err == nil || !strings.Contains(err.Error(), `must be keyring or dir, got "cloud"`) {
		t.Errorf("got %v, want what it must be", err)
	}
}
