package vault

import (
	"context"
	"errors"

	"example.com/bearer"
)

// Peek reads the token in c's Store without refreshing it. If valid, t can be
// used as it is. Otherwise t is what is left, a refresh token, or nil if there
// is none. Peek returns [bearer.ErrNotFound] if no token is stored.
func Peek(ctx context.Context, c *bearer.Cache) (t *bearer.Token, valid bool, err error) {
	if c.Store == nil {
		return nil, false, bearer.ErrNotFound
	}
	data, err := c.Store.Get(ctx, c.Key)
	if err != nil {
		return nil, false, err
	}
	// Only bearer knows the format of the record. So a Cache reads a copy
	// of it, and asks the onlooker for a new token if the one there is not
	// valid. The copy is no Swapper, so that the Cache does not heed what other
	// processes noted there.
	var (
		copied bearer.MemoryStore
		seen   onlooker
	)
	if err := copied.Put(ctx, c.Key, data); err != nil {
		return nil, false, err
	}
	cache := bearer.Cache{Source: &seen, Store: struct{ bearer.Store }{&copied}, Key: c.Key, RefreshBefore: -1, RetryFor: -1}
	t, err = cache.Token(ctx)
	switch {
	case err == nil:
		return t, true, nil
	case errors.Is(err, errOnlooker):
		if err := besidesOnlooker(err); err != nil {
			return nil, false, err
		}
		if seen.token == nil && cache.Status().Expiry.IsZero() {
			return nil, false, bearer.ErrNotFound // there are notes alone
		}
		return seen.token, false, nil
	}
	return nil, false, err
}

// onlooker is a Source that only looks at the token that it is asked to renew.
type onlooker struct{ token *bearer.Token }

var errOnlooker = errors.New("not refreshed, since the command only looks at it")

// Token implements [bearer.Source].
func (*onlooker) Token(context.Context) (*bearer.Token, error) { return nil, errOnlooker }

// Refresh implements [bearer.Refresher].
func (o *onlooker) Refresh(_ context.Context, prev *bearer.Token) (*bearer.Token, error) {
	o.token = prev
	return nil, errOnlooker
}

// besidesOnlooker returns why the record could not be read, nil if it could. A
// Cache that cannot read it asks its Source, and returns both errors if that
// fails too.
func besidesOnlooker(err error) error {
	failed, ok := errors.AsType[*bearer.TokenError](err)
	if !ok {
		return nil
	}
	both, ok := failed.Err.(interface{ Unwrap() []error })
	if !ok {
		return nil
	}
	for _, e := range both.Unwrap() {
		if errors.Is(e, errOnlooker) {
			continue
		}
		if cause := errors.Unwrap(e); cause != nil {
			return cause // without the Cache's words about a Store
		}
		return e
	}
	return nil
}
