package main

import (
	"context"
	"errors"
	"net/url"

	"github.com/spf13/cobra"

	"example.com/bearer"
	"example.com/bearer/cmd/bearer/internal/target"
)

// A client is a declared client while a command sends its requests or hands out
// its token.
type client struct {
	*declared
	cmd   *cobra.Command
	name  string
	cache *bearer.Cache
}

// openClient opens the client that the file declares under a name. It makes no
// request.
func openClient(cmd *cobra.Command, name string) (*client, error) {
	d, err := openForUse(cmd)
	if err != nil {
		return nil, err
	}
	if err := d.lacks(name, ""); err != nil {
		return nil, err
	}
	cache, err := d.Cache(name)
	return &client{d, cmd, name, cache}, err
}

// brief is for commands that soon end: a refresh in the background would only
// make the user wait for it.
func (c *client) brief() { c.cache.RefreshBefore = -1 }

// target returns where the client's requests may go.
func (c *client) target() (*target.Target, error) {
	where, err := target.Of(c.cmd.Context(), c.Set, c.name)
	return where, c.why(err)
}

// Token returns a token that another program has the time to use.
func (c *client) Token(ctx context.Context) (*bearer.Token, error) {
	token, err := lasting(ctx, c.cache)
	return token, c.why(err)
}

// Renew returns another token than the one that was rejected.
func (c *client) Renew(ctx context.Context, rejected *bearer.Token) (*bearer.Token, error) {
	token, err := c.cache.Renew(ctx, rejected)
	return token, c.why(err)
}

// close stores the token if that is still to be done. That it cannot be stored
// is only a warning.
func (c *client) close() {
	if err := flush(c.cmd.Context(), c.cache); err != nil {
		warn(c.cmd, "the token could not be stored", err)
	}
}

// why returns the error of a request in the terms of the user: without the URL,
// which may hold a secret, and with what to do about it.
func (c *client) why(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		err = e.Err
	}
	return why(err, c.name)
}
