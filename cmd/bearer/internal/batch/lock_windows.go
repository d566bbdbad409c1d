package batch

import (
	"errors"
	"math"
	"os"

	"golang.org/x/sys/windows"
)

// lock locks an open file against other processes, without waiting. The lock
// ends with f, and with the process. It is of a byte far behind the end, since
// what is locked cannot be read through other handles.
func lock(f *os.File) error {
	err := windows.LockFileEx(windows.Handle(f.Fd()), windows.LOCKFILE_EXCLUSIVE_LOCK|windows.LOCKFILE_FAIL_IMMEDIATELY,
		0, 1, 0, &windows.Overlapped{OffsetHigh: math.MaxInt32})
	if errors.Is(err, windows.ERROR_LOCK_VIOLATION) || errors.Is(err, windows.ERROR_IO_PENDING) {
		return errLocked
	}
	return err
}
