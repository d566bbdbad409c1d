package proxy

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

// MakeToken makes a file with one caller's token, for this user alone, if there
// is none yet. It returns the token only if it has made it.
func MakeToken(path string) (token string, err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return "", err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return "", private(path)
	}
	if err != nil {
		return "", err
	}
	token = "bearer-proxy-" + rand.Text()
	_, err = f.WriteString(token + "\n")
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		os.Remove(path) // half a token is none
		return "", err
	}
	return token, nil
}

// private returns an error if others can read a file that holds a token.
func private(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		return fmt.Errorf("%s can be read by others, and holds a caller's token: remove it, and start again for a new token", path)
	}
	return nil
}
