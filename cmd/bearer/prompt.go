package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"example.com/bearer/grant"
)

// errNoTerminal means that there is no user to ask.
var errNoTerminal = errors.New("stdin is not a terminal")

// prompt asks the user for a secret, without an echo of what is typed.
func prompt(cmd *cobra.Command, question string) (grant.Secret, error) {
	in, ok := cmd.InOrStdin().(*os.File)
	if !ok || !term.IsTerminal(int(in.Fd())) {
		return "", errNoTerminal
	}
	state, err := term.GetState(int(in.Fd()))
	if err != nil {
		return "", err
	}
	errs := cmd.ErrOrStderr()
	fmt.Fprint(errs, printable(question))
	// The newline that the user types is not shown.
	defer fmt.Fprintln(errs)

	type line struct {
		text []byte
		err  error
	}
	typed := make(chan line, 1)
	go func() { // ends when the user ends the line, or with the program
		text, err := term.ReadPassword(int(in.Fd()))
		typed <- line{text, err}
	}()
	select {
	case l := <-typed:
		if l.err != nil && !errors.Is(l.err, io.EOF) {
			return "", l.err
		}
		return trimSecret(l.text)
	case <-cmd.Context().Done():
		// Otherwise the shell would have no echo.
		_ = term.Restore(int(in.Fd()), state)
		return "", context.Cause(cmd.Context())
	}
}

// readSecret reads a secret from a pipe.
func readSecret(r io.Reader) (grant.Secret, error) {
	const most = 64 << 10
	data, err := io.ReadAll(io.LimitReader(r, most+1))
	if err == nil && len(data) > most {
		err = errors.New("the client secret has more than 64 KiB") // and half of it would be refused
	}
	if err != nil {
		return "", err
	}
	return trimSecret(data)
}

func trimSecret(text []byte) (grant.Secret, error) {
	secret := strings.TrimSpace(string(text))
	if secret == "" {
		return "", errors.New("the client secret is empty")
	}
	return grant.Secret(secret), nil
}
