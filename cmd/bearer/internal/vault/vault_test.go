package vault

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"example.com/bearer"
	"example.com/bearer/cmd/bearer/internal/credential"
)

func open(t *testing.T) Vault {
	t.Helper()
	t.Setenv(FolderVariable, t.TempDir())
	v, err := Open()
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func put(t *testing.T, v Vault, c credential.Credential, token *bearer.Token) {
	t.Helper()
	s, key := v.Store(c)
	if err := (&bearer.Cache{Store: s, Key: key}).Set(t.Context(), token); err != nil {
		t.Fatal(err)
	}
}

func TestIndexIsWrittenByManyAtOnce(t *testing.T) {
	v := open(t)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			if err := v.Remember(t.Context(), credential.Credential{Name: fmt.Sprint("c", i), Store: Dir}); err != nil {
				t.Errorf("Remember: %v", err)
			}
		})
	}
	wg.Wait()
	if list, err := v.List(t.Context()); err != nil || len(list) != 8 {
		t.Errorf("got %d and %v, want all 8", len(list), err)
	}
}

func TestIndexThatCannotBeRead(t *testing.T) {
	for _, text := range []string{"", "null", "{}", "[]", `{"v":2,"credentials":{}}`, `{"v":1}`, "\x00"} {
		v := open(t)
		if err := v.files().Put(t.Context(), indexKey, []byte(text)); err != nil {
			t.Fatal(err)
		}
		if _, err := v.List(t.Context()); err == nil || !strings.Contains(err.Error(), "move the folder away") {
			t.Errorf("%q: got %v, want what to do", text, err)
		}
		if err := v.Remember(t.Context(), credential.Credential{Name: "c"}); err == nil {
			t.Errorf("%q: Remember wrote over it, want an error", text)
		}
	}
}

func TestPeek(t *testing.T) {
	v := open(t)
	c := credential.Credential{Name: "c", Store: Dir}
	if _, _, err := v.Peek(t.Context(), c); !errors.Is(err, bearer.ErrNotFound) {
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
		put(t, v, c, &tt.token)
		got, valid, err := v.Peek(t.Context(), c)
		if err != nil || valid != tt.valid {
			t.Errorf("%s: got valid %v and %v, want %v", tt.name, valid, err, tt.valid)
		}
		if gone := !tt.valid && tt.refresh == ""; gone != (got == nil) {
			t.Errorf("%s: got a token %v, want one %v", tt.name, got != nil, !gone)
		} else if got != nil && got.RefreshToken != tt.refresh {
			t.Errorf("%s: got another refresh token than was stored", tt.name)
		}
	}
	s, key := v.Store(c)
	if err := s.Put(t.Context(), key, []byte("canary")); err != nil {
		t.Fatal(err)
	}
	if _, _, err := v.Peek(t.Context(), c); err == nil || errors.Is(err, bearer.ErrNotFound) || strings.Contains(err.Error(), "canary") {
		t.Errorf("unreadable: got %v, want an error without what is stored", err)
	}
}

// A token that has expired is not asked for again: status would take seconds
// for each.
func TestPeekDoesNotRetry(t *testing.T) {
	v := open(t)
	for _, name := range []string{"expired", "unreadable"} {
		c := credential.Credential{Name: name, Store: Dir}
		put(t, v, c, &bearer.Token{AccessToken: "a", Expiry: time.Now().Add(-time.Hour)})
		if name == "unreadable" {
			s, key := v.Store(c)
			if err := s.Put(t.Context(), key, []byte("{}")); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Test(t, func(t *testing.T) {
			start := time.Now()
			_, _, err := v.Peek(t.Context(), c)
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

func TestForgetLeavesEverythingWhenBeforeFails(t *testing.T) {
	v := open(t)
	c := credential.Credential{Name: "c", Store: Dir}
	put(t, v, c, &bearer.Token{AccessToken: "a"})
	if err := v.Remember(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	refused := errors.New("refused")
	if err := v.Forget(t.Context(), c, func() error { return refused }); !errors.Is(err, refused) {
		t.Errorf("got %v, want %v", err, refused)
	}
	if _, valid, err := v.Peek(t.Context(), c); !valid {
		t.Errorf("got no token (%v), want the one that was there", err)
	}
	if err := v.Forget(t.Context(), c, func() error { return nil }); err != nil {
		t.Fatal(err)
	}
	if _, ok, err := v.Find(t.Context(), "c"); ok || err != nil {
		t.Errorf("after Forget: got %v and %v, want nothing", ok, err)
	}
	if _, _, err := v.Peek(t.Context(), c); !errors.Is(err, bearer.ErrNotFound) {
		t.Errorf("after Forget: got %v, want ErrNotFound", err)
	}
}

func TestFolderIsTheUsersOwn(t *testing.T) {
	t.Setenv(FolderVariable, "")
	t.Setenv("HOME", t.TempDir())
	t.Setenv("XDG_CONFIG_HOME", "")
	config, err := os.UserConfigDir()
	if err != nil {
		t.Fatal(err)
	}
	v, err := Open()
	if want := filepath.Join(config, "bearer"); err != nil || v.folder != want {
		t.Errorf("got %q and %v, want %q", v.folder, err, want)
	}
}
