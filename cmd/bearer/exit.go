package main

import (
	"errors"
	"fmt"
	"io"

	"example.com/bearer"
	"example.com/bearer/config"
)

// The exit statuses. A shell reports 130 for a program that Ctrl-C ended; 75 is
// EX_TEMPFAIL of sysexits.h.
const (
	exitOK          = 0
	exitFailed      = 1
	exitUsage       = 2
	exitLogin       = 3
	exitTemporary   = 75
	exitInterrupted = 130
)

// usageError is a mistake in the command line or the environment.
type usageError struct{ err error }

func (e usageError) Error() string { return e.err.Error() }
func (e usageError) Unwrap() error { return e.err }
func (usageError) ExitStatus() int { return exitUsage }

func usagef(format string, args ...any) error {
	return usageError{fmt.Errorf(format, args...)}
}

// silent is an exit status without a message, for a command that has said what
// there is to say.
type silent int

func (s silent) Error() string   { return fmt.Sprintf("exit status %d", int(s)) }
func (s silent) ExitStatus() int { return int(s) }

// exitStatus returns the exit status of err: its own, or what a script can do
// about it.
func exitStatus(err error) int {
	if own, ok := errors.AsType[interface {
		error
		ExitStatus() int
	}](err); ok {
		return own.ExitStatus()
	}
	if errors.Is(err, bearer.ErrLoginRequired) {
		return exitLogin
	}
	if failed, ok := errors.AsType[*bearer.TokenError](err); ok && failed.Temporary() {
		return exitTemporary
	}
	return exitFailed
}

// writeFaults writes what is wrong with a file that declares clients, one fault
// a line, as editors and scripts read them.
func writeFaults(w io.Writer, faulty *config.Error) {
	confined := false
	for _, fault := range faulty.Faults {
		fmt.Fprintln(w, printable(fault.String()))
		confined = confined || fault.Confined
	}
	if confined {
		fmt.Fprintf(w, "bearer: %s is in the working directory and not approved: read it, then type bearer allow\n",
			printable(faulty.Faults[0].File))
	}
}
