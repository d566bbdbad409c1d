package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"example.com/bearer"
)

func newLogout() *cobra.Command {
	return &cobra.Command{
		Use:   "logout CLIENT",
		Short: "Forget the token here; at the server it stays valid",
		Long: `Forget the token on this machine. Its client stays declared. The server is not
told: the token stays valid until it expires, and the refresh token too. To end
them, use bearer revoke.`,
		Example:           `  bearer logout acme`,
		Args:              oneClient,
		ValidArgsFunction: completeClient,
		RunE: func(cmd *cobra.Command, args []string) error {
			d, err := openDeclared(cmd)
			if err != nil {
				return err
			}
			name := args[0]
			cache, err := d.Cache(name)
			if err != nil {
				return d.lacks(name, "")
			}
			if err := stored(cmd, cache, name); err != nil {
				return err
			}
			if err := cache.Delete(cmd.Context()); err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "The token of %s is forgotten here. The server was not told: there it is valid until it expires.\n", name)
			return err
		},
	}
}

// stored returns an error if nothing is stored for the client. What cannot be
// read is stored.
func stored(cmd *cobra.Command, cache *bearer.Cache, name string) error {
	if cache.Store == nil {
		return nothingStored(name)
	}
	_, err := cache.Store.Get(cmd.Context(), cache.Key)
	if errors.Is(err, bearer.ErrNotFound) {
		return nothingStored(name)
	}
	return err
}
