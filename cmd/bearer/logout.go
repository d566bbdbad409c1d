package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

func newLogout() *cobra.Command {
	return &cobra.Command{
		Use:   "logout PROVIDER",
		Short: "Forget the token here; at the server it stays valid",
		Long: `Forget the token, and everything else that is remembered of the provider, on this
machine. The server is not told: the token stays valid until it expires, and the
refresh token too. To end them, use bearer revoke.`,
		Args: oneProvider,
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := openRemembered(cmd, args[0])
			if err != nil {
				return err
			}
			if err := s.vault.Forget(cmd.Context(), s.cred, func() error { return nil }); err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "The token of %s is forgotten here. The server was not told: there it is valid until it expires.\n", s.cred.Name)
			return err
		},
	}
}
