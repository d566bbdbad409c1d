package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"example.com/bearer/config"
)

// run is the whole program except for its process, so that tests can call it.
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
	if faulty, ok := errors.AsType[*config.Error](err); ok {
		writeFaults(stderr, faulty)
	} else if _, said := errors.AsType[silent](err); !said {
		fmt.Fprintln(stderr, "bearer: "+explain(err))
	}
	return exitStatus(err)
}

// warn prints what went wrong when the command can do its work nevertheless.
func warn(cmd *cobra.Command, what string, err error) {
	fmt.Fprintf(cmd.ErrOrStderr(), "bearer: warning: %s: %s\n", what, explain(err))
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "bearer",
		Short: "Requests that stay authorized with OAuth 2.0 bearer tokens",
		Long: `Requests that stay authorized with OAuth 2.0 bearer tokens, for the clients that a
file declares: see bearer help file.`,
		Example: `  bearer init https://auth.example.com   # a file to start with
  bearer check --live                    # do its clients get tokens?
  bearer login matrica --client-id ID    # or declare a client by flags
  bearer token matrica`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		// run prints one line; cobra would add the usage text to it.
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	addConfig(root)
	// The help lists the commands in the order of use.
	cobra.EnableCommandSorting = false
	root.AddCommand(
		newInit(), newCheck(), newAllow(), newLogin(), newToken(), newStatus(), newRevoke(), newLogout(),
		newGet(), newBatch(), newExec(), newHelper(), newProxy(), newSchema(), newDemo(), newFleet(), newFleetWorker(), newVersion(), newFileTopic(), newExitStatusTopic(),
	)
	return root
}

// noArgs is [cobra.NoArgs] with a usage error. An argument of the root command
// is a command that does not exist.
func noArgs(cmd *cobra.Command, args []string) error {
	switch {
	case len(args) == 0:
		return nil
	case cmd.HasParent():
		return usagef("%s takes no arguments, got %q", cmd.Name(), args[0])
	}
	// Cobra sets its default only on a path that is not taken here.
	cmd.SuggestionsMinimumDistance = 2
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		return usagef("unknown command %q: did you mean %s?", args[0], strings.Join(near, " or "))
	}
	return usagef("unknown command %q: see bearer --help", args[0])
}
