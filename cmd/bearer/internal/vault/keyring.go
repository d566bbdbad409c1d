package vault

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/zalando/go-keyring"

	"example.com/bearer"
)

// keyringStore keeps values in the operating system's keyring. That has no
// locks: they are files in the program's folder.
//
// A keyring takes short text only: 2560 bytes on Windows; on macOS a command of
// 4096 bytes, in which the library writes the value in base64. A value is base64
// here, and what is longer than piece is in several items. The item under the
// value's own name then says which, and it is written last: a reader, or a crash
// in between, finds the old value or the new one.
type keyringStore struct {
	bearer.DirStore // for Lock
}

const (
	keyringService = "bearer"
	piece          = 2400 // bytes of text in one item
	maxPieces      = 1000 // nobody's token is larger; what says so is not ours
)

// Get implements [bearer.Store].
func (keyringStore) Get(ctx context.Context, key string) ([]byte, error) {
	var data []byte
	err := inKeyring(ctx, func() (err error) {
		data, err = keyringGet(item(key))
		return err
	})
	if err != nil {
		return nil, err // not data: if ctx ended, it may still be written to
	}
	return data, nil
}

// Put implements [bearer.Store].
func (keyringStore) Put(ctx context.Context, key string, data []byte) error {
	text := base64.StdEncoding.EncodeToString(data)
	return inKeyring(ctx, func() error { return keyringPut(item(key), text) })
}

// Delete implements [bearer.Store].
func (keyringStore) Delete(ctx context.Context, key string) error {
	return inKeyring(ctx, func() error { return keyringDelete(item(key)) })
}

// turn is held while the keyring is used by this process.
var turn = make(chan struct{}, 1)

// inKeyring calls do when it is its turn. The library has no contexts, and the
// keyring may ask the user for a password: when ctx ends, do is left behind. Its
// goroutine ends with the keyring's answer.
func inKeyring(ctx context.Context, do func() error) error {
	select {
	case turn <- struct{}{}:
	case <-ctx.Done():
		return keyringError(ctx.Err())
	}
	done := make(chan error, 1)
	go func() {
		defer func() { <-turn }()
		done <- do()
	}()
	select {
	case err := <-done:
		return keyringError(err)
	case <-ctx.Done():
		return keyringError(ctx.Err())
	}
}

func keyringError(err error) error {
	if err == nil || errors.Is(err, bearer.ErrNotFound) {
		return err
	}
	return fmt.Errorf("the keyring: %w", err)
}

// item is the name of key's item. Keyrings may confuse upper and lower case, and
// want short names.
func item(key string) string {
	const plain = "abcdefghijklmnopqrstuvwxyz0123456789-_"
	if len(key) <= 60 && strings.Trim(key, plain) == "" {
		return key
	}
	sum := sha256.Sum256([]byte(key))
	return hex.EncodeToString(sum[:]) // 64 bytes, so no plain one
}

func keyringGet(name string) ([]byte, error) {
	var err error
	// A piece is missing when another process has just replaced the value.
	for range 3 {
		var text string
		text, err = keyring.Get(keyringService, name)
		if err == nil {
			text, err = join(name, text)
		} else if errors.Is(err, keyring.ErrNotFound) {
			return nil, bearer.ErrNotFound
		}
		if err == nil {
			data, err := base64.StdEncoding.DecodeString(text)
			if err != nil {
				return nil, errors.New("what is in it is not what this program writes: log in again")
			}
			return data, nil
		}
		if !errors.Is(err, keyring.ErrNotFound) {
			return nil, err
		}
	}
	return nil, errors.New("a part of the value is missing: log in again")
}

func keyringPut(name, text string) error {
	old, err := keyring.Get(keyringService, name)
	if err != nil && !errors.Is(err, keyring.ErrNotFound) {
		return err
	}
	head := text
	if len(text) > piece {
		if head, err = split(name, text); err != nil {
			return err
		}
	}
	if err := keyring.Set(keyringService, name, head); err != nil {
		return err
	}
	return deletePieces(name, old)
}

func keyringDelete(name string) error {
	old, err := keyring.Get(keyringService, name)
	if errors.Is(err, keyring.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := keyring.Delete(keyringService, name); err != nil && !errors.Is(err, keyring.ErrNotFound) {
		return err
	}
	return deletePieces(name, old)
}

// split writes text into items of their own and returns what names them: how
// many there are, and what this time's have in common.
func split(name, text string) (head string, err error) {
	if len(text) > maxPieces*piece {
		return "", keyring.ErrSetDataTooBig
	}
	id, n := rand.Text()[:8], 0
	for ; text != ""; n++ {
		part := text[:min(piece, len(text))]
		if err := keyring.Set(keyringService, pieceName(name, id, n), part); err != nil {
			return "", err
		}
		text = text[len(part):]
	}
	return fmt.Sprintf("%d:%s", n, id), nil
}

func join(name, head string) (string, error) {
	n, id, ok := pieces(head)
	if !ok {
		return head, nil
	}
	var text strings.Builder
	for i := range n {
		part, err := keyring.Get(keyringService, pieceName(name, id, i))
		if err != nil {
			return "", err
		}
		text.WriteString(part)
	}
	return text.String(), nil
}

func deletePieces(name, head string) error {
	n, id, _ := pieces(head)
	for i := range n {
		if err := keyring.Delete(keyringService, pieceName(name, id, i)); err != nil && !errors.Is(err, keyring.ErrNotFound) {
			return err
		}
	}
	return nil
}

// pieces reads what split returned. Base64 has no colon.
func pieces(head string) (n int, id string, ok bool) {
	count, id, ok := strings.Cut(head, ":")
	if !ok {
		return 0, "", false
	}
	n, err := strconv.Atoi(count)
	if err != nil || n < 0 || n > maxPieces {
		return 0, "", false
	}
	return n, id, true
}

func pieceName(name, id string, i int) string {
	return fmt.Sprintf("%s.%s.%d", name, strings.ToLower(id), i)
}
