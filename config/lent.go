package config

import (
	"context"
	"strings"
)

// A lender returns the secret that the program has for a client which declares
// none, see [Loader.ClientSecret].
type lender func(context.Context) (string, error)

// lend asks the program for the secret of a client that declares none but can
// use one.
func (c *declared) lend(l *Loader) {
	fixed := c.AuthMethod != "" && !strings.HasPrefix(c.AuthMethod, "client_secret_")
	if l.ClientSecret == nil || fixed || c.lost || c.Use != "" || c.Source != "" || c.clientSecret().set() || c.privateKey().set() {
		return
	}
	c.lender = l.ClientSecret(c.name, strings.HasPrefix(c.authMethod(), "client_secret_"))
	c.lent = c.lender != nil
}
