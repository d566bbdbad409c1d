package main

import (
	"errors"
	"path/filepath"

	"github.com/spf13/cobra"

	"example.com/bearer"
	"example.com/bearer/cmd/bearer/internal/declaration"
	"example.com/bearer/cmd/bearer/internal/vault"
	"example.com/bearer/config"
)

// addConfig adds the flag that names the file which declares the clients.
func addConfig(root *cobra.Command) {
	root.PersistentFlags().String("config", "", "the `FILE` that declares the clients (default: ./bearer.yaml, else the one in your own folder)")
}

// openSet opens the clients that the file declares: the file that --config
// names, else BEARER_CONFIG, ./bearer.yaml, or the one in the user's folder. It
// makes no request.
func openSet(cmd *cobra.Command) (*config.Set, error) {
	file, err := findFile(cmd)
	if err != nil {
		return nil, err
	}
	return openFile(cmd, file)
}

func findFile(cmd *cobra.Command) (declaration.File, error) {
	file, err := declaration.Find(cmd.Flag("config").Value.String())
	if errors.Is(err, declaration.ErrNone) {
		return file, usagef("%w; make one with bearer init, name one with --config, or begin with bearer login", err)
	}
	return file, err
}

// openFile opens the clients of a file. Each of change adds to the loader what a
// command needs beside what all of them do.
func openFile(cmd *cobra.Command, file declaration.File, change ...func(*config.Loader)) (*config.Set, error) {
	trusted, err := file.Trusted()
	if err != nil {
		return nil, err
	}
	v, err := vault.Open()
	if err != nil {
		return nil, err
	}
	loader := config.Loader{
		Name: file.Path, Dir: filepath.Dir(file.Path), Confined: !trusted,
		Stores: stores(v),
	}
	for _, add := range change {
		add(&loader)
	}
	return loader.Parse(file.Data)
}

// stores are what a file can name as store.name; a client that declares no
// store has the one named "".
func stores(v vault.Vault) map[string]func(string, config.Client) (bearer.Store, error) {
	all := map[string]func(string, config.Client) (bearer.Store, error){}
	for _, place := range []string{"", vault.Keyring, vault.Dir} {
		all[place] = func(string, config.Client) (bearer.Store, error) { return v.In(place), nil }
	}
	return all
}

// oneClient requires one argument, the name of a client.
func oneClient(cmd *cobra.Command, args []string) error {
	if len(args) != 1 {
		return usagef("%s takes one argument, the name of a client: see bearer %[1]s --help", cmd.Name())
	}
	return nil
}
