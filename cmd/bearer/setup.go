package main

import (
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"example.com/bearer/cmd/bearer/internal/credential"
	"example.com/bearer/cmd/bearer/internal/vault"
)

// What the environment can set, besides [credential.Variable] and
// [vault.FolderVariable].
const (
	clientVariable = "BEARER_CLIENT_ID"
	storeVariable  = "BEARER_STORE"
)

// setupHelp ends the help of the commands that have the setup's flags.
const setupHelp = `

What no flag sets is what was remembered from last time, else what the
environment says: BEARER_CLIENT_ID, BEARER_STORE, and BEARER_HOME for another
folder. With another --issuer or --token-url, nothing that was remembered is
used: it belongs to the old server.

The client's secret comes from BEARER_PROVIDER_CLIENT_SECRET, with the name of
the provider in capitals and - as _ (for acme-2, BEARER_ACME_2_CLIENT_SECRET),
or from --client-secret-file; on a terminal, it is asked for. It is never given
as a flag, where other users could see it, and it is not remembered.`

// addSetup adds the flags that say which server and which client.
func addSetup(flags *pflag.FlagSet, login bool) {
	flags.String("issuer", "", "find the server's endpoints at this `URL` (RFC 8414)")
	flags.String("token-url", "", "the server's token endpoint, a `URL`")
	if login {
		flags.String("auth-url", "", "the server's authorization endpoint, a `URL`")
		flags.String("device-auth-url", "", "the server's device authorization endpoint, a `URL`")
	}
	flags.String("revoke-url", "", "the server's revocation endpoint, a `URL`")
	flags.String("client-id", "", "the client's `ID`")
	addSecret(flags)
	flags.StringArray("scope", nil, "request these `SCOPES`; may be repeated")
	flags.String("audience", "", "whom the token is for, a `NAME` that some servers require")
	flags.String("store", "", "keep the token in `PLACE`: keyring or dir (default: the keyring, if there is one)")
	flags.SortFlags = false
}

func addSecret(flags *pflag.FlagSet) {
	flags.String("client-auth", "", "the `WAY` the client authenticates: "+strings.Join(credential.Auths, ", "))
	flags.String("client-secret-file", "", "read the client's secret from `FILE`; - is stdin")
}

// given reports whether a flag was given. A flag that the command does not have
// was not.
func given(flags *pflag.FlagSet, name string) bool {
	return flags.Lookup(name) != nil && flags.Changed(name)
}

// moves reports whether the flags name another server than c's.
func moves(flags *pflag.FlagSet, c credential.Credential) bool {
	other := func(name, remembered string) bool {
		return given(flags, name) && flags.Lookup(name).Value.String() != remembered
	}
	return other("issuer", c.Issuer) || other("token-url", c.TokenURL)
}

// apply changes c to what the flags say.
func apply(flags *pflag.FlagSet, c *credential.Credential) error {
	if moves(flags, *c) {
		// What was remembered belongs to the old server, the file with
		// the client's secret above all. Where the token is kept does
		// not.
		store := c.Store
		*c, _ = credential.New(c.Name)
		c.Store = store
		if moves(flags, *c) { // also from where a preset is
			c.DropEndpoints()
		}
	}
	if given(flags, "issuer") { // its endpoints may have changed
		c.DropEndpoints()
	}
	for name, field := range map[string]*string{
		"issuer": &c.Issuer, "auth-url": &c.AuthURL, "token-url": &c.TokenURL,
		"revoke-url": &c.RevokeURL, "device-auth-url": &c.DeviceAuthURL,
		"client-id": &c.ClientID, "client-auth": &c.ClientAuth, "client-secret-file": &c.SecretFile,
		"audience": &c.Audience, "redirect-url": &c.RedirectURL, "store": &c.Store,
	} {
		if given(flags, name) {
			*field = flags.Lookup(name).Value.String()
		}
	}
	if given(flags, "scope") {
		scopes, err := flags.GetStringArray("scope")
		if err != nil {
			return err
		}
		c.Scopes = strings.Fields(strings.Join(scopes, " "))
	}
	if c.SecretFile != "" && c.SecretFile != "-" {
		// The file is read from other folders later.
		file, err := filepath.Abs(c.SecretFile)
		if err != nil {
			return err
		}
		c.SecretFile = file
	}
	return nil
}

// check returns what is wrong or missing before anything is sent.
func check(c credential.Credential, known bool) error {
	switch {
	case c.TokenURL == "" && c.Issuer == "" && !known:
		return usagef("%s is unknown: give --issuer, or --token-url, or name one of %s", c.Name, strings.Join(credential.Presets(), ", "))
	case c.TokenURL == "" && c.Issuer == "":
		return usagef("%s has no token endpoint: give --token-url", c.Name)
	case c.ClientID == "":
		return usagef("%s needs the client's id: give --client-id, or set %s", c.Name, clientVariable)
	case c.ClientAuth != "" && !slices.Contains(credential.Auths, c.ClientAuth):
		return usagef("--client-auth must be one of %s, got %q", strings.Join(credential.Auths, ", "), c.ClientAuth)
	case c.Store != vault.Keyring && c.Store != vault.Dir && c.Store != "":
		return usagef("--store must be %s or %s, got %q", vault.Keyring, vault.Dir, c.Store)
	}
	return nil
}
