//go:build linux || darwin

package bearer_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"example.com/bearer"
)

// modes returns the permissions of the files below dir, by name; dir is ".".
func modes(t *testing.T, dir string) map[string]fs.FileMode {
	t.Helper()
	got := make(map[string]fs.FileMode)
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		name, err := filepath.Rel(dir, path)
		got[name] = info.Mode().Perm()
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// G21: 0700 and 0600 under any umask: one that allows everything, and those
// that deny their owner, too.
func TestDirStoreModes(t *testing.T) {
	for _, umask := range []int{0, 0o022, 0o077, 0o177, 0o777} {
		outer := t.TempDir()
		dir := filepath.Join(outer, "above", "tokens")
		old := syscall.Umask(umask)
		d := bearer.DirStore(dir)
		err := d.Put(t.Context(), "k", []byte("v"))
		unlock, lockErr := d.Lock(t.Context(), "k")
		syscall.Umask(old)
		if err != nil || lockErr != nil {
			t.Fatalf("umask %03o: got %v and %v, want no error", umask, err, lockErr)
		}
		if err := unlock(); err != nil {
			t.Error(err)
		}
		got := modes(t, filepath.Join(outer, "above"))
		for name, want := range map[string]fs.FileMode{
			".": 0o700, "tokens": 0o700, "tokens/token-k.json": 0o600, "tokens/token-k.lock": 0o600,
		} {
			if got[name] != want {
				t.Errorf("umask %03o: %s: got mode %03o, want %03o", umask, name, got[name], want)
			}
		}
	}
}

// G21: a folder that exists keeps its mode, which is its owner's business. What
// is written into it is private all the same, also over files that were not.
func TestDirStoreModesInExistingFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "tokens")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	value := filepath.Join(dir, "token-k.json")
	if err := os.WriteFile(value, []byte("restored from a backup"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Chmod(dir, 0o755), os.Chmod(value, 0o644)); err != nil {
		t.Fatal(err)
	}
	if err := bearer.DirStore(dir).Put(t.Context(), "k", []byte("v")); err != nil {
		t.Fatal(err)
	}
	got := modes(t, dir)
	if got["."] != 0o755 || got["token-k.json"] != 0o600 {
		t.Errorf("got modes %03o for the folder and %03o for the file, want 755 and 600", got["."], got["token-k.json"])
	}
}

// G21: when the disk is full, Put and Swap fail, the old value stays, and no temporary
// file does. A limit on the size of files stands for the disk: a write stops in
// the middle.
func TestDirStoreFullDisk(t *testing.T) {
	dir := t.TempDir()
	d := bearer.DirStore(dir)
	if err := d.Put(t.Context(), "k", []byte("old")); err != nil {
		t.Fatal(err)
	}
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		t.Fatal(err)
	}
	small := limit
	small.Cur = 8 << 20 // for all files of the process: those of package testing are smaller
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &small); err != nil {
		t.Fatal(err)
	}
	long := []byte(strings.Repeat("new", 3<<20))
	err := d.Put(t.Context(), "k", long)
	swapErr := d.Swap(t.Context(), "k", []byte("old"), long)
	if limitErr := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); limitErr != nil {
		t.Fatal(limitErr)
	}
	if !errors.Is(err, syscall.EFBIG) || !errors.Is(swapErr, syscall.EFBIG) {
		t.Errorf("Put and Swap: got %v and %v, want the error of the write", err, swapErr)
	}
	if got, err := d.Get(t.Context(), "k"); err != nil || string(got) != "old" {
		t.Errorf("Get: got %.20q, %v; want the old value", got, err)
	}
	if got := modes(t, dir); len(got) != 3 {
		t.Errorf("the folder: got %v, want itself, the value and a lock", got)
	}
}
