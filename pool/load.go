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
	if ctx.Err() != nil {
		return nil, contextErr(ctx) // and New is not called for it
	}
	detached := context.WithoutCancel(ctx)
	landed := p.loads.DoChan(key, func() (any, error) { return p.enter(detached, key) })
	select {
	case r := <-landed:
		if r.Err != nil {
			return nil, r.Err
		}
		return r.Val.(*bearer.Cache), nil
	case <-ctx.Done():
		return nil, fmt.Errorf("pool: waiting for New: %w", contextErr(ctx))
	}
}

// contextErr is the error of a context that has ended, with its cause.
func contextErr(ctx context.Context) error {
	err, cause := ctx.Err(), context.Cause(ctx)
	if errors.Is(cause, err) {
		return cause
	}
	return fmt.Errorf("%w: %w", err, cause)
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
	if p.closed.Load() { // Close may not have seen it
		p.entries.Invalidate(key)
		return nil, errClosed
	}
	return c, nil
}

// create calls New. It does so in a goroutine of its own because New may panic
// or call runtime.Goexit, where singleflight would end the process, or hang those
// who wait; and because New may not return, which is not to keep the key for
// good.
func (p *Pool) create(ctx context.Context, key string) (*bearer.Cache, error) {
	ctx, cancel := context.WithTimeout(ctx, newTimeout)
	defer cancel()
	type outcome struct {
		cache *bearer.Cache
		err   error
	}
	made := make(chan outcome, 1) // buffered: New may return after it was given up
	go func() {                   // ends when New returns
		o := outcome{err: errors.New("pool: New called runtime.Goexit")}
		defer func() {
			if v := recover(); v != nil {
				o = outcome{err: fmt.Errorf("pool: New panicked: %v", v)}
			}
			made <- o
		}()
		o.cache, o.err = p.New(ctx, key)
	}()
	late := time.NewTimer(newTimeout + newTimeout/10) // so that a New which heeds ctx says itself what it did
	defer late.Stop()
	select {
	case o := <-made:
		switch {
		case o.err != nil:
			return nil, o.err
		case o.cache == nil:
			return nil, errors.New("pool: New returned neither a Cache nor an error")
		}
		return o.cache, p.adopt(key, o.cache)
	case <-late.C:
		return nil, fmt.Errorf("pool: New did not return within %v: %w", newTimeout, context.DeadlineExceeded)
	}
}

// adopt sets what a new Cache has of the Pool. That it has the Pool's limit
// already shows one that is not new, whose fields must not change any more.
func (p *Pool) adopt(key string, c *bearer.Cache) error {
	p.adopting.Lock()
	defer p.adopting.Unlock()
	switch c.Limit {
	case p.limit:
		return fmt.Errorf("pool: New returned for %q a Cache that it has returned before: make a new one, or have Pool.Key return one key for all requests that share a credential", key)
	case nil:
		c.Limit = p.limit
	}
	if c.Key == "" {
		c.Key = key
	}
	if c.Store != nil {
		p.watch(key, c)
	}
	return nil
}
