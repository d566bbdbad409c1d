package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"reflect"
	"time"

	"github.com/spf13/cobra"

	"example.com/bearer"
	"example.com/bearer/cmd/bearer/internal/credential"
	"example.com/bearer/cmd/bearer/internal/vault"
	"example.com/bearer/grant"
)

const (
	// leastLeft is how long a printed token stays valid, if the server
	// issues such tokens: the program that it is printed for takes a moment
	// to use it.
	leastLeft = 10 * time.Second

	// lastMoment is how long the command goes on after Ctrl-C for a refresh
	// that is under way. It may have spent a refresh token, whose successor
	// is in the answer.
	lastMoment = 3 * time.Second

	// flushTimeout is how long the command waits for a store that hangs. A
	// Cache ends a single Put after 10 s.
	flushTimeout = 15 * time.Second
)

type tokenFlags struct{ json, header bool }

func newToken() *cobra.Command {
	var f tokenFlags
	cmd := &cobra.Command{
		Use:   "token PROVIDER",
		Short: "Print a valid access token",
		Long: `Print a valid access token: the stored one, or if that expires within ten
seconds, a new one. Any number of processes may ask at once, and share one
request. If a new token cannot be stored, it is printed with a warning.

PROVIDER is what bearer login was given; or matter, metafy-app or a name of your
choice for another server, for the application's token (client credentials),
which needs no login.` + setupHelp,
		Example: `  bearer token matrica --header | curl -H @- https://api.matrica.io/oauth2/v2/user/profile
  bearer token matter --client-id ID --client-secret-file secret.txt
  bearer token acme --token-url https://auth.example.com/token --client-id ID --json`,
		Args: oneProvider,
		RunE: func(cmd *cobra.Command, args []string) error {
			if f.json && f.header {
				return usagef("--json and --header: give one of them")
			}
			s, err := openSession(cmd, args[0])
			if err != nil {
				return err
			}
			token, err := s.token()
			if err != nil {
				return err
			}
			return f.print(cmd.OutOrStdout(), token)
		},
	}
	flags := cmd.Flags()
	flags.BoolVar(&f.json, "json", false, "print a JSON object, with expiry")
	flags.BoolVar(&f.header, "header", false, "print the header line, for curl -H @-")
	addSetup(flags, false)
	return cmd
}

// token returns the session's token and remembers its settings.
func (s *session) token() (*bearer.Token, error) {
	if s.moved {
		// Nothing has been sent to that server.
		return nil, s.differs()
	}
	if s.cred.Login && !s.remembered {
		return nil, fmt.Errorf("%s needs a login: run bearer login %[1]s", s.cred.Name)
	}
	if err := s.prepare(); err != nil {
		return nil, err
	}
	if s.remembered && !s.vault.Same(s.before, s.cred) {
		return nil, s.differs()
	}
	ctx := s.cmd.Context()
	token, err := s.current(ctx)
	// Only now is it needed, and no lock is held while the user types.
	if errors.Is(err, credential.ErrNoSecret) {
		if err = s.needSecret(); err == nil {
			token, err = s.current(ctx)
		}
	}
	if failed, ok := errors.AsType[*bearer.TokenError](err); ok && !failed.Temporary() {
		err = failed.Err // without when to try again
	}
	switch {
	case errors.Is(err, vault.ErrForgotten):
		return nil, fmt.Errorf("%s was logged out by another process: run bearer login %[1]s", s.cred.Name)
	case errors.Is(err, grant.ErrLoginRequired):
		return nil, fmt.Errorf("%w: run bearer login %s", err, s.cred.Name)
	}
	return token, err
}

func (s *session) differs() error {
	return usagef("%s is remembered with other settings: take another name, or run bearer logout %[1]s first", s.cred.Name)
}

// current returns the stored token or a new one. That the new one, or its
// settings, cannot be written down is only a warning: the token is valid.
func (s *session) current(ctx context.Context) (*bearer.Token, error) {
	store, key := s.vault.Store(s.cred)
	if s.remembered {
		store, key = s.vault.Remembered(s.cred)
	}
	cache := &bearer.Cache{
		Source: s.cred.Source(s.secret), Store: store, Key: key,
		// A background refresh would be cut off when the process ends.
		RefreshBefore: -1,
	}
	token, err := cache.Token(ctx)
	if err == nil && lacksTime(token) {
		token, err = renew(ctx, cache, token)
	}
	if flushErr := s.flush(ctx, cache); flushErr != nil {
		warn(s.cmd, "the token could not be stored", flushErr)
	}
	if err != nil {
		return nil, err
	}
	if err := s.remember(ctx); err != nil && !errors.Is(err, vault.ErrForgotten) {
		warn(s.cmd, s.cred.Name+" could not be remembered", err)
	}
	return token, nil
}

func lacksTime(t *bearer.Token) bool {
	return !t.Expiry.IsZero() && time.Until(t.Expiry) < leastLeft
}

// renew returns a successor of token, or token itself while that is valid.
func renew(ctx context.Context, cache *bearer.Cache, token *bearer.Token) (*bearer.Token, error) {
	next, err := cache.Renew(ctx, nil)
	switch {
	case err == nil:
		return next, nil
	case time.Now().Before(token.Expiry):
		return token, nil
	}
	return nil, err
}

// flush waits until the Cache has stored its token. It returns the store's
// error.
func (s *session) flush(ctx context.Context, cache *bearer.Cache) error {
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushTimeout)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(lastMoment, cancel) })
	defer stop()
	err := cache.Flush(limited)
	if cause := errors.Unwrap(err); cause != nil {
		return cause // without the name of the method
	}
	return err
}

// remember writes down what is new about the settings. It must not bring back
// what another process has forgotten meanwhile.
func (s *session) remember(ctx context.Context) error {
	switch {
	case !s.remembered:
		return s.vault.Remember(ctx, s.cred)
	case reflect.DeepEqual(s.before, s.cred):
		return nil
	}
	return s.vault.Amend(ctx, s.cred)
}

// print writes the token, the only secret that the program ever prints.
func (f tokenFlags) print(w io.Writer, t *bearer.Token) error {
	switch {
	case f.json:
		scope, _ := t.Extra("scope").(string)
		return writeJSON(w, struct {
			AccessToken string    `json:"access_token"`
			TokenType   string    `json:"token_type"`
			Expiry      time.Time `json:"expiry,omitzero"`
			Scope       string    `json:"scope,omitempty"`
		}{t.AccessToken, "Bearer", t.Expiry.UTC().Truncate(time.Second), scope})
	case f.header:
		_, err := fmt.Fprintln(w, "Authorization: Bearer "+t.AccessToken)
		return err
	}
	_, err := fmt.Fprintln(w, t.AccessToken)
	return err
}
