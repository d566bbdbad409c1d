package main

import (
	"github.com/spf13/cobra"

	"example.com/bearer/config"
)

func newSchema() *cobra.Command {
	return &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON Schema of the file, for an editor",
		Long: `Print the JSON Schema of the file that declares clients, draft 2020-12. Editors
that use yaml-language-server find it by a comment in the first line of the file:

  # yaml-language-server: $schema=bearer.schema.json`,
		Example: `  bearer schema > bearer.schema.json`,
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := cmd.OutOrStdout().Write(config.Schema)
			return err
		},
	}
}
