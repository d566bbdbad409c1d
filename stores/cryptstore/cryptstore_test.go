package cryptstore_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"example.com/bearer"
	"example.com/bearer/stores/cryptstore"
	"example.com/bearer/stores/storetest"
)

// keyring holds the ids of keys, the current one first. The secrets are the
// ids, repeated.
type keyring []string

func (r keyring) key(_ context.Context, id string) (cryptstore.EncryptionKey, error) {
	for _, have := range r {
		if id == "" || id == have {
			k := cryptstore.EncryptionKey{ID: have}
			copy(k.Secret[:], strings.Repeat(have+"-secret-", 8))
			return k, nil
		}
	}
	return cryptstore.EncryptionKey{}, errors.New("no such key")
}

// over returns an EncryptedStore over inner, with the keys of the ids.
func over(inner bearer.Store, ids ...string) *cryptstore.EncryptedStore {
	return &cryptstore.EncryptedStore{Store: inner, Key: keyring(ids).key}
}

// bare hides the Lock of a Store.
type bare struct{ bearer.Store }

func TestContract(t *testing.T) {
	t.Run("Locker", func(t *testing.T) {
		storetest.Run(t, func(*testing.T) bearer.Store { return over(new(bearer.MemoryStore), "a") })
	})
	t.Run("no Locker", func(t *testing.T) {
		storetest.Run(t, func(*testing.T) bearer.Store { return over(bare{new(bearer.MemoryStore)}, "a") })
	})
	t.Run("shared", func(t *testing.T) {
		storetest.RunShared(t, func(*testing.T) (a, b bearer.Store) {
			inner := new(bearer.MemoryStore)
			return over(inner, "a"), over(inner, "a")
		})
	})
}

// A Store that cannot be locked says so with the value that Cache compares
// with, however many wrappers are around it.
func TestLockWithoutLocker(t *testing.T) {
	s := over(over(bare{new(bearer.MemoryStore)}, "a"), "b")
	if unlock, err := s.Lock(t.Context(), "k"); err != errors.ErrUnsupported || unlock != nil {
		t.Errorf("got %v, want errors.ErrUnsupported itself", err)
	}
}

// meanwhile is a Store in which something happens before a Swap.
type meanwhile struct {
	*bearer.MemoryStore
	do func()
}

func (s meanwhile) Swap(ctx context.Context, key string, old, new []byte) error {
	s.do()
	return s.MemoryStore.Swap(ctx, key, old, new)
}

// A value that was encrypted anew meanwhile is the same value, also with another
// key, unless the context has ended; another value is not.
func TestSwapComparesPlaintext(t *testing.T) {
	inner := new(bearer.MemoryStore)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	value, times, last := "v", 0, 3
	s := over(meanwhile{inner, func() {
		if times++; times <= last {
			if err := over(inner, "old").Put(t.Context(), "k", []byte(value)); err != nil {
				t.Error(err)
			}
		}
	}}, "new", "old")

	if err := over(inner, "old").Put(t.Context(), "k", []byte("v")); err != nil {
		t.Fatal(err)
	}
	if err := s.Swap(ctx, "k", []byte("v"), []byte("w")); err != nil || times != 4 {
		t.Errorf("encrypted anew: got %v after %d attempts, want no error after 4", err, times)
	}
	if got, err := over(inner, "new").Get(t.Context(), "k"); err != nil || string(got) != "w" {
		t.Errorf("got %q, %v; want the new value, with the new key", got, err)
	}

	value, times = "x", 0
	if err := s.Swap(ctx, "k", []byte("w"), []byte("y")); !errors.Is(err, bearer.ErrChanged) {
		t.Errorf("another value: got %v, want ErrChanged", err)
	}

	times, last = 0, 1000
	cancel()
	if err := s.Swap(ctx, "k", []byte("x"), []byte("y")); !errors.Is(err, context.Canceled) || errors.Is(err, bearer.ErrChanged) {
		t.Errorf("canceled: got %v, want %v and not ErrChanged, which it does not know", err, context.Canceled)
	}
}

// changed is a Store that always says that a value has changed.
type changed struct{ bearer.Store }

func (changed) Swap(context.Context, string, []byte, []byte) error { return bearer.ErrChanged }

// Swap ends although the other Store never finds the value that it has.
func TestSwapOverAStoreThatIsWrong(t *testing.T) {
	s := over(changed{new(bearer.MemoryStore)}, "key")
	if err := s.Swap(t.Context(), "k", nil, []byte("v")); !errors.Is(err, bearer.ErrChanged) {
		t.Errorf("no value: got %v, want ErrChanged", err)
	}
	if err := s.Put(t.Context(), "k", []byte("v")); err != nil {
		t.Fatal(err)
	}
	if err := s.Swap(t.Context(), "k", []byte("v"), []byte("w")); !errors.Is(err, bearer.ErrChanged) {
		t.Errorf("a value: got %v, want ErrChanged", err)
	}
}

// leased is a Store whose locks have a lease.
type leased struct{ *bearer.MemoryStore }

func (leased) Lease() time.Duration { return time.Minute }

func TestLease(t *testing.T) {
	if got := over(over(leased{new(bearer.MemoryStore)}, "a"), "b").Lease(); got != time.Minute {
		t.Errorf("got %v, want the lease of the inner Store", got)
	}
	if got := over(new(bearer.MemoryStore), "a").Lease(); got != 0 {
		t.Errorf("got %v, want 0: these locks do not end by themselves", got)
	}
}

func TestValuesAreHidden(t *testing.T) {
	inner := new(bearer.MemoryStore)
	if err := over(inner, "a").Put(t.Context(), "k", []byte("a secret value")); err != nil {
		t.Fatal(err)
	}
	raw, err := inner.Get(t.Context(), "k")
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(raw, []byte("secret value")) {
		t.Errorf("got %q in the inner Store, want no plaintext", raw)
	}
}

func TestKeyRotation(t *testing.T) {
	inner := new(bearer.MemoryStore)
	before, during, after := over(inner, "old"), over(inner, "new", "old"), over(inner, "new")

	if err := before.Put(t.Context(), "k", []byte("v")); err != nil {
		t.Fatal(err)
	}
	if got, err := during.Get(t.Context(), "k"); err != nil || string(got) != "v" {
		t.Errorf("with both keys: got %q, %v; want the value", got, err)
	}
	if _, err := after.Get(t.Context(), "k"); err == nil || !strings.Contains(err.Error(), `key "old"`) {
		t.Errorf("without the old key: got error %v; want one that names it", err)
	}
	if err := during.Put(t.Context(), "k", []byte("w")); err != nil {
		t.Fatal(err)
	}
	if got, err := after.Get(t.Context(), "k"); err != nil || string(got) != "w" {
		t.Errorf("written during the rotation: got %q, %v; want the value", got, err)
	}
}

func TestChangesAreDetected(t *testing.T) {
	inner := new(bearer.MemoryStore)
	s := over(inner, "a")
	if err := s.Put(t.Context(), "k", []byte("value")); err != nil {
		t.Fatal(err)
	}
	raw, _ := inner.Get(t.Context(), "k")
	for i := range raw {
		changed := bytes.Clone(raw)
		changed[i] ^= 1
		_ = inner.Put(t.Context(), "k", changed)
		if got, err := s.Get(t.Context(), "k"); err == nil {
			t.Errorf("byte %d changed: got %q; want an error", i, got)
		}
	}
	for n := range raw {
		_ = inner.Put(t.Context(), "k", raw[:n])
		if got, err := s.Get(t.Context(), "k"); err == nil {
			t.Errorf("cut to %d bytes: got %q; want an error", n, got)
		}
	}
	_ = inner.Put(t.Context(), "other", raw)
	if got, err := s.Get(t.Context(), "other"); err == nil {
		t.Errorf("moved to another key: got %q; want an error", got)
	}
}

// A value that names no key must not be tried with the current one.
func TestValueWithoutKeyID(t *testing.T) {
	inner := new(bearer.MemoryStore)
	if err := inner.Put(t.Context(), "k", append([]byte{1, 0}, make([]byte, 40)...)); err != nil {
		t.Fatal(err)
	}
	_, err := over(inner, "a").Get(t.Context(), "k")
	if err == nil || !strings.Contains(err.Error(), "not written by an EncryptedStore") {
		t.Errorf("got %v, want that no EncryptedStore wrote it", err)
	}
}

func TestBadInput(t *testing.T) {
	key := func(k cryptstore.EncryptionKey) func(context.Context, string) (cryptstore.EncryptionKey, error) {
		return func(context.Context, string) (cryptstore.EncryptionKey, error) { return k, nil }
	}
	for want, s := range map[string]*cryptstore.EncryptedStore{
		"EncryptedStore.Store is nil": {Key: keyring{"a"}.key},
		"EncryptedStore.Key is nil":   {Store: new(bearer.MemoryStore)},
		"0 bytes":                     {Store: new(bearer.MemoryStore), Key: key(cryptstore.EncryptionKey{Secret: [32]byte{1}})},
		"300 bytes":                   {Store: new(bearer.MemoryStore), Key: key(cryptstore.EncryptionKey{ID: strings.Repeat("x", 300), Secret: [32]byte{1}})},
		"empty Secret":                {Store: new(bearer.MemoryStore), Key: key(cryptstore.EncryptionKey{ID: "a"})},
		"no such key":                 {Store: new(bearer.MemoryStore), Key: keyring{}.key},
	} {
		for _, err := range []error{s.Put(t.Context(), "k", []byte("v")), s.Swap(t.Context(), "k", nil, []byte("v"))} {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("got error %v; want one with %q", err, want)
			}
		}
	}
}

// G15: no verb and no encoder shows a key's secret.
func TestEncryptionKeyIsNotPrinted(t *testing.T) {
	k, _ := keyring{"a"}.key(t.Context(), "a")
	asJSON, err := json.Marshal(k)
	if err != nil {
		t.Fatal(err)
	}
	for _, got := range []string{fmt.Sprintf("%v %+v %#v %s %x %d", k, k, k, k, k, k), fmt.Sprintf("%+v", &k), string(asJSON)} {
		if strings.Contains(got, "secret") || strings.Contains(got, "97") || strings.Contains(got, "61 ") {
			t.Errorf("got %s, want no secret", got)
		}
	}
}

// A value that anyone wrote into the inner Store is an error or, if it is the
// one that Put wrote, its data; never a panic.
func FuzzGet(f *testing.F) {
	ctx, inner := context.Background(), new(bearer.MemoryStore)
	s := over(inner, "a")
	if err := s.Put(ctx, "k", []byte("value")); err != nil {
		f.Fatal(err)
	}
	written, _ := inner.Get(ctx, "k")
	f.Add(written)
	f.Fuzz(func(t *testing.T, value []byte) {
		if err := inner.Put(ctx, "k", value); err != nil {
			t.Fatal(err)
		}
		if got, err := s.Get(ctx, "k"); err == nil && string(got) != "value" {
			t.Errorf("got %q for %q, want an error", got, value)
		}
	})
}
