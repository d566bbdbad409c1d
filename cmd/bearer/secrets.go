package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"example.com/bearer/grant"
	"example.com/bearer/internal/mistake"
)

// sharedVariable held the secret of whichever client was used first, so any
// server could be sent it. It is no longer read.
const sharedVariable = "BEARER_CLIENT_SECRET"

// secretVariable is the environment variable that holds the secret of a client
// whose declaration has none. Names that differ only in case, - and _ share one.
func secretVariable(name string) string {
	return "BEARER_" + strings.ToUpper(strings.ReplaceAll(name, "-", "_")) + "_CLIENT_SECRET"
}

// noSharedSecret returns an error if sharedVariable is set. name is the client
// that it may have been meant for, if there is one.
func noSharedSecret(name string) error {
	if os.Getenv(sharedVariable) == "" {
		return nil
	}
	instead := "BEARER_<NAME>_CLIENT_SECRET for the client"
	if name != "" {
		instead = secretVariable(name) + " for " + name
	}
	return usagef("%s is no longer read, since any server could be sent it: unset it, and set %s", sharedVariable, instead)
}

// errNoSecret means that a client must authenticate, but has no secret.
var errNoSecret = errors.New("there is no client secret")

// typedSecrets are secrets from a prompt or a pipe, by client.
type typedSecrets map[string]grant.Secret

// secrets are the secrets of the clients of a file that declare none.
type secrets struct {
	path    string // of the file
	trusted bool
	typed   typedSecrets
	clients []string // that use them, whether they must or can
	must    []string // the clients that cannot do without
}

func newSecrets(path string, trusted bool, typed typedSecrets) *secrets {
	if typed == nil {
		typed = typedSecrets{}
	}
	return &secrets{path: path, trusted: trusted, typed: typed}
}

// of is the ClientSecret of a config.Loader.
func (s *secrets) of(name string, required bool) func(context.Context) (string, error) {
	s.clients = append(s.clients, name)
	if required {
		s.must = append(s.must, name)
	}
	if !required && !s.known(name) {
		return nil
	}
	return func(context.Context) (string, error) { return s.get(name) }
}

// get returns the secret: what was typed, else what the environment says. A file
// that is not trusted gets none, and so the user is not asked for one: its
// proxy_url, say, could lead it elsewhere than the question says. The
// errors are mistakes: to ask again does not help, so a Cache must not wait and
// try.
func (s *secrets) get(name string) (string, error) {
	variable := secretVariable(name)
	secret := os.Getenv(variable)
	switch {
	case !s.trusted:
		where := "the client's secret"
		if secret != "" {
			where = "the secret in " + variable
		}
		return "", mistake.Errorf("%s is not approved, so it does not decide where %s goes: read it, then type bearer allow", s.path, where)
	case s.typed[name] != "":
		return string(s.typed[name]), nil
	case secret == "":
		return "", mistake.Errorf("%w: set %s, or client_secret_file in %s", errNoSecret, variable, s.path)
	}
	return secret, nil
}

// known reports whether there is a secret that need not be typed.
func (s *secrets) known(name string) bool {
	return s.typed[name] != "" || os.Getenv(secretVariable(name)) != ""
}

// uses reports whether the client's secret comes from here.
func (s *secrets) uses(name string) bool {
	return slices.Contains(s.must, name) || slices.Contains(s.clients, name) && s.known(name)
}

// clash returns an error if two clients would share a variable: a secret that is
// set for one of them would be sent to the server of the other.
func (s *secrets) clash() error {
	taken := map[string]string{}
	for _, name := range slices.Sorted(slices.Values(s.clients)) {
		variable := secretVariable(name)
		if other := taken[variable]; other != "" {
			return usageError{fmt.Errorf("%s and %s would share %s: rename one of them in %s, or set its client_secret_file", other, name, variable, s.path)}
		}
		taken[variable] = name
	}
	return nil
}
