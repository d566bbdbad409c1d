package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"example.com/bearer/cmd/bearer/internal/credential"
	"example.com/bearer/cmd/bearer/internal/vault"
)

// A session is one credential while one command uses it.
type session struct {
	cmd    *cobra.Command
	vault  vault.Vault
	cred   credential.Credential
	secret credential.Secret

	before     credential.Credential // what was remembered
	remembered bool
	moved      bool // the flags name another server than the remembered one
}

// openSession combines what is remembered, what the flags say, and what is
// known of the provider. It asks neither the user nor a server; see prepare.
func openSession(cmd *cobra.Command, name string) (*session, error) {
	if os.Getenv(credential.SharedVariable) != "" {
		return nil, usagef("%s is no longer read, since any server could be sent it: unset it, and set %s for %s",
			credential.SharedVariable, credential.Variable(name), name)
	}
	v, err := vault.Open()
	if err != nil {
		return nil, err
	}
	s := &session{cmd: cmd, vault: v, secret: credential.Secret{Name: name}}
	if s.before, s.remembered, err = v.Find(cmd.Context(), name); err != nil {
		return nil, err
	}
	if err := v.CheckVariable(cmd.Context(), name); err != nil {
		return nil, usageError{err}
	}
	s.cred = s.before
	if !s.remembered {
		s.cred, _ = credential.New(name)
	}
	s.moved = s.remembered && moves(cmd.Flags(), s.before)
	if err := apply(cmd.Flags(), &s.cred); err != nil {
		return nil, err
	}
	s.secret.File = s.cred.SecretFile
	if s.cred.SecretFile == "-" {
		// Stdin will hold something else next time.
		s.cred.SecretFile = ""
		if s.secret.Typed, err = readSecret(cmd.InOrStdin()); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// nothingStored is the error of the commands that create nothing.
func nothingStored(name string) error {
	return fmt.Errorf("nothing is stored for %s: see bearer status", name)
}

// prepare completes and checks the credential, so that a token can be obtained.
func (s *session) prepare() error {
	s.cred.ClientID = cmp.Or(s.cred.ClientID, os.Getenv(clientVariable))
	s.cred.Store = cmp.Or(s.cred.Store, os.Getenv(storeVariable))
	_, preset := credential.New(s.cred.Name)
	if err := check(s.cred, preset); err != nil {
		return err
	}
	s.cred.DecideAuth(s.secret.Known())
	if s.cred.Issuer != "" && s.cred.TokenURL == "" {
		if err := s.cred.Discover(s.cmd.Context()); err != nil {
			return fmt.Errorf("the server's metadata could not be read: %w", err)
		}
	}
	if s.cred.Store == "" {
		s.cred.Store = vault.Probe(s.cmd.Context())
	}
	return nil
}

// needSecret asks the user for the client's secret, if the client has one that
// is not known.
func (s *session) needSecret() error {
	if !s.cred.NeedsSecret() {
		return nil
	}
	_, err := s.secret.Get(s.cmd.Context())
	if !errors.Is(err, credential.ErrNoSecret) {
		return err
	}
	missing := err
	s.secret.Typed, err = prompt(s.cmd, fmt.Sprintf("Client secret of %s at %s (%s): ", s.cred.ClientID, s.cred.Name, host(s.cred.TokenURL)))
	if errors.Is(err, errNoTerminal) {
		return missing
	}
	return err
}
