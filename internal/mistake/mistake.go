// Package mistake marks errors in how the module is used: a field that is
// missing, a value that cannot be. Asking again meets the same error, so a Cache
// does not have its callers wait for repeats.
package mistake

import (
	"errors"
	"fmt"
)

type mistake struct{ error }

func (m mistake) Unwrap() error { return errors.Unwrap(m.error) }

// New returns a mistake with that text.
func New(text string) error { return mistake{errors.New(text)} }

// Errorf is [fmt.Errorf] for a mistake.
func Errorf(format string, args ...any) error { return mistake{fmt.Errorf(format, args...)} }

// Is reports whether err is, or wraps, a mistake.
func Is(err error) bool {
	_, ok := errors.AsType[mistake](err)
	return ok
}
