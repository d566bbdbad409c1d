package pool

import (
	"context"
	"errors"
	"fmt"
	"time"

	"example.com/bearer"
)

// newTimeout limits a call of New, which at most asks a database.
const newTimeout = 30 * time.Second

// load is Get for a key that has no entry. All who ask for it at once share the
// call, and each leaves when its own ctx ends.
func (p *Pool) load(ctx context.Context, key string) (*bearer.Cache, error) {
	landed := p.loads.DoChan(key, func() (any, error) { return p.enter(context.WithoutCancel(ctx), key) })
	select {
	case r := <-landed:
		if r.Err != nil {
			return nil, r.Err
		}
		return r.Val.(*bearer.Cache), nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// enter puts a Cache into entries: the one that was evicted, as long as there
// is it, else a new one. It runs once at a time for a key, and nothing else adds
// entries.
func (p *Pool) enter(ctx context.Context, key string) (*bearer.Cache, error) {
	// This removes an entry that has expired, and so evicts it, under the lock
	// of its place. From then on it is either here or on the shelf.
	if c, ok := p.entries.ComputeIfAbsent(key, func() (*bearer.Cache, bool) { return nil, true }); ok {
		return c, nil
	}
	c := p.shelf.find(key)
	if c == nil {
		var err error
		if c, err = p.create(ctx, key); err != nil {
			return nil, err
		}
	}
	p.entries.Set(key, c)
	if p.closed.Load() {
		return nil, errClosed // Close may not have seen it
	}
	return c, nil
}

// create calls New, in a goroutine of its own because New may panic or call
// runtime.Goexit: singleflight would end the process, or hang those who wait.
func (p *Pool) create(ctx context.Context, key string) (*bearer.Cache, error) {
	ctx, cancel := context.WithTimeout(ctx, newTimeout)
	defer cancel()
	var c *bearer.Cache
	err := errors.New("pool: New called runtime.Goexit") // unless it returns
	done := make(chan struct{})
	go func() { // ends when New returns
		defer close(done)
		defer func() {
			if v := recover(); v != nil {
				err = fmt.Errorf("pool: New panicked: %v", v)
			}
		}()
		c, err = p.New(ctx, key)
	}()
	<-done
	switch {
	case err != nil:
		return nil, err
	case c == nil:
		return nil, errors.New("pool: New returned neither a Cache nor an error")
	}
	if c.Limit == nil {
		c.Limit = p.limit
	}
	if c.Store != nil {
		p.watch(key, c)
	}
	return c, nil
}
