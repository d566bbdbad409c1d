package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"example.com/bearer"
	"example.com/bearer/cmd/bearer/internal/credential"
	"example.com/bearer/grant"
)

const (
	// leastLeft is how long a token is good for that is printed, if the server
	// gives such: what it is printed for takes a moment to begin.
	leastLeft = 10 * time.Second

	// lastMoment is how long Ctrl-C waits for a refresh that is under way. It may
	// have spent a refresh token that rotates, and its answer has the next one.
	lastMoment = 3 * time.Second
)

type tokenFlags struct{ json, header bool }

func newToken() *cobra.Command {
	var f tokenFlags
	cmd := &cobra.Command{
		Use:   "token PROVIDER",
		Short: "Print a valid access token",
		Long: `Print a valid access token: the stored one, or if that expires within ten
seconds, a new one. Any number of processes may ask at once, and share one
request.

PROVIDER is what bearer login was given; or matter, metafy-app or a name of your
own for another server, for the application's own token (client credentials),
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

// token gives the session's token and remembers what it was made with.
func (s *session) token() (*bearer.Token, error) {
	if s.cred.Login && !s.remembered {
		return nil, fmt.Errorf("nobody is logged in to %s: run bearer login %[1]s", s.cred.Name)
	}
	if err := s.prepare(); err != nil {
		return nil, err
	}
	if s.remembered && !s.vault.Same(s.before, s.cred) {
		return nil, usagef("%s is remembered with other settings: take another name, or run bearer logout %[1]s first", s.cred.Name)
	}
	ctx := s.cmd.Context()
	token, err := s.current(ctx)
	if errors.Is(err, credential.ErrNoSecret) { // so one is needed: asked for now, with no lock held
		if err = s.needSecret(); err == nil {
			token, err = s.current(ctx)
		}
	}
	switch {
	case errors.Is(err, grant.ErrLoginRequired):
		return nil, fmt.Errorf("%w: run bearer login %s", err, s.cred.Name)
	case err != nil:
		return nil, err
	}
	return token, s.remember(ctx)
}

// current gives the stored token or a new one.
func (s *session) current(ctx context.Context) (*bearer.Token, error) {
	store, key := s.vault.Store(s.cred)
	var storeFailed sync.Once // one line, however often it is tried
	cache := &bearer.Cache{
		Source: s.cred.Source(s.secret), Store: store, Key: key,
		RefreshBefore: -1, // a refresh behind would end with the process, in the middle
		Hooks: &bearer.Hooks{StoreFailed: func(_ context.Context, e bearer.Event) {
			storeFailed.Do(func() { fmt.Fprintf(s.cmd.ErrOrStderr(), "bearer: warning: %s of the stored token: %v\n", e.Op, e.Err) })
		}},
	}
	token, err := cache.Token(ctx)
	if err == nil && !token.Expiry.IsZero() && time.Until(token.Expiry) < leastLeft {
		if next, err := cache.Renew(ctx, token); err == nil {
			token = next
		}
	}
	if ctx.Err() != nil {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastMoment)
		defer cancel()
		_, _ = cache.Token(ctx) // for the storing, not for the token
	}
	return token, err
}

// print writes the token, which is the only secret that the program ever writes.
func (f tokenFlags) print(w io.Writer, t *bearer.Token) error {
	switch {
	case f.json:
		scope, _ := t.Extra("scope").(string)
		return json.NewEncoder(w).Encode(struct {
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
