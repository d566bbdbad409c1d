package vault

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/zalando/go-keyring"

	"example.com/bearer"
	"example.com/bearer/stores/storetest"
)

func newKeyringStore(t *testing.T) bearer.Store {
	// A call whose context has ended may still use the last mock.
	turn <- struct{}{}
	keyring.MockInit()
	<-turn
	return keyringStore{bearer.DirStore(t.TempDir())}
}

func TestKeyringStoreKeepsTheContract(t *testing.T) {
	storetest.Run(t, newKeyringStore)
	t.Run("Shared", func(t *testing.T) {
		storetest.RunShared(t, func(t *testing.T) (a, b bearer.Store) {
			a = newKeyringStore(t)
			return a, keyringStore{a.(keyringStore).DirStore}
		})
	})
}

// An item of a keyring is limited: on Windows to 2560 bytes, on macOS to a
// command of 4096 with the value in base64.
func TestLongValuesAreInPiecesAndLeaveNone(t *testing.T) {
	s := newKeyringStore(t)
	name := s.(keyringStore).item("k")
	for _, size := range []int{1, piece / 4 * 3, piece/4*3 + 1, 20_000, 10} {
		want := bytes.Repeat([]byte{'v'}, size)
		if err := s.Put(t.Context(), "k", want); err != nil {
			t.Fatal(err)
		}
		if got, err := s.Get(t.Context(), "k"); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%d bytes: got %d bytes and %v, want them back", size, len(got), err)
		}
		head, err := keyring.Get(keyringService, name)
		if err != nil {
			t.Fatal(err)
		}
		n, id, split := pieces(head)
		if split != (size > piece/4*3) {
			t.Errorf("%d bytes: got %d pieces, want them in one item if they fit", size, n)
		}
		for i := range n {
			part, err := keyring.Get(keyringService, pieceName(name, id, i))
			if err != nil || len(part) > piece {
				t.Errorf("%d bytes: piece %d: got %d bytes and %v, want up to %d", size, i, len(part), err, piece)
			}
		}
		if err := s.Put(t.Context(), "k", []byte("short")); err != nil {
			t.Fatal(err)
		}
		if _, err := keyring.Get(keyringService, pieceName(name, id, 0)); !errors.Is(err, keyring.ErrNotFound) {
			t.Errorf("%d bytes: after the next Put: got %v, want that no piece is left", size, err)
		}
	}
}

func TestKeyringStoreWithWhatItDidNotWrite(t *testing.T) {
	s := newKeyringStore(t)
	name := s.(keyringStore).item("k")
	for _, text := range []string{"no base64!", "2:gone", "x:y", ":", "999999999999999999999:a"} {
		if err := keyring.Set(keyringService, name, text); err != nil {
			t.Fatal(err)
		}
		got, err := s.Get(t.Context(), "k")
		if err == nil || errors.Is(err, bearer.ErrNotFound) || !strings.Contains(err.Error(), "log in again") || strings.Contains(err.Error(), text) && len(text) > 1 {
			t.Errorf("%q: got %q and %v, want an error that says what to do, without the text", text, got, err)
		}
		if err := s.Delete(t.Context(), "k"); err != nil {
			t.Errorf("%q: Delete: %v", text, err)
		}
	}
}

// The folders of a user share the keyring, not what is in it.
func TestFoldersAreApartInTheKeyring(t *testing.T) {
	a := newKeyringStore(t)
	if err := a.Put(t.Context(), "k", []byte("a")); err != nil {
		t.Fatal(err)
	}
	b := keyringStore{bearer.DirStore(t.TempDir())}
	if _, err := b.Get(t.Context(), "k"); !errors.Is(err, bearer.ErrNotFound) {
		t.Errorf("got %v, want ErrNotFound", err)
	}
}

func TestKeyringThatFailsIsNoEmptyKeyring(t *testing.T) {
	s := newKeyringStore(t)
	away := errors.New("the bus is away")
	keyring.MockInitWithError(away)
	_, err := s.Get(t.Context(), "k")
	for what, err := range map[string]error{
		"Get": err, "Put": s.Put(t.Context(), "k", nil), "Delete": s.Delete(t.Context(), "k"),
	} {
		if !errors.Is(err, away) || errors.Is(err, bearer.ErrNotFound) {
			t.Errorf("%s: got %v, want the keyring's own error", what, err)
		}
	}
}

// A keyring asks its user for a password, and may never answer.
func TestKeyringThatHangsIsLeft(t *testing.T) {
	hang := make(chan struct{})
	ctx, cancel := context.WithCancel(t.Context())
	if err := inKeyring(ctx, func() error { cancel(); <-hang; return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("the first: got %v, want context.Canceled", err)
	}
	waiting, leave := context.WithTimeout(t.Context(), time.Millisecond)
	defer leave()
	if err := inKeyring(waiting, func() error { return nil }); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("one that waits for its turn: got %v, want context.DeadlineExceeded", err)
	}
	if err := inKeyring(ctx, func() error { t.Error("the keyring was used"); return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("one that need not begin: got %v, want context.Canceled", err)
	}
	close(hang)
	if err := inKeyring(t.Context(), func() error { return nil }); err != nil {
		t.Errorf("afterwards: got %v, want no error", err)
	}
}

func TestProbe(t *testing.T) {
	keyring.MockInit()
	if got := Probe(t.Context()); got != Keyring {
		t.Errorf("with a keyring: got %q, want %q", got, Keyring)
	}
	keyring.MockInitWithError(keyring.ErrUnsupportedPlatform)
	if got := Probe(t.Context()); got != Dir {
		t.Errorf("without one: got %q, want %q", got, Dir)
	}
}
