package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"example.com/bearer"
	"example.com/bearer/cmd/bearer/internal/declaration"
	"example.com/bearer/grant"
	"example.com/bearer/login"
)

type loginFlags struct{ device, noBrowser bool }

func newLogin() *cobra.Command {
	var f loginFlags
	cmd := &cobra.Command{
		Use:   "login CLIENT",
		Short: "Log in with a browser and keep the token",
		Long: `Log in with a browser and keep the token.

CLIENT is one that the file declares; matrica or metafy; or a name of your choice
for another server, which --issuer, or --auth-url and --token-url, describe. With
another --issuer or --token-url than the client has, nothing of its declaration is
used, and not its secret in the environment: they belong to the old server.` + setupHelp,
		Example: `  bearer login matrica --client-id ID --redirect-url http://127.0.0.1:8123/callback
  bearer login acme --issuer https://auth.example.com --client-id ID --scope "read write"
  bearer login acme --device`,
		Args:              oneClient,
		ValidArgsFunction: completeClient,
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := openSession(cmd, args[0])
			if err != nil {
				return err
			}
			return f.run(s)
		},
	}
	flags := cmd.Flags()
	flags.BoolVar(&f.device, "device", false, "log in with a browser on another machine, by a code (RFC 8628)")
	flags.BoolVar(&f.noBrowser, "no-browser", false, "print the page to open instead of opening it")
	addSetup(cmd, true)
	return cmd
}

func (f loginFlags) run(s *session) error {
	ctx := s.cmd.Context()
	// What this finds out, the user need not consent for.
	switch {
	case !usersToken(s.client):
		return usagef("%s needs no login, its token is the application's: bearer token %[1]s", s.name)
	case s.cache.Store == nil:
		return usagef("%s keeps no token: remove store: false from its declaration in %s", s.name, s.file.Path)
	}
	obtain := f.inBrowser
	if f.device || s.client.GrantType == "device_code" {
		obtain = f.onDevice
	}
	if err := s.needSecret(); err != nil {
		return err
	}
	if err := s.canKeep(ctx); err != nil {
		return err
	}
	token, err := obtain(ctx, s)
	if err != nil {
		return err
	}
	// The user has consented: from now on Ctrl-C must not lose the token.
	return s.keep(context.WithoutCancel(ctx), token)
}

// canKeep returns an error, before the user is asked for consent, if the file is
// not to be trusted with a login, or if the folders for the token and its
// declaration cannot be written.
func (s *session) canKeep(ctx context.Context) error {
	if !s.secrets.trusted {
		// A cloned repository's token endpoint could be given the code of a
		// well-known client.
		return usagef("%s is not approved, so it does not decide where your login goes: read it, then type bearer allow", s.file.Path)
	}
	if s.changes() {
		if err := declaration.Writable(s.file.Path); err != nil {
			return fmt.Errorf("%s could not be declared: %w", s.name, err)
		}
	}
	if err := s.tryStore(ctx); err != nil {
		return fmt.Errorf("the token could not be kept: %w", err)
	}
	return nil
}

// tryStore returns an error if the client's store cannot be used.
func (s *session) tryStore(ctx context.Context) error {
	if err := s.chooseStore(ctx); err != nil {
		return err
	}
	if locker, ok := s.cache.Store.(bearer.Locker); ok {
		unlock, err := locker.Lock(ctx, s.cache.Key) // makes the folder, and a file in it
		if err == nil {
			err = unlock()
		}
		if err != nil {
			return err
		}
	}
	// A keyring that is not there, or locked, says so.
	_, err := s.cache.Store.Get(ctx, s.cache.Key)
	if errors.Is(err, bearer.ErrNotFound) {
		return nil
	}
	return err
}

// inBrowser gets a token by a browser on this machine.
func (f loginFlags) inBrowser(ctx context.Context, s *session) (*bearer.Token, error) {
	code, err := s.Login(ctx, s.name)
	if err != nil {
		return nil, err
	}
	errs := s.cmd.ErrOrStderr()
	loopback := login.Loopback{
		RedirectURL: string(s.client.RedirectURL),
		Flow: func(redirectURL string) login.Flow {
			fmt.Fprintf(errs, "Waiting for the browser to come back to %s\n", printable(redirectURL))
			code.RedirectURL = redirectURL
			return code
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
	device, err := s.Device(ctx, s.name)
	if err != nil {
		return nil, err
	}
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

// keep writes down the declaration and the token of a login, in place of earlier
// ones.
func (s *session) keep(ctx context.Context, token *bearer.Token) error {
	if err := s.save(ctx); err != nil {
		return fmt.Errorf("you were logged in, but %s could not be declared, so log in again: %w", s.name, err)
	}
	err := s.cache.Set(ctx, token)
	// Flush waits for a keyring that asks the user for a password.
	if err != nil {
		err = flush(ctx, s.cache)
	}
	if err != nil {
		return fmt.Errorf("you were logged in, but the token could not be stored: %w", err)
	}
	line := fmt.Sprintf("Logged in to %s. The token is kept in %s", s.name, s.place())
	if !token.Expiry.IsZero() {
		line += " and expires " + when(token.Expiry)
		if token.RefreshToken == "" {
			line += "; there is no refresh token, so log in again then"
		}
	}
	line += "." + s.declaredWhere()
	_, err = fmt.Fprintln(s.cmd.OutOrStdout(), printable(line))
	return err
}

// declaredWhere says what was written to which file.
func (s *session) declaredWhere() string {
	if !s.changes() {
		return ""
	}
	text := fmt.Sprintf(" %s is declared in %s.", s.name, s.file.Path)
	if s.setup.anew {
		was, _ := s.before.Declaration(s.name) // it was there
		text += fmt.Sprintf(" What was declared for %s is forgotten.", host(was))
	}
	if s.hiddenBy != "" {
		text += fmt.Sprintf(" In this folder %s counts instead: add --config %s.", s.hiddenBy, s.file.Path)
	}
	return text
}
