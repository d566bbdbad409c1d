//go:build !windows

package batch

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// lock locks an open file against other processes, without waiting. The lock
// ends with f, and with the process. It is on the file itself, so that no other
// file is left beside it; github.com/gofrs/flock would lock another handle, which
// on Windows keeps this one from reading.
func lock(f *os.File) error {
	err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	switch {
	case errors.Is(err, unix.EWOULDBLOCK):
		return errLocked
	case errors.Is(err, errors.ErrUnsupported), errors.Is(err, unix.ENOLCK):
		return nil // a file system without locks; better a batch than none
	}
	return err
}
