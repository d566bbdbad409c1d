package sqlstore

import (
	"context"
	"sync"
)

// late has the statements that run on although their callers have left, until
// they end. A call that begins after such a caller has left waits for its
// statement: otherwise that could take effect after the call's own.
type late struct {
	mu    sync.Mutex // guards byKey
	byKey map[string]<-chan struct{}
}

// wait waits until all that were added for key have ended.
func (l *late) wait(ctx context.Context, key string) error {
	l.mu.Lock()
	ended, ok := l.byKey[key]
	l.mu.Unlock()
	if !ok {
		return nil
	}
	select {
	case <-ended:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// add adds a statement that ends when done is closed.
func (l *late) add(key string, done <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.byKey == nil {
		l.byKey = make(map[string]<-chan struct{})
	}
	before, ok := l.byKey[key]
	ended := make(chan struct{}) // when done and all before it are
	l.byKey[key] = ended
	go func() { // ends with the statements
		<-done
		if ok {
			<-before
		}
		close(ended)
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.byKey[key] == ended {
			delete(l.byKey, key)
		}
	}()
}
