// Package helper speaks the protocols by which other programs ask for
// credentials. Each answers only for URLs that the client's token may go to.
package helper

import (
	"context"
	"net/url"

	"example.com/bearer"
	"example.com/bearer/cmd/bearer/internal/target"
)

// A Helper answers for one client.
type Helper struct {
	Tokens Tokens
	Target *target.Target
}

// Tokens is where the client's tokens come from.
type Tokens interface {
	// Token returns a valid token.
	Token(context.Context) (*bearer.Token, error)
	// Renew returns another token than the one that was rejected.
	Renew(ctx context.Context, rejected *bearer.Token) (*bearer.Token, error)
}

// serves reports whether the token may go to u.
func (h *Helper) serves(u *url.URL) bool { return h.Target.Host(u) == nil }
