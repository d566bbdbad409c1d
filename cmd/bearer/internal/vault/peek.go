package vault

import (
	"context"
	"errors"

	"example.com/bearer"
	"example.com/bearer/cmd/bearer/internal/credential"
)

// Peek reads c's token without renewing it. valid says that it can be used as it
// is; else t has what is left, a refresh token, or is nil if nothing is.
// [bearer.ErrNotFound] means that there is no token at all.
func (v Vault) Peek(ctx context.Context, c credential.Credential) (t *bearer.Token, valid bool, err error) {
	s, key := v.Store(c)
	data, err := s.Get(ctx, key)
	if err != nil {
		return nil, false, err
	}
	// What is stored is bearer's own affair. So a Cache reads it, over a copy
	// that it may do with what it likes.
	var (
		copied     bearer.MemoryStore
		seen       onlooker
		unreadable error
	)
	if err := copied.Put(ctx, key, data); err != nil {
		return nil, false, err
	}
	cache := bearer.Cache{
		Source: &seen, Store: &copied, Key: key, RefreshBefore: -1,
		Hooks: &bearer.Hooks{StoreFailed: func(_ context.Context, e bearer.Event) { unreadable = e.Err }},
	}
	t, err = cache.Token(ctx)
	switch {
	case err == nil:
		return t, true, nil
	case unreadable != nil:
		return nil, false, unreadable
	case !errors.Is(err, errOnlooker):
		return nil, false, err
	}
	return seen.token, false, nil
}

// onlooker is a Source that looks at the token which it should renew.
type onlooker struct{ token *bearer.Token }

var errOnlooker = errors.New("not renewed: somebody only looks")

func (*onlooker) Token(context.Context) (*bearer.Token, error) { return nil, errOnlooker }

func (o *onlooker) Refresh(_ context.Context, prev *bearer.Token) (*bearer.Token, error) {
	o.token = prev
	return nil, errOnlooker
}
