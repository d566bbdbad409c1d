package bearer

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/gofrs/flock"
)

// DirStore is a [Store] and [Locker] of files in the folder that it names,
// shared by all processes that name the same one. The folder is made when it is
// first written to, for this user alone (mode 0700; its files 0600). Any key but
// the empty one will do, for none leads out of the folder. An empty DirStore is
// an error of its methods.
//
// Put is safe against crashes: a process that dies at any moment leaves the old
// value or the new one. Locks are the operating system's, and free when a process
// dies; they are not to be trusted on network file systems.
type DirStore string

// What the files are called. The prefix keeps names clear of those that mean
// something to an operating system.
const (
	dirPrefix  = "token-"
	dirValue   = ".json"
	dirLock    = ".lock"
	dirTemp    = ".tmp-"
	dirPolling = 10 * time.Millisecond // between attempts to get a lock, which has no other way to be waited for
	dirStale   = time.Minute           // a temporary file of this age belongs to nobody
)

// Get implements [Store].
func (d DirStore) Get(ctx context.Context, key string) ([]byte, error) {
	path, err := d.path(ctx, key, dirValue)
	if err != nil {
		return nil, err
	}
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNotFound
	}
	return data, dirError(err)
}

// Put implements [Store].
func (d DirStore) Put(ctx context.Context, key string, data []byte) error {
	path, err := d.path(ctx, key, dirValue)
	if err != nil {
		return err
	}
	if err := d.make(); err != nil {
		return err
	}
	d.sweep(path)
	return dirError(writeFile(path, data))
}

// Delete implements [Store].
func (d DirStore) Delete(ctx context.Context, key string) error {
	path, err := d.path(ctx, key, dirValue)
	if err != nil {
		return err
	}
	if err := os.Remove(path); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return dirError(err)
	}
	return dirError(syncDir(string(d)))
}

// Lock implements [Locker].
func (d DirStore) Lock(ctx context.Context, key string) (unlock func() error, err error) {
	path, err := d.path(ctx, key, dirLock)
	if err != nil {
		return nil, err
	}
	if err := d.make(); err != nil {
		return nil, err
	}
	// One flock for each call: two of one process exclude each other too.
	lock := flock.New(path)
	if _, err := lock.TryLockContext(ctx, dirPolling); err != nil {
		lock.Close()
		return nil, dirError(err)
	}
	return lock.Unlock, nil
}

// path returns the file of key. No key leads out of the folder, and no two to
// one file, also where the file system does not tell upper from lower case.
func (d DirStore) path(ctx context.Context, key, suffix string) (string, error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	if d == "" {
		return "", errors.New("bearer: DirStore is empty: give it a folder's path")
	}
	if key == "" {
		return "", errors.New("bearer: DirStore: the key is empty")
	}
	var name strings.Builder
	for i := range len(key) {
		switch b := key[i]; {
		case 'a' <= b && b <= 'z', '0' <= b && b <= '9', b == '-', b == '_':
			name.WriteByte(b)
		default:
			fmt.Fprintf(&name, "%%%02x", b)
		}
	}
	if name.Len() > 150 { // file systems end at 255
		sum := sha256.Sum256([]byte(key))
		name.Reset()
		name.WriteString("%%" + hex.EncodeToString(sum[:]))
	}
	return filepath.Join(string(d), dirPrefix+name.String()+suffix), nil
}

func (d DirStore) make() error { return dirError(os.MkdirAll(string(d), 0o700)) }

// sweep removes what processes that died while they wrote to path have left.
func (d DirStore) sweep(path string) {
	entries, err := os.ReadDir(string(d))
	if err != nil {
		return
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), filepath.Base(path)+dirTemp) {
			continue
		}
		if info, err := e.Info(); err == nil && time.Since(info.ModTime()) > dirStale {
			_ = os.Remove(filepath.Join(string(d), e.Name()))
		}
	}
}

// writeFile gives the file at path new content, whole or not at all: the
// content is on the disk before the name points to it, and the name before
// writeFile returns.
func writeFile(path string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+dirTemp) // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // does nothing once it was renamed
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

// syncDir brings the names in a folder to the disk. Windows cannot, and does
// not need to.
func syncDir(path string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	defer dir.Close()
	return dir.Sync()
}

func dirError(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("bearer: DirStore: %w", err)
}
