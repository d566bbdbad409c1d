package bearer_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"example.com/bearer"
	"example.com/bearer/storetest"
)

// keyring has keys whose secrets are their ids, repeated; current is the first.
type keyring []string

func (r keyring) key(_ context.Context, id string) (bearer.EncryptionKey, error) {
	for _, have := range r {
		if id == "" || id == have {
			k := bearer.EncryptionKey{ID: have}
			copy(k.Secret[:], strings.Repeat(have+"-secret-", 8))
			return k, nil
		}
	}
	return bearer.EncryptionKey{}, errors.New("no such key")
}

func TestEncryptedStoreContract(t *testing.T) {
	storetest.Run(t, func(t *testing.T) bearer.Store {
		return &bearer.EncryptedStore{Store: new(bearer.MemoryStore), Key: keyring{"a"}.key}
	})
}

func TestEncryptedStoreHidesValues(t *testing.T) {
	inner := new(bearer.MemoryStore)
	s := &bearer.EncryptedStore{Store: inner, Key: keyring{"a"}.key}
	if err := s.Put(t.Context(), "k", []byte("a secret value")); err != nil {
		t.Fatal(err)
	}
	raw, err := inner.Get(t.Context(), "k")
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(raw, []byte("secret value")) {
		t.Error("the value is stored in the clear")
	}
}

func TestEncryptedStoreRotatesKeys(t *testing.T) {
	inner := new(bearer.MemoryStore)
	before := &bearer.EncryptedStore{Store: inner, Key: keyring{"old"}.key}
	during := &bearer.EncryptedStore{Store: inner, Key: keyring{"new", "old"}.key}
	after := &bearer.EncryptedStore{Store: inner, Key: keyring{"new"}.key}

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

func TestEncryptedStoreNoticesChanges(t *testing.T) {
	inner := new(bearer.MemoryStore)
	s := &bearer.EncryptedStore{Store: inner, Key: keyring{"a"}.key}
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

func TestEncryptedStoreBadInput(t *testing.T) {
	key := func(k bearer.EncryptionKey) func(context.Context, string) (bearer.EncryptionKey, error) {
		return func(context.Context, string) (bearer.EncryptionKey, error) { return k, nil }
	}
	for want, s := range map[string]*bearer.EncryptedStore{
		"EncryptedStore.Store is nil": {Key: keyring{"a"}.key},
		"EncryptedStore.Key is nil":   {Store: new(bearer.MemoryStore)},
		"0 bytes":                     {Store: new(bearer.MemoryStore), Key: key(bearer.EncryptionKey{Secret: [32]byte{1}})},
		"300 bytes":                   {Store: new(bearer.MemoryStore), Key: key(bearer.EncryptionKey{ID: strings.Repeat("x", 300), Secret: [32]byte{1}})},
		"empty Secret":                {Store: new(bearer.MemoryStore), Key: key(bearer.EncryptionKey{ID: "a"})},
		"no such key":                 {Store: new(bearer.MemoryStore), Key: keyring{}.key},
	} {
		if err := s.Put(t.Context(), "k", []byte("v")); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got error %v; want one with %q", err, want)
		}
	}
}

func TestEncryptionKeyIsNotPrinted(t *testing.T) {
	k, _ := keyring{"a"}.key(t.Context(), "a")
	asJSON, err := json.Marshal(k)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{fmt.Sprintf("%v %+v %#v %s %x %d", k, k, k, k, k, k), fmt.Sprintf("%+v", &k), string(asJSON)} {
		if strings.Contains(s, "secret") || strings.Contains(s, "97") || strings.Contains(s, "61 ") {
			t.Errorf("a key prints as %s", s)
		}
	}
}
