package redisstore

import (
	"context"
	"sync"

	"golang.org/x/sync/semaphore"
)

// turns are read-write mutexes by key, whose waiters can leave, and get in in the
// order in which they came. The zero value is ready to use, and holds nothing
// for a key that nobody uses.
type turns struct {
	mu    sync.Mutex // guards what follows
	byKey map[string]*turn
}

type turn struct {
	*semaphore.Weighted
	users int // those who have it or wait for it
}

const (
	shared    = 1
	exclusive = 1 << 30
)

// take waits for a turn, and returns the function that ends it. That may be
// called once.
func (t *turns) take(ctx context.Context, key string, weight int64) (end func(), err error) {
	t.mu.Lock()
	k, ok := t.byKey[key]
	if !ok {
		if t.byKey == nil {
			t.byKey = make(map[string]*turn)
		}
		k = &turn{Weighted: semaphore.NewWeighted(exclusive)}
		t.byKey[key] = k
	}
	k.users++
	t.mu.Unlock()

	leave := func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		if k.users--; k.users == 0 {
			delete(t.byKey, key)
		}
	}
	if err := k.Acquire(ctx, weight); err != nil {
		leave()
		return nil, err
	}
	return func() {
		k.Release(weight)
		leave()
	}, nil
}
