package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"example.com/bearer"
	"example.com/bearer/cmd/bearer/internal/credential"
	"example.com/bearer/grant"
	"example.com/bearer/login"
)

type loginFlags struct{ device, noBrowser bool }

func newLogin() *cobra.Command {
	var f loginFlags
	cmd := &cobra.Command{
		Use:   "login PROVIDER",
		Short: "Log in with a browser and keep the token",
		Long: `Log in with a browser and keep the token.

PROVIDER is matrica, metafy, or a name of your choice for another server, which
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
		return usagef("%s needs no login, its token is the application's: bearer token %[1]s", s.cred.Name)
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
	obtain := f.inBrowser
	if f.device {
		obtain = f.onDevice
	}
	token, err := obtain(ctx, s)
	if err != nil {
		return err
	}
	// The user has consented: from now on Ctrl-C must not lose the token.
	return s.keep(context.WithoutCancel(ctx), token)
}

// inBrowser gets a token by a browser on this machine.
func (f loginFlags) inBrowser(ctx context.Context, s *session) (*bearer.Token, error) {
	errs := s.cmd.ErrOrStderr()
	loopback := login.Loopback{
		RedirectURL: s.cred.RedirectURL,
		Flow: func(redirectURL string) login.Flow {
			fmt.Fprintf(errs, "Waiting for the browser to come back to %s\n", printable(redirectURL))
			return s.cred.Code(s.secret, redirectURL)
		},
		NoBrowser: func(url string, err error) {
			if !errors.Is(err, errNoBrowser) {
				fmt.Fprintf(errs, "No browser could be opened: %s\n", explain(err))
			}
			showPage(errs, "Open this page to log in:", url)
		},
		Refused: func(url string, err error) {
			fmt.Fprintf(errs, "Note: %s.\n", explain(err))
			showPage(errs, "Still waiting: press Ctrl-C if you declined, or open this page to log in:", url)
		},
	}
	if f.noBrowser {
		loopback.Open = func(string) error { return errNoBrowser }
	}
	return loopback.Login(ctx)
}

var errNoBrowser = errors.New("--no-browser was given")

func showPage(w io.Writer, what, url string) {
	fmt.Fprintf(w, "%s\n\n%s\n\n", what, printable(url))
}

// onDevice gets a token by a browser on another machine.
func (loginFlags) onDevice(ctx context.Context, s *session) (*bearer.Token, error) {
	device := s.cred.Device(s.secret)
	prompt, err := device.Start(ctx)
	if err != nil {
		return nil, err
	}
	if err := showCode(s.cmd.ErrOrStderr(), prompt); err != nil {
		return nil, err
	}
	return device.Wait(ctx, prompt)
}

// showCode tells the user where to enter the code. A page that has the code
// filled in is shown too, but never instead of the code: the user compares the
// two there (RFC 8628 section 3.3.1).
func showCode(w io.Writer, p *grant.DevicePrompt) error {
	fmt.Fprintf(w, "Open %s on any machine and enter the code %s\n", printable(p.VerificationURI), printable(p.UserCode))
	if p.VerificationURIComplete != "" {
		fmt.Fprintf(w, "Or open this page, which should show the same code:\n\n%s\n\n", printable(p.VerificationURIComplete))
	}
	return writeQRCode(w, cmp.Or(p.VerificationURIComplete, p.VerificationURI))
}

// keep stores the token of a login, in place of an earlier one.
func (s *session) keep(ctx context.Context, token *bearer.Token) error {
	store, key := s.vault.Store(s.cred)
	// With the Source, the record names the server and the client of the
	// token.
	cache := &bearer.Cache{Source: s.cred.Source(s.secret), Store: store, Key: key}
	err := cache.Set(ctx, token)
	// Flush waits for a keyring that asks the user for a password.
	if err != nil {
		err = s.flush(ctx, cache)
	}
	if err != nil {
		return fmt.Errorf("you are logged in, but the token could not be stored: %w", err)
	}
	if err := s.vault.Remember(ctx, s.cred); err != nil {
		return fmt.Errorf("you are logged in, but %s could not be remembered: %w", s.cred.Name, err)
	}
	line := fmt.Sprintf("Logged in to %s. The token is kept in %s", s.cred.Name, s.vault.Place(s.cred))
	if !token.Expiry.IsZero() {
		line += " and expires " + when(token.Expiry)
		if token.RefreshToken == "" {
			line += "; there is no refresh token, so log in again then"
		}
	}
	line += "."
	if s.moved {
		line += " What was remembered of " + host(s.before.TokenURL) + " is forgotten."
	}
	_, err = fmt.Fprintln(s.cmd.OutOrStdout(), printable(line))
	return err
}
