package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"example.com/bearer"
	"example.com/bearer/cmd/bearer/internal/target"
	"example.com/bearer/config"
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
		Use:   "token CLIENT",
		Short: "Print a valid access token",
		Long: `Print a valid access token: the stored one, or if that expires within ten
seconds, a new one. Any number of processes may ask at once, and share one
request. If a new token cannot be stored, it is printed with a warning.

CLIENT is one that the file declares. Or it is matter, or a name of your choice
for another server, and flags declare it: for the application's own token (client
credentials), which needs no login.` + setupHelp,
		Example: `  bearer token matrica --header | curl -H @- https://api.matrica.io/oauth2/v2/user/profile
  bearer token matter --client-id ID --client-secret-file secret.txt
  bearer token acme --token-url https://auth.example.com/token --client-id ID --json`,
		Args:              oneClient,
		ValidArgsFunction: completeClient,
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
			return f.print(cmd.OutOrStdout(), s.client, token)
		},
	}
	flags := cmd.Flags()
	flags.BoolVar(&f.json, "json", false, "print a JSON object, with expiry")
	flags.BoolVar(&f.header, "header", false, "print the header line that the API takes, for curl -H @-")
	addSetup(cmd, false)
	return cmd
}

// token returns the client's token. If the command line declares the client, it
// is written down once there is a token.
func (s *session) token() (*bearer.Token, error) {
	if s.before != nil {
		return nil, usagef("%s is declared in %s with other settings: change it there, or take another name", s.name, s.file.Path)
	}
	ctx := s.cmd.Context()
	token, err := s.current(ctx)
	// Only now is it needed, and no lock is held while the user types.
	if errors.Is(err, errNoSecret) {
		if err = s.needSecret(); err == nil {
			token, err = s.current(ctx)
		}
	}
	if err != nil {
		return nil, why(err, s.name)
	}
	// That it cannot be written down is only a warning: the token is valid.
	if err := s.save(ctx); err != nil {
		warn(s.cmd, s.name+" could not be declared", err)
	} else if s.changes() {
		fmt.Fprintln(s.cmd.ErrOrStderr(), "bearer:"+printable(s.declaredWhere()))
	}
	return token, nil
}

// why completes the error of a client whose token could not be had.
func why(err error, client string) error {
	if failed, ok := errors.AsType[*bearer.TokenError](err); ok && !failed.Temporary() {
		err = failed.Err // without when to try again
	}
	if errors.Is(err, bearer.ErrLoginRequired) {
		return fmt.Errorf("%w: run bearer login %s", err, client)
	}
	return err
}

// current returns the stored token or a new one. That the new one cannot be
// stored is only a warning.
func (s *session) current(ctx context.Context) (*bearer.Token, error) {
	// Storing the token chooses too, and says what is wrong, but has less time
	// for a user who unlocks a keyring.
	_ = s.chooseStore(ctx)
	// A background refresh would make the user wait for it at the end.
	s.cache.RefreshBefore = -1
	token, err := lasting(ctx, s.cache)
	if flushErr := flush(ctx, s.cache); flushErr != nil {
		warn(s.cmd, "the token could not be stored", flushErr)
	}
	return token, err
}

// lasting returns a token that stays valid for leastLeft, if the server issues
// such tokens.
func lasting(ctx context.Context, cache *bearer.Cache) (*bearer.Token, error) {
	token, err := cache.Token(ctx)
	if err == nil && lacksTime(token) {
		return renew(ctx, cache, token)
	}
	return token, err
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
func flush(ctx context.Context, cache *bearer.Cache) error {
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

// print writes the token, the only secret that the program ever prints.
func (f tokenFlags) print(w io.Writer, c config.Client, t *bearer.Token) error {
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
		name, value := target.Header(c, t.AccessToken)
		_, err := fmt.Fprintln(w, name+": "+value)
		return err
	}
	_, err := fmt.Fprintln(w, t.AccessToken)
	return err
}
