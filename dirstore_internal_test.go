package bearer

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"syscall"
	"testing"
)

// A file system that cannot lock or sync is a failure. It must not look like a
// Store without locks, which would have processes spend a refresh token twice.
func TestDirErrorIsNeverUnsupported(t *testing.T) {
	for _, err := range []error{
		errors.ErrUnsupported, syscall.ENOSYS, syscall.ENOTSUP,
		&fs.PathError{Op: "lock", Path: "k", Err: syscall.EOPNOTSUPP},
		fmt.Errorf("lock k: %w", syscall.ENOTSUP),
	} {
		got := dirError(err)
		if got == nil || errors.Is(got, errors.ErrUnsupported) {
			t.Errorf("%v: got %v, want an error that does not match errors.ErrUnsupported", err, got)
		} else if !strings.Contains(got.Error(), err.Error()) {
			t.Errorf("got %q, want the text of %q in it", got, err)
		}
	}
	for _, err := range []error{syscall.ENOSPC, fs.ErrPermission, context.Canceled} {
		if got := dirError(err); !errors.Is(got, err) {
			t.Errorf("got %v, want an error that matches %v", got, err)
		}
	}
	if got := dirError(nil); got != nil {
		t.Errorf("got %v, want nil", got)
	}
}
