//go:build unix

package main

import (
	"context"
	"os"
	"syscall"
)

// become replaces this process by a command. So signals, the terminal and the
// exit status are the command's own.
func become(ctx context.Context, path string, argv, env []string) error {
	if err := ctx.Err(); err != nil {
		return err // Ctrl-C came before
	}
	return os.NewSyscallError("exec "+path, syscall.Exec(path, argv, env))
}
