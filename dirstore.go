package bearer

import (
	"bytes"
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
	"sync"
	"syscall"
	"time"

	"github.com/gofrs/flock"
)

// DirStore is a [Store], [Locker] and [Swapper] of files in the folder that it names. All
// processes that name the folder share it. Methods of the empty DirStore return
// an error. Keys of any bytes and any length but zero are safe: none leads out
// of the folder.
//
// Files are readable by their owner only (mode 0600, whatever the umask). The
// folder is made when it is first needed, with mode 0700; one that exists keeps
// its mode, so others must not be allowed to write to it. On Windows, both
// inherit their permissions from the folder above.
//
// Put survives crashes: a process that dies at any moment leaves the old value
// or the new one, and once Put returns nil, the new one is on the disk. Locks
// are the operating system's and end with the process that holds them; network
// file systems may not honor them. Lock files are small and stay, because
// removing one would let two processes hold its lock.
type DirStore string

// The names of the files. The prefix keeps them apart from names that an
// operating system reserves. A key's dots are escaped, so that no key has a
// file that looks like the temporary file or the lock of another one.
const (
	dirPrefix = "token-"
	dirValue  = ".json"
	dirLock   = ".lock"
	dirTemp   = ".tmp-"

	dirChanges = "changes-" // the locks of changes
)

const (
	// dirPolling is the pause between two attempts to get a lock: the
	// operating system has no wait that a context can end.
	dirPolling = 10 * time.Millisecond

	// dirPollingChanges is that pause for a lock that is held while a file is
	// written.
	dirPollingChanges = time.Millisecond

	// dirStale is the age of a temporary file whose writer has died. Writing
	// takes milliseconds. Should a writer have been suspended instead, its
	// Put fails, and the old value stays.
	dirStale = time.Minute
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
	return d.change(ctx, key, func(path string) error { return dirError(writeFile(path, data)) })
}

// Delete implements [Store].
func (d DirStore) Delete(ctx context.Context, key string) error {
	path, err := d.path(ctx, key, dirValue)
	if err != nil {
		return err
	}
	if _, err := os.Stat(string(d)); errors.Is(err, fs.ErrNotExist) {
		return nil // and none is made for its lock
	}
	unlock, err := d.lockChanges(ctx, key)
	if err != nil {
		return err
	}
	defer unlock()
	return removeFile(path)
}

// Swap implements [Swapper].
func (d DirStore) Swap(ctx context.Context, key string, old, new []byte) error {
	return d.change(ctx, key, func(path string) error {
		data, err := os.ReadFile(path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			data = nil
		case err != nil:
			return dirError(err)
		case data == nil:
			data = []byte{} // there is a file, and it is empty
		}
		switch {
		case (data == nil) != (old == nil) || !bytes.Equal(data, old):
			return ErrChanged
		case new == nil:
			return removeFile(path)
		}
		return dirError(writeFile(path, new))
	})
}

// change makes the folder, if need be, and has do change the file of key,
// beside no other change of it.
func (d DirStore) change(ctx context.Context, key string, do func(path string) error) error {
	path, err := d.path(ctx, key, dirValue)
	if err != nil {
		return err
	}
	if err := d.make(); err != nil {
		return err
	}
	d.sweep()
	unlock, err := d.lockChanges(ctx, key)
	if err != nil {
		return err
	}
	defer unlock()
	return do(path)
}

// removeFile removes the file at path, if there is one, also from the disk.
func removeFile(path string) error {
	err := os.Remove(path)
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		// Also if the file was gone: the Delete that removed it may have
		// failed here.
		err = syncDir(filepath.Dir(path))
	}
	return dirError(err)
}

// lockChanges excludes other changes of key, in all processes, for the time of
// one: a file can be replaced in one step, but not compared and replaced. Some
// keys share a lock file, so that there are few of those.
func (d DirStore) lockChanges(ctx context.Context, key string) (unlock func(), err error) {
	sum := sha256.Sum256([]byte(key))
	path := filepath.Join(string(d), dirChanges+hex.EncodeToString(sum[:1])+dirLock)
	lock, err := lockFile(ctx, path, dirPollingChanges)
	if err != nil {
		return nil, err
	}
	return func() { _ = lock.Unlock() }, nil // closing the file ends the lock in any case
}

// lockFile waits for the lock of the file at path, which it makes.
func lockFile(ctx context.Context, path string, polling time.Duration) (*flock.Flock, error) {
	// A flock for each call, so that calls of one process exclude each other
	// too, and unlocking twice releases no lock but its own.
	lock := flock.New(path)
	if _, err := lock.TryLockContext(ctx, polling); err != nil {
		return nil, dirError(fmt.Errorf("lock %s: %w", path, err))
	}
	_ = os.Chmod(path, 0o600) // the umask may have taken more; see writeFile
	return lock, nil
}

// Lock implements [Locker]. Its errors never match [errors.ErrUnsupported].
func (d DirStore) Lock(ctx context.Context, key string) (unlock func() error, err error) {
	path, err := d.path(ctx, key, dirLock)
	if err != nil {
		return nil, err
	}
	if err := d.make(); err != nil {
		return nil, err
	}
	lock, err := lockFile(ctx, path, dirPolling)
	if err != nil {
		return nil, err
	}
	return func() error { return dirError(lock.Unlock()) }, nil
}

// path returns the name of the file of key. No key leads out of the folder, and
// no two keys share a file, even if the file system ignores case.
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
	if name.Len() > 150 { // file systems allow 255
		sum := sha256.Sum256([]byte(key))
		name.Reset()
		name.WriteString("%%" + hex.EncodeToString(sum[:]))
	}
	return filepath.Join(string(d), dirPrefix+name.String()+suffix), nil
}

func (d DirStore) make() error { return dirError(makeDir(filepath.Clean(string(d)))) }

// makeDir is os.MkdirAll with mode 0700, whatever the umask: a folder that its
// owner cannot enter is of no use. Only a process that runs between Mkdir and
// Chmod of another one can meet such a folder. It also brings the new name to
// the disk, as far as the folder above can be read.
func makeDir(path string) error {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return nil
	}
	parent := filepath.Dir(path)
	err := os.Mkdir(path, 0o700)
	if errors.Is(err, fs.ErrNotExist) && parent != path {
		if err := makeDir(parent); err != nil {
			return err
		}
		err = os.Mkdir(path, 0o700)
	}
	if errors.Is(err, fs.ErrExist) {
		return nil // made by another process; if it is a file, opening one in it fails
	}
	if err != nil {
		return err
	}
	_ = os.Chmod(path, 0o700) // see writeFile
	_ = syncDir(parent)
	return nil
}

// swept has the absolute path of each folder that this process has swept. The
// Put that adds the path sweeps; other Puts go on meanwhile, because none needs
// the sweep to be complete.
var swept sync.Map

// sweep removes the temporary files of processes that died while they wrote. It
// does so once per process and folder, since reading a large folder takes a
// hundred times as long as writing a file, and before the first file is
// written, since that may need the space. Processes that sweep at once do not
// disturb each other: a file that another one has removed is not an error.
func (d DirStore) sweep() {
	path, err := filepath.Abs(string(d))
	if err != nil {
		return
	}
	if _, done := swept.LoadOrStore(path, true); done {
		return
	}
	dir, err := os.Open(path)
	if err != nil {
		return
	}
	defer dir.Close()
	for err == nil {
		var names []string
		names, err = dir.Readdirnames(1000) // unsorted, and not all at once
		for _, name := range names {
			if strings.HasPrefix(name, dirPrefix) && strings.Contains(name, dirValue+dirTemp) {
				removeStale(filepath.Join(path, name))
			}
		}
	}
}

func removeStale(path string) {
	if info, err := os.Lstat(path); err == nil && time.Since(info.ModTime()) > dirStale {
		_ = os.Remove(path)
	}
}

// writeFile replaces the content of the file at path, whole or not at all: the
// content is on the disk before the name refers to it, and the name is on the
// disk before writeFile returns. After an error before the rename, such as a
// full disk, the old content is there; after one of the last fsync, the new
// content is, and a crash may bring back the old. Writing again is safe: it
// starts with a new file, and never trusts one whose fsync failed.
func writeFile(path string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+dirTemp) // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // does nothing after the rename
	// An unusual umask denies the owner, too. Where Chmod fails, the file
	// system has no modes.
	_ = f.Chmod(0o600)
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

// syncDir brings the names in a folder to the disk. Windows and some file
// systems have no such operation; their renames are as durable as they get.
func syncDir(path string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	defer dir.Close()
	err = dir.Sync()
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, errors.ErrUnsupported) {
		return nil
	}
	return err
}

// dirError adds the prefix. It does not wrap an error of the operating system
// that matches errors.ErrUnsupported, such as ENOTSUP: from a Locker, that
// means that there is nothing to lock.
func dirError(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, errors.ErrUnsupported):
		return fmt.Errorf("bearer: DirStore: %v", err)
	}
	return fmt.Errorf("bearer: DirStore: %w", err)
}
