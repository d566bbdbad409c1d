package vault

import (
	"bytes"
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

// keyringStore keeps values in the operating system's keyring. Keyrings have no
// locks, so the locks are files in the program's folder. Nor can they compare and
// swap, so all changes are made under one more of those locks, for a short time.
//
// A keyring takes short text only: 2560 bytes on Windows; on macOS a command of
// 4096 bytes, in which the library writes the value in base64. So a value is
// base64, and one that is longer than piece takes several items. The item with
// the value's name then names the others, and is written last: a reader, also
// after a crash in between, finds the old value or the new one.
type keyringStore struct {
	bearer.DirStore // for Lock; all other methods are overridden
}

const (
	keyringService = "bearer"
	piece          = 2400 // bytes of text in one item
	// No token needs more; an item that claims more is not ours.
	maxPieces = 1000
)

// Get implements [bearer.Store].
func (k keyringStore) Get(ctx context.Context, key string) ([]byte, error) {
	var data []byte
	err := inKeyring(ctx, func() (err error) {
		data, err = keyringGet(k.item(key))
		return err
	})
	if err != nil {
		// Not data: if ctx has ended, the call may still write to it.
		return nil, err
	}
	return data, nil
}

// Put implements [bearer.Store].
func (k keyringStore) Put(ctx context.Context, key string, data []byte) error {
	text := base64.StdEncoding.EncodeToString(data)
	return k.change(ctx, func() error { return keyringPut(k.item(key), text) })
}

// Delete implements [bearer.Store].
func (k keyringStore) Delete(ctx context.Context, key string) error {
	return k.change(ctx, func() error { return keyringDelete(k.item(key)) })
}

// Swap implements [bearer.Swapper].
func (k keyringStore) Swap(ctx context.Context, key string, old, new []byte) error {
	// Copies, because a call whose context has ended may still read them.
	name, absent, old := k.item(key), old == nil, bytes.Clone(old)
	remove, text := new == nil, base64.StdEncoding.EncodeToString(new)
	return k.change(ctx, func() error {
		data, err := keyringGet(name)
		gone := errors.Is(err, bearer.ErrNotFound)
		switch {
		case err != nil && !gone:
			return err
		case gone != absent || !bytes.Equal(data, old):
			return bearer.ErrChanged
		case remove:
			return keyringDelete(name)
		}
		return keyringPut(name, text)
	})
}

// changesKey is the key of the lock of changes. Those of tokens end in a hash.
const changesKey = "keyring-changes"

// change calls do, which changes an item, while no other process changes one.
func (k keyringStore) change(ctx context.Context, do func() error) error {
	return inKeyring(ctx, func() (err error) {
		unlock, err := k.Lock(ctx, changesKey)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, unlock()) }()
		return do()
	})
}

// turn holds an element while this process uses the keyring.
var turn = make(chan struct{}, 1)

// inKeyring calls do in turn. The library takes no context, and the keyring may
// ask the user for a password, so inKeyring returns when ctx ends and leaves do
// running. Its goroutine ends when the keyring answers.
func inKeyring(ctx context.Context, do func() error) error {
	if err := ctx.Err(); err != nil {
		return keyringError(err) // select would choose the turn as often
	}
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
	if err == nil || errors.Is(err, bearer.ErrNotFound) || errors.Is(err, bearer.ErrChanged) {
		return err
	}
	return fmt.Errorf("the keyring: %w", err)
}

// item returns the name of key's item. The user's folders share the keyring.
// Keyrings may confuse upper and lower case, and limit the length of names.
func (k keyringStore) item(key string) string {
	const plain = "abcdefghijklmnopqrstuvwxyz0123456789-_"
	sum := sha256.Sum256([]byte(k.DirStore))
	name := key + "-" + hex.EncodeToString(sum[:4])
	if len(name) <= 60 && strings.Trim(name, plain) == "" {
		return name
	}
	sum = sha256.Sum256([]byte(name))
	return hex.EncodeToString(sum[:]) // 64 bytes, so not a plain one
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
				return nil, errors.New("its item was not written by this program: log in again")
			}
			return data, nil
		}
		if !errors.Is(err, keyring.ErrNotFound) {
			return nil, err
		}
	}
	return nil, errors.New("part of the value is missing: log in again")
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

// split writes text into several items and returns what names them: their
// number, and an ID that their names share.
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

// pieces parses what split returned, which base64 is not: it has a colon.
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
