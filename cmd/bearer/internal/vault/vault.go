// Package vault keeps tokens between the runs of the program: in the operating
// system's keyring or in files.
package vault

import (
	"context"
	"errors"
	"fmt"
	"os"

	"example.com/bearer"
	"example.com/bearer/cmd/bearer/internal/home"
)

// Variable is the environment variable that says where the tokens are kept whose
// clients declare no store.
const Variable = "BEARER_STORE"

// The places where a token can be kept.
const (
	Keyring = "keyring"
	Dir     = "dir"
)

// A Vault is the program's folder, with the locks and the tokens that are not in
// a keyring. All processes of a user share it.
type Vault struct {
	folder string
	usual  string // what Variable says
}

// Open finds the folder, which is made when it is first written to.
func Open() (Vault, error) {
	folder, err := home.Folder()
	if err != nil {
		return Vault{}, err
	}
	usual := os.Getenv(Variable)
	if usual != "" && usual != Keyring && usual != Dir {
		return Vault{}, fmt.Errorf("%s must be %s or %s, got %q", Variable, Keyring, Dir, usual)
	}
	return Vault{folder, usual}, nil
}

// A Store is what [bearer.Cache] needs so that processes share one refresh, and
// one that was suspended does no harm.
type Store interface {
	bearer.Store
	bearer.Locker
	bearer.Swapper
}

// In returns the store of that place; "" is for clients that declare none.
func (v Vault) In(place string) Store {
	if place == "" {
		place = v.usual
	}
	switch place {
	case Keyring:
		return keyringStore{v.files()}
	case Dir:
		return v.files()
	}
	return usual{v}
}

// Usual returns where the tokens are kept whose clients declare no store, "" as
// long as there is none.
func (v Vault) Usual(ctx context.Context) (place string) {
	if v.usual != "" {
		return v.usual
	}
	place, _ = usual{v}.chosen(ctx)
	return place
}

// Choose makes the choice that Usual returns, if there is none. The first token
// makes it too.
func (v Vault) Choose(ctx context.Context) error {
	if v.usual != "" {
		return nil
	}
	_, err := usual{v}.chosen(ctx)
	if errors.Is(err, bearer.ErrNotFound) {
		_, err = usual{v}.choose(ctx)
	}
	return err
}

// Folder returns the program's folder.
func (v Vault) Folder() string { return v.folder }

func (v Vault) files() bearer.DirStore { return bearer.DirStore(v.folder) }

// Forget deletes the token of c from its Store, under its lock. It calls before
// first, also under the lock, so that the token which before revokes is not
// refreshed meanwhile. An error of before leaves the token as it was.
func Forget(ctx context.Context, c *bearer.Cache, before func() error) (err error) {
	locker, ok := c.Store.(bearer.Locker)
	if !ok {
		return errors.New("its store has no locks")
	}
	unlock, err := locker.Lock(ctx, c.Key)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	if err := before(); err != nil {
		return err
	}
	return c.Store.Delete(ctx, c.Key)
}
