package main

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"example.com/bearer/cmd/bearer/internal/declaration"
	"example.com/bearer/cmd/bearer/internal/vault"
	"example.com/bearer/config"
)

// clientVariable is the environment variable that holds the client's id for a
// client that the command line declares.
const clientVariable = "BEARER_CLIENT_ID"

// setupHelp ends the help of the commands that have the setup's flags.
const setupHelp = `

A client that no file declares yet is declared by the flags. Once it has a token,
it is written to the file that --config or BEARER_CONFIG names, else to your own,
bearer.yaml in your config folder (BEARER_HOME names another folder); after that
its name is enough. Without --client-id, BEARER_CLIENT_ID is taken.

No secret is written there. A client's secret comes from its declaration
(client_secret_file, client_secret_command, or a variable of your choice), else
from BEARER_NAME_CLIENT_SECRET, with the client's name in capitals and - as _
(for acme-2, BEARER_ACME_2_CLIENT_SECRET); on a terminal, it is asked for. It is
never given as a flag, where other users could see it.`

// clientAuths are the values of --client-auth, as settings of the file.
var clientAuths = map[string][]declaration.Setting{
	"basic":     {{Key: "auth_method", Value: "client_secret_basic"}, {Key: "basic_format"}},
	"basic-raw": {{Key: "auth_method", Value: "client_secret_basic"}, {Key: "basic_format", Value: "raw"}},
	"post":      {{Key: "auth_method", Value: "client_secret_post"}, {Key: "basic_format"}},
	"none":      {{Key: "auth_method", Value: "none"}, {Key: "basic_format"}},
}

// addSetup adds the flags that say which server and which client.
func addSetup(cmd *cobra.Command, login bool) {
	flags := cmd.Flags()
	flags.String("provider", "", "the server, a `NAME`: "+strings.Join(config.Providers(), ", ")+", or one that the file declares")
	flags.String("issuer", "", "find the server's endpoints at this `URL` (RFC 8414)")
	flags.String("token-url", "", "the server's token endpoint, a `URL`")
	if login {
		flags.String("redirect-url", "", "the `URL` to come back to, as it is registered (default: http://127.0.0.1/callback with a free port)")
		flags.String("auth-url", "", "the server's authorization endpoint, a `URL`")
		flags.String("device-auth-url", "", "the server's device authorization endpoint, a `URL`")
	}
	if !login {
		flags.String("grant-type", "", "how the token is obtained, a `NAME` (default: the provider's, else client_credentials)")
	}
	flags.String("revoke-url", "", "the server's revocation endpoint, a `URL`")
	flags.String("client-id", "", "the client's `ID`")
	addSecret(cmd)
	flags.StringArray("scope", nil, "request these `SCOPES`; may be repeated")
	flags.String("audience", "", "whom the token is for, a `NAME` that some servers require")
	flags.String("base-url", "", "the API, a `URL` whose host alone gets the token")
	flags.String("store", "", "keep the token in `PLACE`: keyring or dir (default: the keyring, if there is one)")
	flags.SortFlags = false
	complete(cmd, "provider", config.Providers()...)
	complete(cmd, "store", vault.Keyring, vault.Dir)
}

// complete completes a flag that takes one of these values.
func complete(cmd *cobra.Command, flag string, values ...string) {
	// The error is about a flag that the command does not have.
	_ = cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
}

func addSecret(cmd *cobra.Command) {
	ways := slices.Sorted(maps.Keys(clientAuths))
	flags := cmd.Flags()
	flags.String("client-auth", "", "the `WAY` the client authenticates: "+strings.Join(ways, ", "))
	flags.String("client-secret-file", "", "read the client's secret from `FILE`; - is stdin")
	complete(cmd, "client-auth", ways...)
}

// A setup is what the command line says about a client.
type setup struct {
	flags    *pflag.FlagSet
	settings []declaration.Setting // of the file, as far as flags give them
	typed    typedSecrets
	login    bool // the command logs a user in
	anew     bool // the settings replace those of another server
}

// readSetup reads the flags, those that the command has.
func readSetup(cmd *cobra.Command, name string) (setup, error) {
	s := setup{flags: cmd.Flags(), typed: typedSecrets{}, login: cmd.Name() == "login"}
	for _, key := range []string{"provider", "issuer", "token_url", "auth_url", "device_auth_url", "revoke_url", "grant_type", "client_id"} {
		if value, ok := s.given(strings.ReplaceAll(key, "_", "-")); ok {
			s.set(key, value)
		}
	}
	if way, ok := s.given("client-auth"); ok {
		settings, known := clientAuths[way]
		if !known {
			return s, usagef("--client-auth must be one of %s, got %q", strings.Join(slices.Sorted(maps.Keys(clientAuths)), ", "), way)
		}
		s.settings = append(s.settings, settings...)
	}
	if err := s.readSecret(cmd, name); err != nil {
		return s, err
	}
	if _, ok := s.given("scope"); ok {
		scopes, err := s.flags.GetStringArray("scope")
		if err != nil {
			return s, err
		}
		if list := strings.Fields(strings.Join(scopes, " ")); len(list) > 0 {
			s.set("scopes", list)
		} else {
			s.set("scopes", "")
		}
	}
	for _, key := range []string{"audience", "redirect_url", "base_url"} {
		if value, ok := s.given(strings.ReplaceAll(key, "_", "-")); ok {
			s.set(key, value)
		}
	}
	if place, ok := s.given("store"); ok {
		if place != vault.Keyring && place != vault.Dir {
			return s, usagef("--store must be %s or %s, got %q", vault.Keyring, vault.Dir, place)
		}
		s.settings = append(s.settings, declaration.Setting{Key: "store", Value: map[string]string{"name": place}})
	}
	return s, nil
}

// readSecret reads --client-secret-file.
func (s *setup) readSecret(cmd *cobra.Command, name string) (err error) {
	path, ok := s.given("client-secret-file")
	switch {
	case !ok:
		return nil
	case path == "-":
		// Stdin will hold something else next time.
		s.typed[name], err = readSecret(cmd.InOrStdin())
		return err
	case path != "":
		// The declaration is read from other folders later.
		if path, err = filepath.Abs(path); err != nil {
			return err
		}
		for _, other := range []string{"client_secret", "client_secret_command"} {
			s.settings = append(s.settings, declaration.Setting{Key: other})
		}
	}
	s.set("client_secret_file", path)
	return nil
}

// given returns the value of a flag, and whether it was given. A flag that the
// command does not have was not.
func (s *setup) given(flag string) (value string, ok bool) {
	if f := s.flags.Lookup(flag); f != nil && f.Changed {
		return f.Value.String(), true
	}
	return "", false
}

// flagOf returns the flag that sets a key of the file, or the key itself.
func (s *setup) flagOf(key string) string {
	if flag := strings.ReplaceAll(key, "_", "-"); s.flags.Lookup(flag) != nil {
		return "--" + flag
	}
	return key
}

// set sets a key of the file; an empty value removes it.
func (s *setup) set(key string, value any) {
	if value == "" {
		value = nil
	}
	s.settings = append(s.settings, declaration.Setting{Key: key, Value: value})
}

// sort puts the settings into the order that people write them in.
func (s *setup) sort() {
	order := []string{
		"provider", "issuer", "token_url", "auth_url", "device_auth_url", "revoke_url", "grant_type",
		"client_id", "auth_method", "basic_format", "public_clients", "client_secret_file",
		"scopes", "audience", "redirect_url", "base_url", "store",
	}
	slices.SortStableFunc(s.settings, func(a, b declaration.Setting) int {
		return slices.Index(order, a.Key) - slices.Index(order, b.Key)
	})
}

// value returns what the settings say of a key, "" if they do not.
func (s *setup) value(key string) string {
	for _, one := range s.settings {
		if text, ok := one.Value.(string); ok && one.Key == key {
			return text
		}
	}
	return ""
}

// moves reports whether the settings name another server than c's.
func (s *setup) moves(c config.Client) bool {
	for key, has := range map[string]string{"provider": c.Provider, "issuer": string(c.Issuer), "token_url": string(c.TokenURL)} {
		if value := s.value(key); value != "" && value != has {
			return true
		}
	}
	return false
}

// canDeclare reports whether a client that is not declared may become so.
func (s *setup) canDeclare(name string) bool {
	return s.flags.Lookup("provider") != nil && (len(s.settings) > 0 || slices.Contains(config.Providers(), name))
}

// asNew adds what a new client needs beside the settings, and returns what is
// wrong or missing.
func (s *setup) asNew(name string) error {
	provider, issuer, token := s.value("provider"), s.value("issuer"), s.value("token_url")
	known := slices.Contains(config.Providers(), name)
	switch {
	case provider != "" && issuer+token != "":
		return usagef("--provider says where the server is: leave out --issuer and --token-url")
	case provider == "" && issuer+token == "" && known:
		provider = name
		s.settings = slices.Insert(s.settings, 0, declaration.Setting{Key: "provider", Value: name})
	case provider == "" && issuer+token == "":
		return usagef("%s is unknown: give --issuer, or --token-url, or --provider %s", name, strings.Join(config.Providers(), "|"))
	}
	device, _ := s.flags.GetBool("device")
	switch {
	case !s.login || provider != "" && !device:
	case device:
		if issuer == "" && s.value("device_auth_url") == "" {
			return usagef("%s has no device endpoint: give --device-auth-url, or log in without --device", name)
		}
		s.set("grant_type", "device_code")
	case issuer == "" && s.value("auth_url") == "":
		return usagef("%s has no authorization endpoint: give --auth-url, or --device", name)
	default:
		s.set("grant_type", "authorization_code")
	}
	if s.value("client_id") == "" {
		id := os.Getenv(clientVariable)
		if id == "" {
			return usagef("%s needs the client's id: give --client-id, or set %s", name, clientVariable)
		}
		s.set("client_id", id)
	}
	return nil
}

// authentication adds how a new client authenticates, if neither a flag nor its
// provider says so: a client that has a secret uses it. That must not change
// with what the environment has next time.
func (s *setup) authentication(c config.Client, hasSecret bool) (added bool) {
	has := len(s.settings)
	switch {
	case s.value("auth_method") != "" || s.value("client_secret_file") != "":
	case hasSecret && c.PublicClients != nil && *c.PublicClients:
		s.settings = append(s.settings, declaration.Setting{Key: "public_clients", Value: false})
	case c.AuthMethod != "" || !s.login: // an application always has a secret
	case hasSecret:
		s.set("auth_method", "client_secret_basic")
	default:
		s.set("auth_method", "none")
	}
	return len(s.settings) > has
}
