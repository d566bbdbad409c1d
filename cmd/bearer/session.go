package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"

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
	if err := s.find(); err != nil {
		return nil, err
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
	if s.setup.typed[name] != "" && !s.secrets.uses(name) {
		return nil, usagef("--client-secret-file -: %s has another secret, or needs none, by its declaration in %s", name, s.file.Path)
	}
	s.cache, err = s.Cache(name)
	return s, err
}

// find opens the file that counts. It leaves s.declared nil if the command line
// is about to declare the client, and that file does not matter.
func (s *session) find() error {
	file, err := declaration.Find(configFlag(s.cmd))
	canDeclare := s.setup.canDeclare(s.name)
	switch {
	case errors.Is(err, declaration.ErrNone), errors.Is(err, fs.ErrNotExist) && canDeclare:
		return nil // the first client makes the file
	case errors.Is(err, fs.ErrNotExist):
		return usageError{err}
	case err != nil:
		return err
	case file.Found && canDeclare && len(s.setup.settings) > 0:
		s.hiddenBy = file.Path
		if slices.Contains(declaration.Names(file.Data), s.name) {
			return s.changeThere(file)
		}
		return nil
	case !file.Found && canDeclare && len(declaration.Names(file.Data)) == 0:
		return nil // the first client in a file that has none
	}
	s.declared, err = openFile(file, s.setup.typed)
	return err
}

// changeThere is the error for a client whose declaration the command line must
// not change, since its file is the user's to write.
func (s *session) changeThere(file declaration.File) error {
	return usagef("%s is declared in %s: change it there, or take another name", s.name, file.Path)
}

// unknown is the error for a client of which only the name is known.
func (s *session) unknown() error {
	advice := ""
	if s.setup.flags.Lookup("provider") != nil {
		advice = "to declare it, give --issuer, or --token-url, or --provider"
	}
	if s.declared != nil {
		return s.lacks(s.name, advice)
	}
	if advice != "" {
		advice = "; " + advice
	}
	return usagef("%s is not declared%s", s.name, advice)
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

// chooseStore decides where tokens are kept, if the client leaves that open and
// none has been kept yet. It may wait for the user to unlock a keyring.
func (s *session) chooseStore(ctx context.Context) error {
	if s.client.Store != nil {
		return nil
	}
	return s.vault.Choose(ctx)
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
