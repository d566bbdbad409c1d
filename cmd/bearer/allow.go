package main

import (
	"errors"
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"example.com/bearer/cmd/bearer/internal/declaration"
	"example.com/bearer/config"
)

func newAllow() *cobra.Command {
	var revoke bool
	cmd := &cobra.Command{
		Use:   "allow [FILE]",
		Short: "Approve a file in the working directory, after you have read it",
		Long: `Approve a file, ./bearer.yaml if none is named, as it is now. Until then one that
is merely found in the working directory, which may have come with a repository,
may not run commands, read the environment, or name paths outside its folder, it
is given no secret of the environment, nor one that you type, and it finds no token
of another file.

An approval is for the content at this path: any change needs another one. It does
not cover what the file refers to, such as a script that it runs. A file that
--config or BEARER_CONFIG names, and the one in your own folder, need none.`,
		Example: `  bearer allow
  bearer allow project/bearer.yaml
  bearer allow --revoke`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usagef("allow takes one file, got %d arguments", len(args))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			path := declaration.Name
			if len(args) > 0 {
				path = args[0]
			}
			file, err := declaration.Read(path)
			if err != nil {
				return err
			}
			if revoke {
				return disapprove(cmd, file)
			}
			return approve(cmd, file)
		},
	}
	cmd.Flags().BoolVar(&revoke, "revoke", false, "take the approval back")
	return cmd
}

// approve approves the file and says what that lets it do.
func approve(cmd *cobra.Command, file declaration.File) error {
	if err := file.Approve(); err != nil {
		return err
	}
	out := cmd.OutOrStdout()
	loader := config.Loader{Name: file.Path, Dir: filepath.Dir(file.Path), Confined: true}
	_, err := loader.Parse(file.Data)
	if faulty, ok := errors.AsType[*config.Error](err); ok {
		for _, fault := range faulty.Faults {
			if fault.Confined {
				fmt.Fprintf(out, "%s:%d:%d: %s is allowed now\n", printable(fault.File), fault.Line, fault.Column, printable(fault.Path))
			}
		}
	}
	_, err = fmt.Fprintf(out, "%s is approved as it is now.\n", printable(file.Path))
	return err
}

func disapprove(cmd *cobra.Command, file declaration.File) error {
	was, err := file.Disapprove()
	if err != nil {
		return err
	}
	done := "is no longer approved"
	if !was {
		done = "was not approved as it is now"
	}
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s %s.\n", printable(file.Path), done)
	return err
}
