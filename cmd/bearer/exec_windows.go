package main

import (
	"context"
	"errors"
	"os"
	osexec "os/exec"
)

// become runs a command and returns its exit status as an error. Windows cannot
// replace a process. Ctrl-C reaches both processes, since they share a console;
// this one waits for the command to decide what it means.
func become(_ context.Context, path string, argv, env []string) error {
	cmd := osexec.Cmd{Path: path, Args: argv, Env: env, Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr}
	err := cmd.Run()
	if exit, ok := errors.AsType[*osexec.ExitError](err); ok {
		return silent(exit.ExitCode())
	}
	return err
}
