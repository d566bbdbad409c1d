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

// FolderVariable is where another folder than the usual one is named.
const FolderVariable = "BEARER_HOME"

// The places where a token can be kept.
const (
	Keyring = "keyring"
	Dir     = "dir"
)

// A Vault is the program's folder: the index, the locks, and the tokens that are
// in no keyring. Its processes share it.
type Vault struct{ folder string }

// Open finds the folder. It is made when it is first written to.
func Open() (Vault, error) {
	folder := os.Getenv(FolderVariable)
	if folder == "" {
		config, err := os.UserConfigDir()
		if err != nil {
			return Vault{}, fmt.Errorf("there is no folder for the tokens: set %s: %w", FolderVariable, err)
		}
		folder = filepath.Join(config, "bearer")
	}
	// The folder is part of the keys, so it has to be the same from everywhere.
	folder, err := filepath.Abs(folder)
	return Vault{folder}, err
}

// A Store is what [bearer.Cache] needs so that processes share one refresh.
type Store interface {
	bearer.Store
	bearer.Locker
}

func (v Vault) files() bearer.DirStore { return bearer.DirStore(v.folder) }

// Store gives the place where c's token is kept, and its key there.
func (v Vault) Store(c credential.Credential) (s Store, key string) {
	if c.Store == Keyring {
		return keyringStore{v.files()}, c.Key(v.folder)
	}
	return v.files(), c.Key(v.folder)
}

// Place says where c's token is kept, in words.
func (v Vault) Place(c credential.Credential) string {
	if c.Store == Keyring {
		return "the keyring"
	}
	return v.folder
}

// Same reports whether a and b have one and the same token.
func (v Vault) Same(a, b credential.Credential) bool {
	return a.Store == b.Store && a.Key(v.folder) == b.Key(v.folder)
}

// Forget deletes c's token and then c itself. before is called first, with the
// token's lock held, so that nobody renews meanwhile what is revoked; its error
// leaves everything as it was.
func (v Vault) Forget(ctx context.Context, c credential.Credential, before func() error) error {
	if err := v.forgetToken(ctx, c, before); err != nil {
		return err
	}
	return v.update(ctx, func(all index) { delete(all, c.Name) })
}

func (v Vault) forgetToken(ctx context.Context, c credential.Credential, before func() error) (err error) {
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
	if err := before(); err != nil {
		return err
	}
	return s.Delete(ctx, key)
}
