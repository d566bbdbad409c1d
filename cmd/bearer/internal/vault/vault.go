// Package vault keeps tokens between the runs of the program: in the operating
// system's keyring or in files, with an index of what there is.
package vault

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"example.com/bearer"
	"example.com/bearer/cmd/bearer/internal/credential"
)

// Variable is the environment variable that names the place of tokens whose
// client declares none.
const Variable = "BEARER_STORE"

// FolderVariable names the program's folder, instead of the usual one.
const FolderVariable = "BEARER_HOME"

// The places where a token can be kept.
const (
	Keyring = "keyring"
	Dir     = "dir"
)

// A Vault is the program's folder: the index, the locks, and the tokens that
// are not in a keyring. All processes of a user share it.
type Vault struct{ folder string }

// Open finds the folder. It is created when it is first written to.
func Open() (Vault, error) {
	folder := os.Getenv(FolderVariable)
	if folder == "" {
		config, err := os.UserConfigDir()
		if err != nil {
			return Vault{}, fmt.Errorf("there is no folder for the tokens: set %s: %w", FolderVariable, err)
		}
		folder = filepath.Join(config, "bearer")
	}
	// The keys depend on the folder, so its name must not depend on the
	// current directory.
	folder, err := filepath.Abs(folder)
	return Vault{folder}, err
}

// A Store is what [bearer.Cache] needs so that processes share one refresh.
type Store interface {
	bearer.Store
	bearer.Locker
}

// In returns the store of that place; "" is the one that Variable names, or
// else the usual one.
func (v Vault) In(place string) Store {
	if place == "" {
		place = os.Getenv(Variable)
	}
	switch place {
	case Keyring:
		return keyringStore{v.files()}
	case Dir:
		return v.files()
	}
	return usual{v}
}

func (v Vault) files() bearer.DirStore { return bearer.DirStore(v.folder) }

// Store returns the place where c's token is kept, and its key there.
func (v Vault) Store(c credential.Credential) (s Store, key string) {
	if c.Store == Keyring {
		return keyringStore{v.files()}, c.Key(v.folder)
	}
	return v.files(), c.Key(v.folder)
}

// Place says in words where c's token is kept.
func (v Vault) Place(c credential.Credential) string {
	if c.Store == Keyring {
		return "the keyring"
	}
	return v.folder
}

// Same reports whether a and b share one token.
func (v Vault) Same(a, b credential.Credential) bool {
	return a.Store == b.Store && a.Key(v.folder) == b.Key(v.folder)
}

// Forget deletes c's token and then c itself, while it holds the token's lock:
// a process that waits for the lock finds c gone, see [Vault.Remembered]. It
// calls before first, also under the lock, so that the token which before
// revokes is not refreshed meanwhile; an error of before leaves everything as
// it was.
func (v Vault) Forget(ctx context.Context, c credential.Credential, before func() error) error {
	return v.locked(ctx, c, func(s Store, key string) error {
		if err := before(); err != nil {
			return err
		}
		if err := s.Delete(ctx, key); err != nil {
			return err
		}
		return v.update(ctx, func(all index) error {
			// Another process may have logged in to something else since.
			if v.Same(all[c.Name], c) {
				delete(all, c.Name)
			}
			return nil
		})
	})
}

// locked calls do while it holds the lock of c's token. The index's lock may be
// taken under it, never the other way round.
func (v Vault) locked(ctx context.Context, c credential.Credential, do func(s Store, key string) error) (err error) {
	s, key := v.Store(c)
	unlock, err := s.Lock(ctx, key)
	if err != nil {
		return err
	}
	defer func() {
		if unlockErr := unlock(); err == nil {
			err = unlockErr
		}
	}()
	return do(s, key)
}
