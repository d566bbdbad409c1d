package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"example.com/bearer"
	"example.com/bearer/cmd/bearer/internal/credential"
	"example.com/bearer/login"
)

type loginFlags struct{ device, noBrowser bool }

func newLogin() *cobra.Command {
	var f loginFlags
	cmd := &cobra.Command{
		Use:   "login PROVIDER",
		Short: "Log in with a browser and keep the token",
		Long: `Log in with a browser and keep the token.

PROVIDER is matrica, metafy, or a name of your own for another server, which
--issuer or --auth-url and --token-url describe.` + setupHelp,
		Example: `  bearer login matrica --client-id ID --redirect-url http://127.0.0.1:8123/callback
  bearer login acme --issuer https://auth.example.com --client-id ID --scope "read write"
  bearer login acme --device`,
		Args: oneProvider,
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := openSession(cmd, args[0])
			if err != nil {
				return err
			}
			return f.run(s)
		},
	}
	flags := cmd.Flags()
	addSetup(flags, true)
	flags.String("redirect-url", "", "the `URL` to come back to, as it is registered (default: http://127.0.0.1/callback with a free port)")
	flags.BoolVar(&f.noBrowser, "no-browser", false, "print the page to open instead of opening it")
	flags.BoolVar(&f.device, "device", false, "log in with a browser on another machine, by a code (RFC 8628)")
	return cmd
}

func (f loginFlags) run(s *session) error {
	if preset, ok := credential.New(s.cred.Name); ok && !preset.Login {
		return usagef("%s needs no login, its token is the application's own: bearer token %[1]s", s.cred.Name)
	}
	s.cred.Login = true
	if err := s.prepare(); err != nil {
		return err
	}
	switch {
	case f.device && s.cred.DeviceAuthURL == "":
		return usagef("%s has no device endpoint: give --device-auth-url, or log in without --device", s.cred.Name)
	case !f.device && s.cred.AuthURL == "":
		return usagef("%s has no authorization endpoint: give --auth-url, or --device", s.cred.Name)
	}
	if err := s.needSecret(); err != nil {
		return err
	}
	ctx := s.cmd.Context()
	token, err := f.consent(ctx, s)
	if err != nil {
		return err
	}
	// The user has done the work: a Ctrl-C from now on must not lose it.
	return s.keep(context.WithoutCancel(ctx), token)
}

// consent gets a token from the user and the server.
func (f loginFlags) consent(ctx context.Context, s *session) (*bearer.Token, error) {
	errs := s.cmd.ErrOrStderr()
	if f.device {
		device := s.cred.Device(s.secret)
		prompt, err := device.Start(ctx)
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(errs, "Open %s on any machine and enter the code %s\n", prompt.VerificationURI, prompt.UserCode)
		return device.Wait(ctx, prompt)
	}
	loopback := login.Loopback{
		RedirectURL: s.cred.RedirectURL,
		Flow: func(redirectURL string) login.Flow {
			fmt.Fprintf(errs, "Waiting for the browser to come back to %s\n", redirectURL)
			return s.cred.Code(s.secret, redirectURL)
		},
		NoBrowser: func(url string, err error) {
			if !errors.Is(err, errNoBrowser) {
				fmt.Fprintf(errs, "No browser could be opened: %v\n", err)
			}
			fmt.Fprintf(errs, "Open this page to log in:\n\n%s\n\n", url)
		},
	}
	if f.noBrowser {
		loopback.Open = func(string) error { return errNoBrowser }
	}
	return loopback.Login(ctx)
}

var errNoBrowser = errors.New("no browser is wanted")

// keep stores the token of a login, in place of an earlier one.
func (s *session) keep(ctx context.Context, token *bearer.Token) error {
	store, key := s.vault.Store(s.cred)
	if err := (&bearer.Cache{Store: store, Key: key}).Set(ctx, token); err != nil {
		return fmt.Errorf("you are logged in, but the token could not be stored: %w", err)
	}
	if err := s.remember(ctx); err != nil {
		return err
	}
	line := fmt.Sprintf("Logged in to %s. The token is kept in %s", s.cred.Name, s.vault.Place(s.cred))
	if !token.Expiry.IsZero() {
		line += " and expires " + when(token.Expiry)
		if token.RefreshToken == "" {
			line += "; there is no refresh token, so log in again then"
		}
	}
	_, err := fmt.Fprintln(s.cmd.OutOrStdout(), line+".")
	return err
}
