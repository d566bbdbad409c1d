package pool

import (
	"maps"
	"sync"
	"weak"

	"example.com/bearer"
)

// evict puts a Cache that leaves entries onto the shelf. It runs under the lock
// of the entry's place, and uses nothing of entries.
func (p *Pool) evict(key string, c *bearer.Cache) {
	if !mustKeep(c) {
		p.shelf.lay(key, c)
		return
	}
	p.keep(key, c)
}

// keep holds on to a Cache until the keeper finds that it may go.
func (p *Pool) keep(key string, c *bearer.Cache) {
	p.shelf.keep(key, c)
	p.keeper.wake(p)
}

// mustKeep reports whether c cannot be let go: a token or a login would be lost
// with it, or what a refresh that is under way brings.
func mustKeep(c *bearer.Cache) bool {
	s := c.Status()
	return s.OnlyCopy || s.Refreshing
}

// A shelf sees to it that a key has one Cache, also after that was evicted. It
// holds those that must be kept, in entries or not, and knows of the others that
// were evicted as long as something else holds them, such as a request that is
// under way. The zero value is empty.
type shelf struct {
	mu   sync.Mutex // guards what follows; it is taken last of all locks
	kept map[string]*bearer.Cache
	rest map[string]weak.Pointer[bearer.Cache]
	most int // of rest before it is searched for what is gone
}

// leastRest is how many weak pointers are not worth a search.
const leastRest = 1024

func (s *shelf) keep(key string, c *bearer.Cache) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.kept == nil {
		s.kept = make(map[string]*bearer.Cache)
	}
	s.kept[key] = c
}

// lay adds a Cache that need not be kept.
func (s *shelf) lay(key string, c *bearer.Cache) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.rest == nil {
		s.rest = make(map[string]weak.Pointer[bearer.Cache])
	}
	if len(s.rest) >= max(s.most, leastRest) {
		maps.DeleteFunc(s.rest, func(_ string, p weak.Pointer[bearer.Cache]) bool { return p.Value() == nil })
		s.most = 2 * len(s.rest) // so that a search costs as much as the calls since the last one
	}
	s.rest[key] = weak.Make(c)
}

// find returns the Cache of a key that has left entries; nil if it is gone.
func (s *shelf) find(key string) *bearer.Cache {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.kept[key]; c != nil {
		return c
	}
	c := s.rest[key].Value()
	delete(s.rest, key)
	return c
}

// release lets a Cache go that need not be kept any longer, unless it is held
// otherwise.
func (s *shelf) release(key string, c *bearer.Cache) {
	s.lay(key, c)
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.kept, key)
}

// all are the Caches that are kept at this moment.
func (s *shelf) all() map[string]*bearer.Cache {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.kept)
}
