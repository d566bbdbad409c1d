package pool

import (
	"context"
	"sync"
	"time"

	"example.com/bearer"
)

const (
	// firstSave is when the keeper looks first. The event of a failure comes a
	// moment before the Cache says that its token is not saved.
	firstSave = time.Second

	// saveEvery is how often the keeper tries to save. A Cache itself tries
	// again only when it is called.
	saveEvery = 10 * time.Second
)

// A keeper saves the tokens of the Caches that are kept, and lets these go. It
// is a goroutine, as long as there is something to do.
type keeper struct {
	mu      sync.Mutex // guards what follows, and is held for moments only
	running bool
	again   bool               // wake was called since the goroutine looked last
	over    bool               // Close was called
	cancel  context.CancelFunc // ends the goroutine
	ended   chan struct{}      // closed when it has ended; nil if there was none yet
}

// wake starts the goroutine if there is none.
func (k *keeper) wake(p *Pool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.again = true
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
		k.look()
		_ = p.save(ctx) // the hooks of each Cache hear of a failure
		if k.done(p.letGo()) {
			return
		}
	}
}

// look begins a look at what is kept.
func (k *keeper) look() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.again = false
}

// done ends the goroutine if nothing is left to do, and nothing has come since
// look was called. It reports whether it did: then the next wake starts another.
func (k *keeper) done(idle bool) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !idle || k.again {
		return false
	}
	k.running = false
	k.cancel()
	return true
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

// letGo lets go of the Caches that need not be kept any longer. It reports
// whether there is nothing else to save or to let go.
func (p *Pool) letGo() (idle bool) {
	idle = true
	for key, c := range p.shelf.all() {
		switch s := c.Status(); {
		case s.Unsaved || s.Refreshing:
			idle = false
		case !s.OnlyCopy && !p.shelf.release(key, c):
			idle = false
		}
	}
	return idle
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
