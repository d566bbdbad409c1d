package pool

import (
	"context"
	"fmt"
	"net/http"

	"example.com/bearer"
)

type keyOf struct{}

var errNoKey = fmt.Errorf("%w: set it with pool.WithKey", bearer.ErrNoKey)

// WithKey returns a copy of ctx with the key that [Pool.CacheFor] uses for
// requests with that context.
func WithKey(ctx context.Context, key string) context.Context {
	return context.WithValue(ctx, keyOf{}, key)
}

// CacheFor is the [bearer.Transport.CacheFor] of a Transport for all keys. The
// key is what Pool.Key returns or, without it, that of [WithKey]. If there is
// none, the error is [bearer.ErrNoKey].
func (p *Pool) CacheFor(req *http.Request) (*bearer.Cache, error) {
	ctx := req.Context()
	if p.Key == nil {
		key, _ := ctx.Value(keyOf{}).(string)
		if key == "" {
			return nil, errNoKey
		}
		return p.Get(ctx, key)
	}
	key, err := p.Key(req)
	if err != nil {
		return nil, err
	}
	return p.Get(ctx, key)
}
