package vault

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"example.com/bearer"
)

// usual is the store of clients that declare none: the keyring or the folder,
// whichever the first token went to. It must stay the same, or tokens would seem
// to be gone, so the choice is written down in the folder.
type usual struct{ Vault }

const choiceKey = "choice" // not the key of a token: those end in a hash

// Get implements [bearer.Store].
func (u usual) Get(ctx context.Context, key string) ([]byte, error) {
	s, err := u.chosen(ctx)
	if err != nil {
		return nil, err
	}
	return s.Get(ctx, key)
}

// Put implements [bearer.Store]. The first one makes the choice.
func (u usual) Put(ctx context.Context, key string, data []byte) error {
	s, err := u.chosen(ctx)
	if errors.Is(err, bearer.ErrNotFound) {
		s, err = u.choose(ctx)
	}
	if err != nil {
		return err
	}
	return s.Put(ctx, key, data)
}

// Delete implements [bearer.Store].
func (u usual) Delete(ctx context.Context, key string) error {
	s, err := u.chosen(ctx)
	if errors.Is(err, bearer.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	return s.Delete(ctx, key)
}

// Lock implements [bearer.Locker]. The locks of both stores are the folder's.
func (u usual) Lock(ctx context.Context, key string) (unlock func() error, err error) {
	return u.files().Lock(ctx, key)
}

// chosen returns the store that was chosen, or [bearer.ErrNotFound] if nothing
// has been stored yet.
func (u usual) chosen(ctx context.Context) (Store, error) {
	data, err := u.files().Get(ctx, choiceKey)
	if err != nil {
		return nil, err
	}
	switch place := strings.TrimSpace(string(data)); place {
	case Keyring, Dir:
		return u.In(place), nil
	}
	return nil, fmt.Errorf("the folder %s does not say where its tokens are: set %s to %s or %s", u.folder, Variable, Keyring, Dir)
}

// choose makes the choice, unless another process has.
func (u usual) choose(ctx context.Context) (s Store, err error) {
	unlock, err := u.files().Lock(ctx, choiceKey)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	if s, err := u.chosen(ctx); !errors.Is(err, bearer.ErrNotFound) {
		return s, err
	}
	place := Probe(ctx)
	if err := u.files().Put(ctx, choiceKey, []byte(place+"\n")); err != nil {
		return nil, err
	}
	return u.In(place), nil
}
