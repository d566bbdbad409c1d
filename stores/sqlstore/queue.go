package sqlstore

import (
	"context"
	"sync"
)

// queues has a queue for each key that is locked or waited for in this process,
// so that one goroutine asks the database, and the next one does once it is done.
type queues struct {
	mu    sync.Mutex // guards byKey, and users of each
	byKey map[string]*queue
}

type queue struct {
	turn  chan struct{} // holds an element while it is someone's turn; first come, first served
	users int           // those who wait, or have the turn
}

// join waits for its turn. Whoever has it calls leave, once or more.
func (q *queues) join(ctx context.Context, key string) (leave func(), err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	q.mu.Lock()
	if q.byKey == nil {
		q.byKey = make(map[string]*queue)
	}
	own, ok := q.byKey[key]
	if !ok {
		own = &queue{turn: make(chan struct{}, 1)}
		q.byKey[key] = own
	}
	own.users++
	q.mu.Unlock()

	quit := func() {
		q.mu.Lock()
		defer q.mu.Unlock()
		if own.users--; own.users == 0 {
			delete(q.byKey, key)
		}
	}
	select {
	case own.turn <- struct{}{}:
		return sync.OnceFunc(func() { <-own.turn; quit() }), nil
	case <-ctx.Done():
		quit()
		return nil, ctx.Err()
	}
}
