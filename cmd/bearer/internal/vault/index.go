package vault

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"example.com/bearer"
	"example.com/bearer/cmd/bearer/internal/credential"
)

// The index lists what is kept, since a keyring cannot be listed. It holds no
// secret.
type index map[string]credential.Credential

const (
	indexKey     = "index" // not a credential's key: those end in a hash
	indexVersion = 1
)

type indexFile struct {
	Version     int   `json:"v"`
	Credentials index `json:"credentials"`
}

// Find returns what is remembered under a name.
func (v Vault) Find(ctx context.Context, name string) (c credential.Credential, ok bool, err error) {
	all, err := v.load(ctx)
	c, ok = all[name]
	return c, ok, err
}

// List returns everything that is remembered, by name.
func (v Vault) List(ctx context.Context) ([]credential.Credential, error) {
	all, err := v.load(ctx)
	var list []credential.Credential
	for _, name := range slices.Sorted(maps.Keys(all)) {
		list = append(list, all[name])
	}
	return list, err
}

// CheckVariable returns an error if another remembered credential has the same
// variable for its secret as the one with this name: a secret that is set for
// one of them would be sent to the server of the other.
func (v Vault) CheckVariable(ctx context.Context, name string) error {
	all, err := v.load(ctx)
	if err != nil {
		return err
	}
	return all.checkVariable(name)
}

func (all index) checkVariable(name string) error {
	for _, other := range slices.Sorted(maps.Keys(all)) {
		if other != name && credential.Variable(other) == credential.Variable(name) {
			return fmt.Errorf("%s and %s would share %s: take a name that differs in more than - and _, or run bearer logout %[2]s",
				name, other, credential.Variable(name))
		}
	}
	return nil
}

// Remember puts c into the index, and deletes the token of what it replaces
// there, unless that is the same token.
func (v Vault) Remember(ctx context.Context, c credential.Credential) error {
	var old credential.Credential
	err := v.update(ctx, func(all index) error {
		old = all[c.Name]
		all[c.Name] = c
		return all.checkVariable(c.Name)
	})
	if err != nil || old.Name == "" || v.Same(old, c) {
		return err
	}
	return v.locked(ctx, old, func(s Store, key string) error { return s.Delete(ctx, key) })
}

// Amend replaces what is remembered of c, whose token stays the same. It
// returns [ErrForgotten] if nothing is.
func (v Vault) Amend(ctx context.Context, c credential.Credential) error {
	return v.update(ctx, func(all index) error {
		if old, ok := all[c.Name]; !ok || !v.Same(old, c) {
			return ErrForgotten
		}
		all[c.Name] = c
		return nil
	})
}

func (v Vault) load(ctx context.Context) (index, error) {
	data, err := v.files().Get(ctx, indexKey)
	if errors.Is(err, bearer.ErrNotFound) {
		return index{}, nil
	}
	if err != nil {
		return nil, err
	}
	var f indexFile
	if err := json.Unmarshal(data, &f); err != nil || f.Version != indexVersion || f.Credentials == nil {
		return nil, fmt.Errorf("this release cannot read the index in %s: move the folder away and log in again", v.folder)
	}
	return f.Credentials, nil
}

// update changes the index under its lock. An error of change leaves the index
// as it was.
func (v Vault) update(ctx context.Context, change func(index) error) (err error) {
	unlock, err := v.files().Lock(ctx, indexKey)
	if err != nil {
		return err
	}
	defer func() {
		if unlockErr := unlock(); err == nil {
			err = unlockErr
		}
	}()
	all, err := v.load(ctx)
	if err != nil {
		return err
	}
	if err := change(all); err != nil {
		return err
	}
	data, err := json.MarshalIndent(indexFile{indexVersion, all}, "", "\t")
	if err != nil {
		return err
	}
	return v.files().Put(ctx, indexKey, append(data, '\n'))
}
