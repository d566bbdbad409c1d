package vault

import (
	"context"
	"errors"
	"testing"
	"time"

	"example.com/bearer"
	"example.com/bearer/cmd/bearer/internal/credential"
	"example.com/bearer/stores/storetest"
)

func TestRememberedStoreKeepsTheContract(t *testing.T) {
	storetest.Run(t, func(t *testing.T) bearer.Store {
		v, c := open(t), credential.Credential{Name: "c", Store: Dir}
		if err := v.Remember(t.Context(), c); err != nil {
			t.Fatal(err)
		}
		s, _ := v.Remembered(c)
		return s
	})
}

// G23: a process that held nothing while another one logged out stores nothing.
func TestNothingIsStoredForWhatWasForgotten(t *testing.T) {
	for what, forget := range map[string]func(*testing.T, Vault, credential.Credential) error{
		"logged out": func(t *testing.T, v Vault, c credential.Credential) error {
			return v.Forget(t.Context(), c, func() error { return nil })
		},
		"logged in elsewhere": func(t *testing.T, v Vault, c credential.Credential) error {
			c.TokenURL = "https://other.test/token"
			return v.Remember(t.Context(), c)
		},
	} {
		v, c := open(t), credential.Credential{Name: "c", TokenURL: "https://auth.test/token", Store: Dir}
		put(t, v, c, &bearer.Token{AccessToken: "a"})
		if err := v.Remember(t.Context(), c); err != nil {
			t.Fatal(err)
		}
		s, key := v.Remembered(c)
		unlock, err := s.Lock(t.Context(), key)
		if err != nil {
			t.Fatalf("%s: before: %v", what, err)
		}
		if err := errors.Join(s.Put(t.Context(), key, []byte("x")), unlock()); err != nil {
			t.Fatalf("%s: before: %v", what, err)
		}
		if err := forget(t, v, c); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Lock(t.Context(), key); !errors.Is(err, ErrForgotten) {
			t.Errorf("%s: Lock: got %v, want ErrForgotten", what, err)
		}
		if err := s.Put(t.Context(), key, []byte("x")); !errors.Is(err, ErrForgotten) {
			t.Errorf("%s: Put: got %v, want ErrForgotten", what, err)
		}
		if _, err := s.Get(t.Context(), key); !errors.Is(err, bearer.ErrNotFound) {
			t.Errorf("%s: Get: got %v, want ErrNotFound", what, err)
		}
		if err := v.Amend(t.Context(), c); !errors.Is(err, ErrForgotten) {
			t.Errorf("%s: Amend: got %v, want ErrForgotten", what, err)
		}
		plain, _ := v.Store(c)
		// The Lock that failed must have released it.
		unlock, err = plain.Lock(t.Context(), key)
		if err != nil {
			t.Fatalf("%s: Lock afterwards: %v", what, err)
		}
		if err := unlock(); err != nil {
			t.Fatal(err)
		}
	}
}

// A process that waits for the token's lock must find the name gone when it
// gets the lock, so Forget removes the name before it releases the lock.
func TestForgetRemovesTheNameUnderTheLock(t *testing.T) {
	v, c := open(t), credential.Credential{Name: "c", Store: Dir}
	put(t, v, c, &bearer.Token{AccessToken: "a"})
	if err := v.Remember(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	s, key := v.Remembered(c)
	// Forget stops before it removes the name.
	unlockIndex, err := v.files().Lock(t.Context(), indexKey)
	if err != nil {
		t.Fatal(err)
	}
	forgotten := make(chan error, 1)
	go func() { forgotten <- v.Forget(t.Context(), c, func() error { return nil }) }()
	for {
		if _, err := s.Get(t.Context(), key); errors.Is(err, bearer.ErrNotFound) {
			break // Forget has deleted the token
		}
		time.Sleep(time.Millisecond)
	}
	soon, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := s.Lock(soon, key); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("while Forget waits for the index: Lock: got %v, want that it waits", err)
	}
	if err := errors.Join(unlockIndex(), <-forgotten); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Lock(t.Context(), key); !errors.Is(err, ErrForgotten) {
		t.Errorf("afterwards: Lock: got %v, want ErrForgotten", err)
	}
}

func TestNamesThatShareAVariableAreRefused(t *testing.T) {
	v := open(t)
	if err := v.Remember(t.Context(), credential.Credential{Name: "a-b", Store: Dir}); err != nil {
		t.Fatal(err)
	}
	for name, refused := range map[string]bool{"a_b": true, "a-b": false, "ab": false} {
		if err := v.CheckVariable(t.Context(), name); (err != nil) != refused {
			t.Errorf("%s: CheckVariable: got %v, want an error: %v", name, err, refused)
		}
	}
	if err := v.Remember(t.Context(), credential.Credential{Name: "a_b", Store: Dir}); err == nil {
		t.Error("Remember: got no error, want one")
	}
	if _, ok, err := v.Find(t.Context(), "a_b"); ok || err != nil {
		t.Errorf("Find: got %v and %v, want that nothing was remembered", ok, err)
	}
}
