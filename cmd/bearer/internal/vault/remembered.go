package vault

import (
	"context"
	"errors"

	"example.com/bearer/cmd/bearer/internal/credential"
)

// ErrForgotten means that another process has forgotten the credential since
// this one read it.
var ErrForgotten = errors.New("it was logged out by another process")

// Remembered is Store for a credential that is in the index. Lock and Put fail
// with [ErrForgotten] once it no longer is: a refresh that waited for the lock
// while the user logged out must not store a token that no name leads to.
func (v Vault) Remembered(c credential.Credential) (s Store, key string) {
	s, key = v.Store(c)
	return remembered{s, v, c}, key
}

type remembered struct {
	Store
	vault Vault
	cred  credential.Credential
}

// Lock implements [bearer.Locker]. Under the lock the answer of check stays
// true, since Forget holds it too.
func (r remembered) Lock(ctx context.Context, key string) (unlock func() error, err error) {
	unlock, err = r.Store.Lock(ctx, key)
	if err != nil {
		return nil, err
	}
	if err := r.check(ctx); err != nil {
		return nil, errors.Join(err, unlock())
	}
	return unlock, nil
}

// Put implements [bearer.Store]. If Lock fails, a Cache may obtain a token
// without it, and store that.
func (r remembered) Put(ctx context.Context, key string, data []byte) error {
	if err := r.check(ctx); err != nil {
		return err
	}
	return r.Store.Put(ctx, key, data)
}

func (r remembered) check(ctx context.Context) error {
	now, ok, err := r.vault.Find(ctx, r.cred.Name)
	if err == nil && !(ok && r.vault.Same(now, r.cred)) {
		err = ErrForgotten
	}
	return err
}
