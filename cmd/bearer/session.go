package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"reflect"

	"github.com/spf13/cobra"

	"example.com/bearer/cmd/bearer/internal/credential"
	"example.com/bearer/cmd/bearer/internal/vault"
)

// A session is one credential in the hands of one command.
type session struct {
	cmd    *cobra.Command
	vault  vault.Vault
	cred   credential.Credential
	secret credential.Secret

	before     credential.Credential // as it was remembered
	remembered bool
}

// openSession puts together what is remembered, what the flags say, and what is
// known of a provider. It does not yet ask for more than that, see prepare.
func openSession(cmd *cobra.Command, name string) (*session, error) {
	v, err := vault.Open()
	if err != nil {
		return nil, err
	}
	s := &session{cmd: cmd, vault: v}
	if s.before, s.remembered, err = v.Find(cmd.Context(), name); err != nil {
		return nil, err
	}
	s.cred = s.before
	if !s.remembered {
		s.cred, _ = credential.New(name)
	}
	if err := apply(cmd.Flags(), &s.cred); err != nil {
		return nil, err
	}
	s.secret.File = s.cred.SecretFile
	if s.cred.SecretFile == "-" {
		s.cred.SecretFile = "" // not there next time
		if s.secret.Typed, err = readSecret(cmd.InOrStdin()); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// openRemembered is openSession for commands that make nothing new.
func openRemembered(cmd *cobra.Command, name string) (*session, error) {
	s, err := openSession(cmd, name)
	if err == nil && !s.remembered {
		return nil, errors.New("nothing is stored for " + name + ": see bearer status")
	}
	return s, err
}

// prepare completes and checks the credential, so that tokens can be asked for.
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
			return fmt.Errorf("--issuer: %w", err)
		}
	}
	if s.cred.Store == "" {
		s.cred.Store = vault.Probe(s.cmd.Context())
	}
	return nil
}

// needSecret asks for the client's secret if it has one that is not known.
func (s *session) needSecret() error {
	if !s.cred.NeedsSecret() {
		return nil
	}
	_, err := s.secret.Get(s.cmd.Context())
	if !errors.Is(err, credential.ErrNoSecret) {
		return err
	}
	s.secret.Typed, err = prompt(s.cmd, "Client secret of "+s.cred.ClientID+" at "+s.cred.Name+": ")
	return err
}

// remember writes the credential down if there is anything new about it.
func (s *session) remember(ctx context.Context) error {
	if s.remembered && reflect.DeepEqual(s.before, s.cred) {
		return nil
	}
	return s.vault.Remember(ctx, s.cred)
}
