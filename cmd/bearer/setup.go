package main

import (
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"example.com/bearer/cmd/bearer/internal/credential"
	"example.com/bearer/cmd/bearer/internal/vault"
)

// The environment's part in the setup; the rest is [credential.SecretVariable]
// and [vault.FolderVariable].
const (
	clientVariable = "BEARER_CLIENT_ID"
	storeVariable  = "BEARER_STORE"
)

// setupHelp ends the help of the commands that take the setup's flags.
const setupHelp = `

What is not given as a flag is what was remembered from last time, else what the
environment says: BEARER_CLIENT_ID, BEARER_CLIENT_SECRET, BEARER_STORE, and
BEARER_HOME for another folder. A secret is never given as a flag, where other
users could see it, and is not remembered; without one in the environment or a
file, and with a terminal, it is asked for.`

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
	flags.StringArray("scope", nil, "ask for these `SCOPES`; may be repeated")
	flags.String("audience", "", "what the token is for, a `NAME` that some servers want")
	flags.String("store", "", "keep the token in `PLACE`: keyring or dir (default: the keyring, if there is one)")
	flags.SortFlags = false
}

func addSecret(flags *pflag.FlagSet) {
	flags.String("client-auth", "", "the `WAY` in which the client authenticates: "+strings.Join(credential.Auths, ", "))
	flags.String("client-secret-file", "", "read the client's secret from `FILE`; - is stdin")
}

// apply changes c to what the flags say. A flag that the command does not have
// was not given.
func apply(flags *pflag.FlagSet, c *credential.Credential) error {
	given := func(name string) bool { return flags.Lookup(name) != nil && flags.Changed(name) }
	if given("issuer") { // another server, so nothing that is remembered of the last one
		c.AuthURL, c.TokenURL, c.RevokeURL, c.DeviceAuthURL, c.IssuerInCallback = "", "", "", "", false
	}
	for name, field := range map[string]*string{
		"issuer": &c.Issuer, "auth-url": &c.AuthURL, "token-url": &c.TokenURL,
		"revoke-url": &c.RevokeURL, "device-auth-url": &c.DeviceAuthURL,
		"client-id": &c.ClientID, "client-auth": &c.ClientAuth, "client-secret-file": &c.SecretFile,
		"audience": &c.Audience, "redirect-url": &c.RedirectURL, "store": &c.Store,
	} {
		if given(name) {
			*field = flags.Lookup(name).Value.String()
		}
	}
	if given("scope") {
		scopes, err := flags.GetStringArray("scope")
		if err != nil {
			return err
		}
		c.Scopes = strings.Fields(strings.Join(scopes, " "))
	}
	if c.SecretFile != "" && c.SecretFile != "-" {
		file, err := filepath.Abs(c.SecretFile) // remembered, and read from other folders too
		if err != nil {
			return err
		}
		c.SecretFile = file
	}
	return nil
}

// check finds what is wrong or missing before anything is sent.
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
