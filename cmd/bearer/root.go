package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"example.com/bearer/cmd/bearer/internal/credential"
)

// The exit statuses. 130 is what a shell reports for a program that Ctrl-C ended.
const (
	exitOK          = 0
	exitFailed      = 1
	exitUsage       = 2
	exitInterrupted = 130
)

// usageError is a mistake in the command line; everything else is a failure
// of the work itself.
type usageError struct{ err error }

func (e usageError) Error() string { return e.err.Error() }
func (e usageError) Unwrap() error { return e.err }

func usagef(format string, args ...any) error {
	return usageError{fmt.Errorf(format, args...)}
}

// run is the whole program but for the process round it, so that a test can call it.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	root := newRoot()
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	switch {
	case err == nil:
		return exitOK
	case ctx.Err() != nil: // whatever came of it
		fmt.Fprintln(stderr, "bearer: interrupted")
		return exitInterrupted
	}
	// One line, whatever the error holds: a script may read it by lines.
	line := strings.Join(strings.Fields(err.Error()), " ")
	fmt.Fprintln(stderr, "bearer: "+strings.TrimPrefix(line, "bearer: "))
	if _, ok := errors.AsType[usageError](err); ok {
		return exitUsage
	}
	return exitFailed
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "bearer",
		Short: "Requests that stay authorized with OAuth 2.0 bearer tokens",
		Args:  noArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		// run prints the one line; cobra would add the usage text to it.
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	// In the order of use, which is that of the help.
	cobra.EnableCommandSorting = false
	root.AddCommand(newLogin(), newToken(), newStatus(), newRevoke(), newLogout(), newDemo(), newVersion())
	return root
}

// oneProvider wants one argument, which is the name of a provider.
func oneProvider(cmd *cobra.Command, args []string) error {
	if len(args) != 1 {
		return usagef("%s takes one argument, the name of a provider: see bearer %[1]s --help", cmd.Name())
	}
	if err := credential.CheckName(args[0]); err != nil {
		return usageError{err}
	}
	return nil
}

// noArgs is [cobra.NoArgs] as a usage error. On the root command an argument
// is a command that does not exist.
func noArgs(cmd *cobra.Command, args []string) error {
	switch {
	case len(args) == 0:
		return nil
	case cmd.HasParent():
		return usagef("%s takes no arguments, got %q", cmd.Name(), args[0])
	}
	// Cobra sets its own default only on a path that is not taken here.
	cmd.SuggestionsMinimumDistance = 2
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		return usagef("unknown command %q: did you mean %s?", args[0], strings.Join(near, " or "))
	}
	return usagef("unknown command %q: see bearer --help", args[0])
}
