package fleet

import (
	"context"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"example.com/bearer"
)

// lease is how long a lock lasts whose holder is not heard of, for Stores that
// have leases; stops are longer.
const (
	lease      = 3 * time.Second
	stopLength = lease * 3 / 2
)

// Dir is the Store that is a temporary folder.
const Dir = "dir"

// Stores says how a Store is named, for a flag's help.
const Stores = "dir for a temporary folder, a folder's path"

// A kind says what a Store is.
type kind int

const (
	unknown kind = iota
	temporary
	folder
)

// kindOf tells kinds of Stores apart by how they are named.
func kindOf(store string) kind {
	switch {
	case store == Dir:
		return temporary
	case strings.Contains(store, "://"):
		return unknown
	case filepath.IsAbs(store), strings.ContainsRune(filepath.ToSlash(store), '/'):
		return folder
	}
	return unknown
}

var errStore = errors.New("must be dir for a temporary folder, or a folder's path with a separator in it")

// CheckStore returns what is wrong with the name of a Store. The error does not
// show it, because it may have a password in it.
func CheckStore(store string) error {
	if kindOf(store) == unknown {
		return errStore
	}
	return nil
}

// shown returns the name of a Store without user, password and parameters.
func shown(store string) string {
	if !strings.Contains(store, "://") {
		return store
	}
	u, err := url.Parse(store)
	if err != nil {
		return "store"
	}
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()
}

// openStore opens a Store. dial, if it is not empty, is the address to reach it
// at instead of its own.
func openStore(ctx context.Context, store, dial string) (s bearer.Store, close func(), err error) {
	return bearer.DirStore(store), func() {}, nil
}

// A shared is the Store of a fleet as the parent has it: it is not cut off.
type shared struct {
	bearer.Store
	name      string // for workers
	temporary bool
	proxy     *proxy // what cuts it off; nil: the workers do
	closing   func()
}

func openShared(ctx context.Context, store string) (s *shared, err error) {
	s = &shared{name: store}
	if kindOf(store) == temporary {
		s.temporary = true
		if s.name, err = os.MkdirTemp("", "bearer-fleet-"); err != nil {
			return nil, err
		}
	}
	s.Store, s.closing, err = openStore(ctx, s.name, "")
	if err != nil {
		return nil, err
	}
	return s, nil
}

// dial is the address that workers reach the Store at; empty: its own.
func (s *shared) dial() string {
	if s.proxy == nil {
		return ""
	}
	return s.proxy.address
}

// close removes what the run has stored. No worker is left.
func (s *shared) close(key string) {
	if s.proxy != nil {
		s.proxy.close()
	}
	if s.temporary {
		_ = os.RemoveAll(s.name)
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	_ = s.Delete(ctx, key) // its token is of no use to anyone
	s.closing()
}
