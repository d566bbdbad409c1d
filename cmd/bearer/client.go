package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/spf13/cobra"

	"example.com/bearer"
	"example.com/bearer/cmd/bearer/internal/target"
	"example.com/bearer/config"
)

// A client is a declared client while a command uses its token.
type client struct {
	cmd   *cobra.Command
	set   *config.Set
	name  string
	cache *bearer.Cache
}

// openClient opens the client that the file declares under a name. It makes no
// request.
func openClient(cmd *cobra.Command, name string) (*client, error) {
	set, err := openSet(cmd)
	if err != nil {
		return nil, err
	}
	cache, err := set.Cache(name)
	if err != nil {
		return nil, usageError{err}
	}
	return &client{cmd, set, name, cache}, nil
}

// brief is for commands that soon end: a refresh in the background would only
// make the user wait for it.
func (c *client) brief() { c.cache.RefreshBefore = -1 }

// target returns where the client's requests may go.
func (c *client) target() (*target.Target, error) {
	where, err := target.Of(c.cmd.Context(), c.set, c.name)
	return where, c.why(err)
}

// transport returns what authorizes the client's requests.
func (c *client) transport() (http.RoundTripper, error) { return c.set.Transport(c.name) }

// Token returns a token that stays valid for the moment that another program
// needs to use it, if the server issues such tokens.
func (c *client) Token(ctx context.Context) (*bearer.Token, error) {
	token, err := c.cache.Token(ctx)
	if err == nil && lacksTime(token) {
		token, err = renew(ctx, c.cache, token)
	}
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
	if err := (*session)(nil).flush(c.cmd.Context(), c.cache); err != nil {
		warn(c.cmd, "the token could not be stored", err)
	}
}

// why returns err in the terms of the user: without the URL, which may hold a
// secret, and with what to do about it.
func (c *client) why(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		err = e.Err
	}
	if errors.Is(err, bearer.ErrLoginRequired) {
		return fmt.Errorf("%w: run bearer login %s", err, c.name)
	}
	return err
}
