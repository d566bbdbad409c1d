package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"example.com/bearer/cmd/bearer/internal/vault"
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
			v, err := vault.Open()
			if err != nil {
				return err
			}
			c, ok, err := v.Find(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			if !ok {
				return nothingStored(args[0])
			}
			if err := v.Forget(cmd.Context(), c, func() error { return nil }); err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "The token of %s is forgotten here. The server was not told: there it is valid until it expires.\n", args[0])
			return err
		},
	}
}
