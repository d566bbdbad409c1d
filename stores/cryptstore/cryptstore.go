// Package cryptstore encrypts what a [bearer.Store] keeps.
package cryptstore

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"errors"
	"fmt"
	"time"

	"example.com/bearer"
)

// An EncryptedStore is a [bearer.Store] that encrypts the values of another
// Store with AES-256-GCM. Reading a value that was changed, or moved to another
// key, is an error. The keys under which values are stored are not encrypted,
// and an older value of the same key that someone puts back is not detected.
//
// Its Lock is that of the other Store, and its Swap uses the other Store's; each
// returns [errors.ErrUnsupported] if that Store has no such method. Its methods may be called concurrently.
type EncryptedStore struct {
	// Store keeps the encrypted values. Required.
	Store bearer.Store

	// Key returns the key with the given id, which is stored beside each
	// value in the clear. An empty id asks for the key to encrypt with. To
	// rotate keys, return the new key for the empty id, and keep returning
	// the old one for its own id until every value has been written again.
	// Key may be called concurrently. Required.
	Key func(ctx context.Context, id string) (EncryptionKey, error)
}

// An EncryptionKey is a key of an [EncryptedStore]. Formatting it with fmt,
// encoding/json or log/slog shows its ID only.
type EncryptionKey struct {
	ID     string   // 1 to 255 bytes; not secret
	Secret [32]byte // AES-256; all zeros is an error
}

// Format implements [fmt.Formatter]: no verb shows the secret.
func (k EncryptionKey) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "cryptstore.EncryptionKey{ID:%q}", k.ID)
}

// MarshalText keeps the secret from encoding/json and log/slog.
func (k EncryptionKey) MarshalText() ([]byte, error) { return fmt.Append(nil, k), nil }

// version is the first byte of a value. The length of the key's id, the id, the
// nonce and the sealed data follow.
const version = 1

// Get implements [bearer.Store].
func (s *EncryptedStore) Get(ctx context.Context, key string) ([]byte, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	_, data, err := s.get(ctx, key)
	return data, err
}

// get returns a value as it is stored, and what it holds.
func (s *EncryptedStore) get(ctx context.Context, key string) (value, data []byte, err error) {
	value, err = s.Store.Get(ctx, key)
	if err != nil {
		return nil, nil, err
	}
	data, err = s.open(ctx, key, value)
	return value, data, err
}

// open decrypts a value.
func (s *EncryptedStore) open(ctx context.Context, key string, value []byte) ([]byte, error) {
	header, sealed, ok := split(value)
	if !ok {
		return nil, errors.New("cryptstore: the value was not written by an EncryptedStore: delete it")
	}
	k, err := s.key(ctx, string(header[2:]))
	if err != nil {
		return nil, err
	}
	data, err := k.gcm().Open(nil, nil, sealed, associated(header, key))
	if err != nil {
		return nil, fmt.Errorf("cryptstore: the value cannot be decrypted with the key %q: it was changed, moved, or written with another key of that id", k.ID)
	}
	return data, nil
}

// Put implements [bearer.Store].
func (s *EncryptedStore) Put(ctx context.Context, key string, data []byte) error {
	if err := s.check(); err != nil {
		return err
	}
	value, err := s.seal(ctx, key, data)
	if err != nil {
		return err
	}
	return s.Store.Put(ctx, key, value)
}

// seal encrypts data with the current key.
func (s *EncryptedStore) seal(ctx context.Context, key string, data []byte) ([]byte, error) {
	k, err := s.key(ctx, "")
	if err != nil {
		return nil, err
	}
	header := append([]byte{version, byte(len(k.ID))}, k.ID...)
	return append(header, k.gcm().Seal(nil, nil, data, associated(header, key))...), nil
}

// Swap implements [bearer.Swapper]: it compares what the values hold, since one
// that is encrypted anew is never the same.
func (s *EncryptedStore) Swap(ctx context.Context, key string, old, new []byte) error {
	if err := s.check(); err != nil {
		return err
	}
	swapper, ok := s.Store.(bearer.Swapper)
	if !ok {
		return errors.ErrUnsupported
	}
	var before []byte // the value of the last attempt
	for first := true; ; first = false {
		stored, data, err := s.get(ctx, key)
		switch {
		case errors.Is(err, bearer.ErrNotFound):
			stored, data = nil, nil
		case err != nil:
			return err
		case data == nil:
			data = []byte{} // a value, and an empty one
		}
		if (data == nil) != (old == nil) || !bytes.Equal(data, old) {
			return bearer.ErrChanged
		}
		if !first && bytes.Equal(stored, before) {
			return bearer.ErrChanged // the other Store says so, though it has the same value again
		}
		before = stored
		var value []byte
		if new != nil {
			if value, err = s.seal(ctx, key, new); err != nil {
				return err
			}
		}
		if err := swapper.Swap(ctx, key, stored, value); !errors.Is(err, bearer.ErrChanged) {
			return err
		}
		// Another one may have encrypted the same data anew meanwhile.
		if err := ctx.Err(); err != nil {
			return err
		}
	}
}

// Delete implements [bearer.Store].
func (s *EncryptedStore) Delete(ctx context.Context, key string) error {
	if err := s.check(); err != nil {
		return err
	}
	return s.Store.Delete(ctx, key)
}

// Lock implements [bearer.Locker].
func (s *EncryptedStore) Lock(ctx context.Context, key string) (unlock func() error, err error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	l, ok := s.Store.(bearer.Locker)
	if !ok {
		return nil, errors.ErrUnsupported
	}
	return l.Lock(ctx, key)
}

// Lease is that of the other Store's locks; see [bearer.Locker].
func (s *EncryptedStore) Lease() time.Duration {
	if l, ok := s.Store.(interface{ Lease() time.Duration }); ok {
		return l.Lease()
	}
	return 0
}

func (s *EncryptedStore) check() error {
	if s.Store == nil {
		return errors.New("cryptstore: EncryptedStore.Store is nil: set it")
	}
	if s.Key == nil {
		return errors.New("cryptstore: EncryptedStore.Key is nil: set it")
	}
	return nil
}

// key calls Key and checks what it returned.
func (s *EncryptedStore) key(ctx context.Context, id string) (EncryptionKey, error) {
	k, err := s.Key(ctx, id)
	switch {
	case err != nil:
		return k, fmt.Errorf("cryptstore: EncryptedStore.Key: key %q: %w", id, err)
	case k.ID == "" || len(k.ID) > 255:
		return k, fmt.Errorf("cryptstore: EncryptedStore.Key returned a key whose ID has %d bytes: use 1 to 255", len(k.ID))
	case id != "" && k.ID != id:
		return k, fmt.Errorf("cryptstore: EncryptedStore.Key returned the key %q when asked for %q", k.ID, id)
	case k.Secret == [32]byte{}:
		return k, fmt.Errorf("cryptstore: EncryptedStore.Key returned the key %q with an empty Secret: set it", k.ID)
	}
	return k, nil
}

// split parts a value into its header and the sealed data after it. An empty id
// never was written, and would ask Key for the current key.
func split(value []byte) (header, sealed []byte, ok bool) {
	if len(value) < 2 || value[0] != version || value[1] == 0 || len(value) < 2+int(value[1]) {
		return nil, nil, false
	}
	n := 2 + int(value[1])
	return value[:n], value[n:], true
}

// gcm returns a cipher that draws a random nonce for each value. That is safe
// for 2^32 values of one key: far more than one for each refresh ever makes.
func (k EncryptionKey) gcm() cipher.AEAD {
	block, err := aes.NewCipher(k.Secret[:])
	if err != nil {
		panic(err) // unreachable: the length is right
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic(err) // unreachable: AES has the right block size
	}
	return aead
}

// associated returns what GCM authenticates beside the data: it binds a value
// to its header and to its key in the Store.
func associated(header []byte, key string) []byte {
	return append(append([]byte(nil), header...), key...)
}
