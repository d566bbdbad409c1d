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

// The index names what is kept, since a keyring cannot be listed. It holds no
// secret.
type index map[string]credential.Credential

const (
	indexKey     = "index" // no credential's key, as those have a hash behind the name
	indexVersion = 1
)

type indexFile struct {
	Version     int   `json:"v"`
	Credentials index `json:"credentials"`
}

// Find gives what is remembered under a name.
func (v Vault) Find(ctx context.Context, name string) (c credential.Credential, ok bool, err error) {
	all, err := v.load(ctx)
	c, ok = all[name]
	return c, ok, err
}

// List gives everything that is remembered, by name.
func (v Vault) List(ctx context.Context) ([]credential.Credential, error) {
	all, err := v.load(ctx)
	var list []credential.Credential
	for _, name := range slices.Sorted(maps.Keys(all)) {
		list = append(list, all[name])
	}
	return list, err
}

// Remember puts c into the index, and deletes the token of what was there under
// that name, if it was another one.
func (v Vault) Remember(ctx context.Context, c credential.Credential) error {
	var old credential.Credential
	err := v.update(ctx, func(all index) {
		old = all[c.Name]
		all[c.Name] = c
	})
	if err != nil || old.Name == "" || v.Same(old, c) {
		return err
	}
	return v.forgetToken(ctx, old, func() error { return nil })
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
		return nil, fmt.Errorf("the index in %s is not one that this release reads: move the folder away and log in again", v.folder)
	}
	return f.Credentials, nil
}

// update changes the index while no other process does.
func (v Vault) update(ctx context.Context, change func(index)) (err error) {
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
	change(all)
	data, err := json.MarshalIndent(indexFile{indexVersion, all}, "", "\t")
	if err != nil {
		return err
	}
	return v.files().Put(ctx, indexKey, append(data, '\n'))
}
