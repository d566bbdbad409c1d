package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"example.com/bearer"
	"example.com/bearer/cmd/bearer/internal/vault"
	"example.com/bearer/grant"
)

func newRevoke() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "revoke CLIENT",
		Short: "Have the server revoke the token, and forget it",
		Long: `Have the server revoke the refresh token and the access token (RFC 7009), and
forget them here. If the server does not revoke them, nothing is forgotten. The
client stays declared; what a flag says holds for this time.`,
		Example:           `  bearer revoke acme`,
		Args:              oneClient,
		ValidArgsFunction: completeClient,
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := openSession(cmd, args[0])
			if err != nil {
				return err
			}
			if err := stored(cmd, s.cache, s.name); err != nil {
				return err
			}
			return s.revoke(cmd.Context())
		},
	}
	flags := cmd.Flags()
	flags.String("revoke-url", "", "the server's revocation endpoint, a `URL`")
	addSecret(cmd)
	flags.SortFlags = false
	return cmd
}

func (s *session) revoke(ctx context.Context) error {
	if s.client.RevokeURL == "" && s.client.Issuer == "" {
		return fmt.Errorf("%s has no revocation endpoint: set its revoke_url in %s, give --revoke-url, or forget the token with bearer logout %[1]s", s.name, s.file.Path)
	}
	if err := s.needSecret(); err != nil {
		return err
	}
	revoked := 0
	err := vault.Forget(ctx, s.cache, func() (err error) {
		revoked, err = s.revokeTokens(ctx)
		return err
	})
	if err != nil {
		return fmt.Errorf("nothing was forgotten: %w", err)
	}
	done := "is revoked and forgotten"
	if revoked == 0 {
		done = "had expired, so there was nothing to revoke; it is forgotten"
	}
	_, err = fmt.Fprintf(s.cmd.OutOrStdout(), "The token of %s %s.\n", s.name, done)
	return err
}

// revokeTokens revokes what is stored and returns how many tokens that were.
// The refresh token comes first, since it could replace the other.
func (s *session) revokeTokens(ctx context.Context) (revoked int, err error) {
	t, valid, err := vault.Peek(ctx, s.cache)
	if errors.Is(err, bearer.ErrNotFound) || err == nil && t == nil {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	var unsupported error
	for _, one := range []struct {
		token, hint string
		wanted      bool
	}{
		{t.RefreshToken, "refresh_token", t.RefreshToken != ""},
		{t.AccessToken, "access_token", valid},
	} {
		if !one.wanted {
			continue
		}
		err := s.Revoke(ctx, s.name, one.token, one.hint)
		refusal, ok := errors.AsType[*grant.Error](err)
		switch {
		case err == nil:
			revoked++
		case ok && refusal.Code == "unsupported_token_type":
			// Perhaps of this kind only (RFC 7009 section 2.2.1).
			unsupported = err
		default:
			return revoked, err
		}
	}
	if revoked == 0 {
		return 0, unsupported
	}
	return revoked, nil
}
