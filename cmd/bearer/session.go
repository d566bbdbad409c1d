package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"example.com/bearer"
	"example.com/bearer/cmd/bearer/internal/declaration"
	"example.com/bearer/cmd/bearer/internal/vault"
	"example.com/bearer/config"
)

// A session is one client while one command uses it.
type session struct {
	*declared // the file, with what the command line says
	cmd       *cobra.Command
	name      string
	client    config.Client // what holds for it
	cache     *bearer.Cache
	setup     setup     // what the command line says
	before    *declared // the file as it is, if that declares the client otherwise
	hiddenBy  string    // the file that counts here, if the client is declared in another one
}

// openSession opens a client that is declared, by a file or by the command line.
// It makes no request and asks the user nothing.
func openSession(cmd *cobra.Command, name string) (*session, error) {
	if err := noSharedSecret(name); err != nil {
		return nil, err
	}
	s := &session{cmd: cmd, name: name}
	var err error
	if s.setup, err = readSetup(cmd, name); err != nil {
		return nil, err
	}
	file, err := declaration.Find(configFlag(cmd))
	switch {
	case errors.Is(err, declaration.ErrNone) || errors.Is(err, os.ErrNotExist) && s.setup.canDeclare(name):
		// The command line declares the client in a new file.
	case errors.Is(err, os.ErrNotExist):
		return nil, usageError{err}
	case err != nil:
		return nil, err
	case len(declaration.Names(file.Data)) == 0 && !file.Found && s.setup.canDeclare(name):
		// Or the first one in a file that has none.
	default:
		if s.declared, err = openFile(file, s.setup.typed); err != nil {
			return nil, err
		}
	}
	if err := s.declare(); err != nil {
		return nil, err
	}
	if err := s.secrets.clash(); err != nil {
		return nil, err
	}
	if s.client, err = s.Declaration(name); err != nil {
		return nil, err
	}
	s.cache, err = s.Cache(name)
	return s, err
}

// unknown is the error for a client of which only the name is known.
func (s *session) unknown() error {
	const advice = "to declare it, give --issuer, or --token-url, or --provider"
	if s.declared == nil {
		return usagef("%s is not declared; %s", s.name, advice)
	}
	return s.lacks(s.name, advice)
}

// needSecret asks the user for the client's secret, if the client has one that
// is not known.
func (s *session) needSecret() error {
	owner := cmp.Or(s.client.Use, s.name)
	if !s.secrets.uses(owner) {
		return nil
	}
	_, missing := s.secrets.get(owner)
	if !errors.Is(missing, errNoSecret) {
		return missing
	}
	secret, err := prompt(s.cmd, fmt.Sprintf("Client secret of %s at %s (%s): ", s.client.ClientID, owner, host(s.client)))
	if errors.Is(err, errNoTerminal) {
		return missing
	}
	s.secrets.typed[owner] = secret
	return err
}

// place says in words where the client's token is kept.
func (s *session) place() string {
	switch where := s.where(s.cmd.Context(), s.client); where {
	case vault.Keyring:
		return "the keyring"
	case vault.Dir:
		return s.vault.Folder()
	default:
		return where
	}
}

// nothingStored is the error of the commands that create nothing.
func nothingStored(name string) error {
	return fmt.Errorf("no token of %s is stored: see bearer status", name)
}
