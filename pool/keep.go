package pool

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"example.com/bearer"
)

const (
	// firstSave is when the keeper looks first. The event of a failure comes a
	// moment before the Cache says that its token is not saved.
	firstSave = time.Second

	// saveEvery is how often the keeper tries to save. A Cache itself tries
	// again only when it is called.
	saveEvery = 10 * time.Second

	// saveTimeout limits the saving of one token.
	saveTimeout = 30 * time.Second

	// saves is how many tokens are saved at once.
	saves = 16

	// mostErrors is how many failures an error lists.
	mostErrors = 10
)

// A keeper saves the tokens of the Caches that are kept, and lets these go. It
// is a goroutine, as long as there is something to do.
type keeper struct {
	mu      sync.Mutex // guards what follows
	running bool
	over    bool               // Close was called
	cancel  context.CancelFunc // ends the goroutine
	ended   chan struct{}      // closed when it has ended; nil if there was none yet
}

// wake starts the goroutine if there is none.
func (k *keeper) wake(p *Pool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.running || k.over {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	k.running, k.cancel, k.ended = true, cancel, make(chan struct{})
	go k.run(ctx, p, k.ended)
}

func (k *keeper) run(ctx context.Context, p *Pool, ended chan<- struct{}) {
	defer close(ended)
	for pause := firstSave; ; pause = saveEvery {
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return
		}
		_ = p.save(ctx) // the hooks of each Cache hear of a failure
		if k.done(p) {
			return
		}
	}
}

// done lets go of what need not be kept, and reports whether there is nothing
// else to save or to let go. A Cache that is kept from then on wakes the keeper again.
func (k *keeper) done(p *Pool) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.running = false
	defer func() {
		if !k.running {
			k.cancel()
		}
	}()
	for key, c := range p.shelf.all() {
		switch s := c.Status(); {
		case s.Unsaved || s.Refreshing:
			k.running = true
		case !s.OnlyCopy && !p.shelf.release(key, c):
			k.running = true
		}
	}
	return !k.running
}

// watch has the Pool keep c as long as its token is not in the Store.
func (p *Pool) watch(key string, c *bearer.Cache) {
	var hooks bearer.Hooks
	if c.Hooks != nil {
		hooks = *c.Hooks
	}
	told := hooks.StoreFailed
	hooks.StoreFailed = func(ctx context.Context, e bearer.Event) {
		p.keep(key, c)
		if told != nil {
			told(ctx, e)
		}
	}
	c.Hooks = &hooks
}

// save stores the tokens that are still to be stored, and waits for the
// refreshes that are under way.
func (p *Pool) save(ctx context.Context) error {
	var mu sync.Mutex // guards errs
	var errs []error
	group := new(errgroup.Group)
	group.SetLimit(saves)
	for key, c := range p.shelf.all() {
		if s := c.Status(); !s.Unsaved && !s.Refreshing {
			continue
		}
		group.Go(func() error {
			ctx, cancel := context.WithTimeout(ctx, saveTimeout)
			defer cancel()
			if err := c.Flush(ctx); err != nil {
				mu.Lock()
				defer mu.Unlock()
				errs = append(errs, fmt.Errorf("%q: %w", key, err))
			}
			return nil
		})
	}
	_ = group.Wait()
	if n := len(errs); n > mostErrors {
		errs = append(errs[:mostErrors], fmt.Errorf("and %d more", n-mostErrors))
	}
	return errors.Join(errs...)
}

// Close stores the tokens that are still to be stored, and waits for the
// refreshes that are under way, as long as ctx allows.
// The error names those that could not be stored. Caches that were got before
// can be used on, but the Pool returns none any longer.
func (p *Pool) Close(ctx context.Context) error {
	p.start.Do(p.init)
	if p.err != nil || p.closed.Swap(true) {
		return nil
	}
	p.keeper.close()
	p.entries.StopAllGoroutines()
	p.entries.InvalidateAll() // evicts also those that All leaves out, since they have expired
	for key, c := range p.shelf.used() {
		if mustKeep(c) {
			p.shelf.keep(key, c)
		}
	}
	return p.save(ctx)
}

// close ends the goroutine, and waits for it.
func (k *keeper) close() {
	k.mu.Lock()
	k.over = true
	cancel, ended := k.cancel, k.ended
	k.mu.Unlock()
	if ended != nil {
		cancel()
		<-ended
	}
}
