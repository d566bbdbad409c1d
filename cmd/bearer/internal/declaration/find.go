// Package declaration finds the file that declares the clients, knows whether
// the user trusts it, and edits the user's own.
package declaration

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"example.com/bearer/cmd/bearer/internal/home"
)

const (
	// Name is the file's name in the working directory and in the user's
	// folder.
	Name = "bearer.yaml"

	// Variable is the environment variable that names the file.
	Variable = "BEARER_CONFIG"

	// maxSize is that of package config.
	maxSize = 1 << 20
)

// ErrNone means that there is no file.
var ErrNone = errors.New("no file declares clients")

// A File is a file that declares clients, as it was when it was read.
type File struct {
	Path string // as messages show it
	Data []byte

	// Found says that the user did not choose the file: it was in the working
	// directory, and may have come with a repository that somebody else wrote.
	Found bool
}

// Find reads the file that counts: the one that flag names, else the one that
// the variable names, the one in the working directory, or the user's own. It
// returns an error that matches [ErrNone] if there is none.
func Find(flag string) (File, error) {
	if flag != "" {
		f, err := Read(flag)
		return f, prefix("--config: ", err)
	}
	if named := os.Getenv(Variable); named != "" {
		f, err := Read(named)
		return f, prefix(Variable+": ", err)
	}
	own, err := Own()
	if err != nil {
		return File{}, err
	}
	for _, f := range []File{{Path: Name, Found: true}, {Path: own}} {
		info, err := os.Stat(f.Path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			continue
		case err == nil && !info.Mode().IsRegular(): // reading it may not end
			err = fmt.Errorf("%s is not a regular file", f.Path)
		}
		if err == nil {
			// What was read counts, not what was there before: somebody
			// else may change a link meanwhile.
			f.Data, info, err = read(f.Path)
		}
		if ownInfo, ownErr := os.Stat(own); ownErr == nil && os.SameFile(info, ownInfo) {
			// By its own path: in a link's folder, relative paths would
			// lead to what somebody else wrote.
			f.Found, f.Path = false, own
		}
		return f, err
	}
	return File{}, fmt.Errorf("%w: there is neither ./%s nor %s", ErrNone, Name, own)
}

func prefix(text string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s%w", text, err)
}

// Target returns the path of the file that the user may have changed by a
// command: the one that flag or the variable names, else the user's own.
func Target(flag string) (string, error) {
	if named := cmp.Or(flag, os.Getenv(Variable)); named != "" {
		return named, nil
	}
	return Own()
}

// Own returns the path of the user's own file.
func Own() (string, error) {
	folder, err := home.Folder()
	return filepath.Join(folder, Name), err
}

// read returns what is in the file, and which file that is.
func read(path string) (data []byte, info fs.FileInfo, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	if info, err = f.Stat(); err != nil {
		return nil, nil, err
	}
	data, err = io.ReadAll(io.LimitReader(f, maxSize+1))
	if err == nil && len(data) > maxSize {
		err = fmt.Errorf("%s is larger than 1 MiB", path) // and half of it must not be written back
	}
	return data, info, err
}
