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
	place, err := u.chosen(ctx)
	if err != nil {
		return nil, err
	}
	return u.In(place).Get(ctx, key)
}

// Put implements [bearer.Store]. The first one makes the choice.
func (u usual) Put(ctx context.Context, key string, data []byte) error {
	place, err := u.chosen(ctx)
	if errors.Is(err, bearer.ErrNotFound) {
		place, err = u.choose(ctx)
	}
	if err != nil {
		return err
	}
	return u.In(place).Put(ctx, key, data)
}

// Delete implements [bearer.Store].
func (u usual) Delete(ctx context.Context, key string) error {
	place, err := u.chosen(ctx)
	if errors.Is(err, bearer.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	return u.In(place).Delete(ctx, key)
}

// Swap implements [bearer.Swapper]. The first one that stores makes the choice.
func (u usual) Swap(ctx context.Context, key string, old, new []byte) error {
	place, err := u.chosen(ctx)
	if errors.Is(err, bearer.ErrNotFound) {
		switch {
		case old != nil:
			return bearer.ErrChanged
		case new == nil:
			return nil
		}
		place, err = u.choose(ctx)
	}
	if err != nil {
		return err
	}
	return u.In(place).Swap(ctx, key, old, new)
}

// Lock implements [bearer.Locker]. The locks of both stores are the folder's.
func (u usual) Lock(ctx context.Context, key string) (unlock func() error, err error) {
	return u.files().Lock(ctx, key)
}

// chosen returns the place that was chosen, or [bearer.ErrNotFound] if nothing
// has been stored yet.
func (u usual) chosen(ctx context.Context) (place string, err error) {
	data, err := u.files().Get(ctx, choiceKey)
	if err != nil {
		return "", err
	}
	place = strings.TrimSpace(string(data))
	if place != Keyring && place != Dir {
		return "", fmt.Errorf("the folder %s does not say where its tokens are: set %s to %s or %s", u.folder, Variable, Keyring, Dir)
	}
	return place, nil
}

// choose makes the choice, unless another process has.
func (u usual) choose(ctx context.Context) (place string, err error) {
	unlock, err := u.files().Lock(ctx, choiceKey)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	if place, err = u.chosen(ctx); !errors.Is(err, bearer.ErrNotFound) {
		return place, err
	}
	place = Probe(ctx)
	return place, u.files().Put(ctx, choiceKey, []byte(place+"\n"))
}
