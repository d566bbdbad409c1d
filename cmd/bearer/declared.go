package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"example.com/bearer"
	"example.com/bearer/cmd/bearer/internal/declaration"
	"example.com/bearer/cmd/bearer/internal/vault"
	"example.com/bearer/config"
)

// addConfig adds the flag that names the file which declares the clients.
func addConfig(root *cobra.Command) {
	root.PersistentFlags().String("config", "", "the `FILE` that declares the clients (default: ./bearer.yaml, else the one in your own folder)")
	// A script whose variable is empty must not get what is in the folder.
	root.PersistentPreRunE = func(cmd *cobra.Command, _ []string) error {
		if flag := cmd.Flag("config"); flag.Changed && flag.Value.String() == "" {
			return usagef("--config is empty: name a file, or leave the flag out")
		}
		return nil
	}
	_ = root.MarkPersistentFlagFilename("config", "yaml", "yml", "json") // fails without the flag
}

// openSet opens the clients that the file declares: the file that --config
// names, else BEARER_CONFIG, ./bearer.yaml, or the one in the user's folder. It
// makes no request. Each of change adds to the loader what a command needs beside
// what all of them do.
func openSet(cmd *cobra.Command, change ...func(*config.Loader)) (*config.Set, error) {
	d, err := openForUse(cmd, change...)
	if err != nil {
		return nil, err
	}
	return d.Set, nil
}

// openForUse is openSet for commands that also need to know the file.
func openForUse(cmd *cobra.Command, change ...func(*config.Loader)) (*declared, error) {
	if err := noSharedSecret(""); err != nil {
		return nil, err
	}
	file, err := findFile(cmd)
	if err != nil {
		return nil, err
	}
	d, err := openFile(file, nil, change...)
	if err != nil {
		return nil, err
	}
	return d, d.secrets.clash()
}

// A declared is a file that declares clients, open.
type declared struct {
	*config.Set
	file    declaration.File
	vault   vault.Vault
	secrets *secrets
}

// openDeclared is openSet for commands that have no use for a secret.
func openDeclared(cmd *cobra.Command) (*declared, error) {
	file, err := findFile(cmd)
	if err != nil {
		return nil, err
	}
	return openFile(file, nil)
}

func findFile(cmd *cobra.Command) (declaration.File, error) {
	file, err := declaration.Find(configFlag(cmd))
	switch {
	case errors.Is(err, declaration.ErrNone):
		err = usagef("%w; make one with bearer init, name one with --config, or begin with bearer login", err)
	case errors.Is(err, fs.ErrNotExist):
		err = usageError{err}
	}
	return file, err
}

func configFlag(cmd *cobra.Command) string { return cmd.Flag("config").Value.String() }

// openFile opens the clients that a file declares. typed are the secrets that
// the user has typed, by client.
func openFile(file declaration.File, typed typedSecrets, change ...func(*config.Loader)) (*declared, error) {
	trusted, err := file.Trusted()
	if err != nil {
		return nil, err
	}
	v, err := vault.Open()
	if err != nil {
		return nil, usageError{err}
	}
	d := &declared{file: file, vault: v, secrets: newSecrets(file.Path, trusted, typed)}
	loader := config.Loader{
		Name: file.Path, Dir: filepath.Dir(file.Path), Confined: !trusted,
		Stores: stores(v), ClientSecret: d.secrets.of,
	}
	for _, add := range change {
		add(&loader)
	}
	d.Set, err = loader.Parse(file.Data)
	return d, err
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

// has reports whether the file declares a client of that name.
func (d *declared) has(name string) bool { return slices.Contains(d.Names(), name) }

// lacks is the error for a name that the file does not declare, with advice. The
// user's own file may, which a file in the working directory hides.
func (d *declared) lacks(name, advice string) error {
	_, err := d.Cache(name)
	if err == nil {
		return nil
	}
	own, ownErr := declaration.Own()
	if ownErr == nil && d.file.Path != own {
		if data, readErr := os.ReadFile(own); readErr == nil && slices.Contains(declaration.Names(data), name) {
			return usagef("%s: %w; %s has it, so name that one with --config", d.file.Path, err, own)
		}
	}
	text := fmt.Sprintf("%s: %s", d.file.Path, err)
	if advice != "" {
		text = strings.TrimSuffix(text, ".") + "; " + advice
		text = strings.Replace(text, "?;", "? Or", 1)
	}
	return usageError{errors.New(text)}
}

// oneClient requires one argument, the name of a client.
func oneClient(cmd *cobra.Command, args []string) error {
	if len(args) != 1 {
		return usagef("%s takes one argument, the name of a client: see bearer %[1]s --help", cmd.Name())
	}
	return nil
}

// completeClient completes the first argument with the names of the clients that
// the file declares. It only reads the file: a key press must run no command and
// read no secret.
func completeClient(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	file, err := declaration.Find(configFlag(cmd))
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return declaration.Names(file.Data), cobra.ShellCompDirectiveNoFileComp
}
