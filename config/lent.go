package config

import "context"

// The program may have the secrets of clients that declare none:
// [Loader.ClientSecret].

// lent is what the program said of a client's secret.
type lent int

const (
	notLent   lent = iota
	maybeLent      // it can be asked for one
	surelyLent
)

// lend asks the program for the secret of a client that declares none but may
// need one.
func (c *declared) lend(l *Loader) {
	switch c.AuthMethod {
	case "", "client_secret_basic", "client_secret_post", "client_secret_jwt":
	default:
		return
	}
	if l.ClientSecret == nil || c.lost || c.Use != "" || c.Source != "" || c.clientSecret().set() || c.privateKey().set() {
		return
	}
	get, known := l.ClientSecret(c.name)
	switch {
	case get == nil:
	case known:
		c.lent = surelyLent
	default:
		c.lent = maybeLent
	}
	c.lender = get
}

// A lender returns the secret that the program has for a client, for each token
// request.
type lender func(context.Context) (string, error)
