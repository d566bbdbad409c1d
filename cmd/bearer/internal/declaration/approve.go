package declaration

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"example.com/bearer/cmd/bearer/internal/home"
)

// An approval is of one content at one path: any change of the file ends it,
// and a copy elsewhere, where relative paths lead to other files, needs its own.
// It is a small file in the user's folder, named by a hash of both.

// Trusted reports whether the file may do all that a file can: the user chose
// it, or has approved its content.
func (f File) Trusted() (bool, error) {
	if !f.Found {
		return true, nil
	}
	approval, err := f.approval()
	if err != nil {
		return false, err
	}
	_, err = os.Stat(approval)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// Approve approves the content that was read.
func (f File) Approve() error {
	approval, err := f.approval()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(approval), 0o700); err != nil {
		return err
	}
	// The content is for a user who looks what is approved.
	return os.WriteFile(approval, []byte(f.Path+"\n"), 0o600)
}

// Disapprove takes the approval of this content back. It reports whether there
// was one.
func (f File) Disapprove() (was bool, err error) {
	approval, err := f.approval()
	if err != nil {
		return false, err
	}
	err = os.Remove(approval)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// approval returns the path of the file that says that f is approved. Links to
// its folder are resolved, so that f has one approval whatever the folder is
// called. Were f a link itself, to a file that is approved elsewhere, relative
// paths would start from here.
func (f File) approval() (string, error) {
	folder, err := home.Folder()
	if err != nil {
		return "", err
	}
	path, err := filepath.Abs(f.Path)
	if err != nil {
		return "", err
	}
	within, err := filepath.EvalSymlinks(filepath.Dir(path))
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(append([]byte(filepath.Join(within, filepath.Base(path))+"\x00"), f.Data...))
	return filepath.Join(folder, "allowed", hex.EncodeToString(sum[:])), nil
}
