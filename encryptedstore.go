package bearer

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"errors"
	"fmt"
)

// EncryptedStore is a [Store] that encrypts what it puts into another one, with
// AES-256-GCM. A value that was changed, or moved to another key, is an error.
// It is a [Locker] if the other one is, and otherwise locks nothing.
type EncryptedStore struct {
	// Store holds the encrypted values. Required.
	Store Store

	// Key returns a key by its id, which is stored beside the value in the
	// clear. An empty id asks for the key to encrypt with from now on. To
	// rotate keys, return the new one for the empty id and keep the old one
	// for its own: what is written next is written with the new one. It may
	// be called by several goroutines at once. Required.
	Key func(ctx context.Context, id string) (EncryptionKey, error)
}

// An EncryptionKey is a key of an [EncryptedStore].
type EncryptionKey struct {
	ID     string   // 1 to 255 bytes
	Secret [32]byte // AES-256
}

// Format hides the secret from fmt's verbs.
func (k EncryptionKey) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "bearer.EncryptionKey{ID:%q}", k.ID)
}

// MarshalText hides the secret from encoding/json and log/slog.
func (k EncryptionKey) MarshalText() ([]byte, error) { return fmt.Append(nil, k), nil }

// encryptedVersion is the first byte of a value. After it come the length of
// the key's id, the id, the nonce and the sealed data.
const encryptedVersion = 1

// Get implements [Store].
func (s *EncryptedStore) Get(ctx context.Context, key string) ([]byte, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	value, err := s.Store.Get(ctx, key)
	if err != nil {
		return nil, err
	}
	if len(value) < 2 || value[0] != encryptedVersion || len(value) < 2+int(value[1]) {
		return nil, errors.New("bearer: EncryptedStore: the value was not written by an EncryptedStore: delete it")
	}
	header := value[:2+int(value[1])]
	k, err := s.key(ctx, string(header[2:]))
	if err != nil {
		return nil, err
	}
	data, err := k.gcm().Open(nil, nil, value[len(header):], associated(header, key))
	if err != nil {
		return nil, fmt.Errorf("bearer: EncryptedStore: the value cannot be decrypted with the key %q: it was changed, moved, or written with another key of that id", k.ID)
	}
	return data, nil
}

// Put implements [Store].
func (s *EncryptedStore) Put(ctx context.Context, key string, data []byte) error {
	if err := s.check(); err != nil {
		return err
	}
	k, err := s.key(ctx, "")
	if err != nil {
		return err
	}
	header := append([]byte{encryptedVersion, byte(len(k.ID))}, k.ID...)
	sealed := k.gcm().Seal(nil, nil, data, associated(header, key))
	return s.Store.Put(ctx, key, append(header, sealed...))
}

// Delete implements [Store].
func (s *EncryptedStore) Delete(ctx context.Context, key string) error {
	if err := s.check(); err != nil {
		return err
	}
	return s.Store.Delete(ctx, key)
}

// Lock implements [Locker].
func (s *EncryptedStore) Lock(ctx context.Context, key string) (unlock func() error, err error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	if l, ok := s.Store.(Locker); ok {
		return l.Lock(ctx, key)
	}
	return func() error { return nil }, nil
}

func (s *EncryptedStore) check() error {
	if s.Store == nil {
		return errors.New("bearer: EncryptedStore.Store is nil: set it")
	}
	if s.Key == nil {
		return errors.New("bearer: EncryptedStore.Key is nil: set it")
	}
	return nil
}

func (s *EncryptedStore) key(ctx context.Context, id string) (EncryptionKey, error) {
	k, err := s.Key(ctx, id)
	switch {
	case err != nil:
		return k, fmt.Errorf("bearer: EncryptedStore.Key: key %q: %w", id, err)
	case k.ID == "" || len(k.ID) > 255:
		return k, fmt.Errorf("bearer: EncryptedStore.Key returned a key whose ID has %d bytes: it needs 1 to 255", len(k.ID))
	case id != "" && k.ID != id:
		return k, fmt.Errorf("bearer: EncryptedStore.Key returned the key %q when asked for %q", k.ID, id)
	case k.Secret == [32]byte{}:
		return k, fmt.Errorf("bearer: EncryptedStore.Key returned the key %q with an empty Secret", k.ID)
	}
	return k, nil
}

// gcm makes a random nonce for each value: with one value per token, 2^32 of
// them, after which one should change the key, do not come about.
func (k EncryptionKey) gcm() cipher.AEAD {
	block, err := aes.NewCipher(k.Secret[:])
	if err != nil {
		panic(err) // cannot be: the length is right
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic(err) // cannot be: AES has the right block size
	}
	return aead
}

// associated binds a value to its key in the Store.
func associated(header []byte, key string) []byte {
	return append(append([]byte(nil), header...), key...)
}
