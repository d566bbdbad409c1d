package declaration

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"example.com/bearer"
	"example.com/bearer/cmd/bearer/internal/home"
)

// Update replaces the file by what change makes of it, whole or not at all. Two
// processes that change a file do so one after the other, each on what the other
// one has written.
func Update(ctx context.Context, path string, change func(File) ([]byte, error)) (err error) {
	folder, err := home.Folder()
	if err != nil {
		return err
	}
	unlock, err := bearer.DirStore(folder).Lock(ctx, "declarations") // one lock for all files: updates are rare and short
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	file, err := ReadOrNew(path)
	if err != nil {
		return err
	}
	data, err := change(file)
	if err != nil {
		return err
	}
	return write(path, data)
}

// Read reads the file at path.
func Read(path string) (File, error) {
	data, _, err := read(path)
	return File{Path: path, Data: data}, err
}

// ReadOrNew reads the file, which the user chose and which need not be there
// yet.
func ReadOrNew(path string) (File, error) {
	file, err := Read(path)
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return file, err
}

// Writable returns an error if the file could not be written.
func Writable(path string) error {
	f, err := temporary(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}

func write(path string, data []byte) error {
	f, err := temporary(path)
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // does nothing after the rename
	_, err = f.Write(data)
	if info, statErr := os.Stat(path); err == nil && statErr == nil {
		err = f.Chmod(info.Mode().Perm()) // others may read it, if they could
	}
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), target(path))
}

// temporary makes an empty file, of mode 0600, beside the one at path.
func temporary(path string) (*os.File, error) {
	own, err := home.Folder()
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(own, 0o700); err != nil { // another one is the user's to make
		return nil, err
	}
	folder, name := filepath.Split(target(path))
	return os.CreateTemp(filepath.Clean(folder), name+".tmp-")
}

// target returns where a link leads, so that it stays one: people keep their
// configuration elsewhere.
func target(path string) string {
	if found, err := filepath.EvalSymlinks(path); err == nil {
		return found
	}
	if to, err := os.Readlink(path); err == nil { // there is no file yet
		if filepath.IsAbs(to) {
			return to
		}
		return filepath.Join(filepath.Dir(path), to)
	}
	return path
}
