package pool

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/maypok86/otter/v2"
	"golang.org/x/sync/semaphore"
	"golang.org/x/sync/singleflight"

	"example.com/bearer"
)

// A Pool has one [bearer.Cache] for each key. Set its fields before its first
// use, do not change them afterwards, and do not copy it. All methods may be
// called by many goroutines at once. Call [Pool.Close] before the program exits.
//
// A key is any string but the empty one. It is not a secret: errors and logs
// name it.
type Pool struct {
	// New makes the Cache of a key: a new one each time, which was not used
	// before. An empty [bearer.Cache.Key] becomes the key. New is called once
	// for a key, however many goroutines ask for it at once, and again after
	// the Cache was evicted and is no longer in use. They share its error, which
	// is not kept. ctx has the values of the context of one of them, and ends
	// after 30 s; a New that does not return then is given up. Required.
	New func(ctx context.Context, key string) (*bearer.Cache, error)

	// Key returns the key of a request that [Pool.CacheFor] is called with.
	// An empty one is [bearer.ErrNoKey]. Requests that share a credential have
	// the same key. Nil: the key of [WithKey].
	Key func(*http.Request) (string, error)

	// MaxEntries is how many Caches the Pool holds. Beyond it those that are
	// used least are evicted. Caches that must be kept are not counted: those
	// that hold what is not in their Store, or a refresh token without having
	// a Store. Zero or less: no limit.
	MaxEntries int

	// IdleAfter is how long after its last use a Cache is evicted, give or take
	// two seconds. Zero or less: never.
	IdleAfter time.Duration

	// MaxRefreshes is how many token requests may be in flight over all keys.
	// It becomes the [bearer.Cache.Limit] of Caches that have none; see there
	// for Caches that use each other. Zero or less: no limit.
	MaxRefreshes int

	start   sync.Once // sets what follows
	err     error     // what is wrong with the fields
	entries *otter.Cache[string, *bearer.Cache]
	clock   *otter.CoarseClock  // of entries; nil without IdleAfter
	limit   *semaphore.Weighted // that of MaxRefreshes; all Caches without another have it

	shelf  shelf
	keeper keeper
	saver  saver

	closed atomic.Bool
	end    sync.Once // does what Close does once

	loads    singleflight.Group // the calls of New that are under way, by key
	adopting sync.Mutex         // is held while the fields of a Cache are set
}

var errClosed = errors.New("pool: the Pool is closed")

func (p *Pool) init() {
	if p.New == nil {
		p.err = errors.New("pool: Pool.New is nil: set it")
		return
	}
	o := &otter.Options[string, *bearer.Cache]{
		MaximumSize:      max(0, p.MaxEntries),
		OnAtomicDeletion: func(e otter.DeletionEvent[string, *bearer.Cache]) { p.evict(e.Key, e.Value) },
	}
	if p.IdleAfter > 0 {
		o.ExpiryCalculator = otter.ExpiryAccessing[string, *bearer.Cache](p.IdleAfter)
		// The time of each use is known to a second: to read the clock would be
		// a quarter of what a hit costs.
		p.clock = otter.NewCoarseClock(max(time.Millisecond, min(p.IdleAfter/10, time.Second)))
		o.Clock = p.clock
	}
	p.entries, p.err = otter.New(o)
	if p.err != nil {
		p.err = fmt.Errorf("pool: %w", p.err)
		return
	}
	most := int64(math.MaxInt64)
	if p.MaxRefreshes > 0 {
		most = int64(p.MaxRefreshes)
	}
	p.limit = semaphore.NewWeighted(most)
}

// ready returns why the Pool cannot be used.
func (p *Pool) ready() error {
	p.start.Do(p.init)
	if p.err == nil && p.closed.Load() {
		return errClosed
	}
	return p.err
}

// Get returns the Cache of a key, and makes it if there is none. It waits for
// New until ctx ends. The key "" is [bearer.ErrNoKey].
//
// Get a Cache when it is used, rather than keep it: after its eviction a login
// that is passed to the Set of a Cache without a Store can be lost with it.
func (p *Pool) Get(ctx context.Context, key string) (*bearer.Cache, error) {
	if err := p.ready(); err != nil {
		return nil, err
	}
	if key == "" {
		return nil, bearer.ErrNoKey
	}
	if c, ok := p.entries.GetIfPresent(key); ok {
		return c, nil
	}
	return p.load(ctx, key)
}

// Delete forgets the credential of a key, as [bearer.Cache.Delete] does, and
// evicts its Cache. If the Store fails, the Cache stays: it knows that the
// credential was deleted, and the Store does not.
func (p *Pool) Delete(ctx context.Context, key string) error {
	c, err := p.Get(ctx, key)
	if err != nil {
		return err
	}
	if err := c.Delete(ctx); err != nil {
		return err
	}
	p.entries.Invalidate(key)
	return nil
}

// Len is how many Caches the Pool holds. It is exact when nothing changes at
// the same time.
func (p *Pool) Len() int {
	if p.ready() != nil {
		return 0
	}
	n := p.entries.EstimatedSize()
	for key := range p.shelf.all() {
		if _, ok := p.entries.GetEntryQuietly(key); !ok {
			n++
		}
	}
	return n
}

// All are the keys and Caches of the Pool, each once, in no order. Those that
// come or go meanwhile may be missing. Iterating does not count as use.
func (p *Pool) All() iter.Seq2[string, *bearer.Cache] {
	return func(yield func(string, *bearer.Cache) bool) {
		if p.ready() != nil {
			return
		}
		kept := p.shelf.all()
		for key, c := range kept {
			if !yield(key, c) {
				return
			}
		}
		for key, c := range p.entries.All() {
			if _, ok := kept[key]; !ok && !yield(key, c) {
				return
			}
		}
	}
}
