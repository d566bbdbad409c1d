package pool

import (
	"maps"
	"sync"
	"weak"

	"example.com/bearer"
)

// evict puts a Cache that leaves entries onto the shelf. It runs under the lock
// of the entry's place, and uses nothing of entries.
//
// One that refreshes need not be kept, except for Close, which waits for it: its
// refresh holds it, and if what that brings cannot be saved, so does the event,
// which has it kept.
func (p *Pool) evict(key string, c *bearer.Cache) {
	closed := p.closed.Load()
	switch s := c.Status(); {
	case s.OnlyCopy, takesLogins(c), p.shelf.keeps(key), closed && s.Refreshing:
		p.keep(key, c)
	case !closed: // else nothing asks for it again
		p.shelf.lay(key, c)
	}
}

// keep holds on to a Cache until the keeper finds that it may go.
func (p *Pool) keep(key string, c *bearer.Cache) {
	p.shelf.keep(key, c)
	p.keeper.wake(p)
}

// takesLogins reports whether c could get a login that is nowhere else, from one
// that got c a moment ago and calls Set now.
func takesLogins(c *bearer.Cache) bool {
	_, refreshes := c.Source.(bearer.Refresher)
	return c.Store == nil && (c.Source == nil || refreshes)
}

// A shelf sees to it that a key has one Cache, also after that was evicted. It
// holds those that must be kept, in entries or not, and knows of the others that
// were evicted as long as something else holds them, such as a request that is
// under way. The zero value is empty.
type shelf struct {
	mu   sync.Mutex // guards what follows; it is taken last of all locks
	kept map[string]kept
	rest map[string]weak.Pointer[bearer.Cache]
	most int // of rest before it is searched for what is gone
}

// A kept Cache is let go when the keeper has found twice in a row that it may
// be: between what says that it must be kept, the event of a failure or the call
// of Set, and the Status that shows it, there is a moment.
type kept struct {
	cache *bearer.Cache
	calm  bool // it might have been let go when the keeper looked last
}

// leastRest is how many weak pointers are not worth a search.
const leastRest = 1024

func (s *shelf) keep(key string, c *bearer.Cache) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.kept == nil {
		s.kept = make(map[string]kept)
	}
	s.kept[key] = kept{cache: c}
}

func (s *shelf) keeps(key string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, ok := s.kept[key]
	return ok
}

// lay adds a Cache that need not be kept.
func (s *shelf) lay(key string, c *bearer.Cache) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.layLocked(key, c)
}

func (s *shelf) layLocked(key string, c *bearer.Cache) {
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
	if k, ok := s.kept[key]; ok {
		return k.cache
	}
	c := s.rest[key].Value()
	delete(s.rest, key)
	return c
}

// release lets a Cache go that need not be kept any longer, unless it is held
// otherwise. It reports whether it did; the first time it does not.
func (s *shelf) release(key string, c *bearer.Cache) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.kept[key].calm {
		s.kept[key] = kept{c, true}
		return false
	}
	s.layLocked(key, c)
	delete(s.kept, key)
	return true
}

// all are the Caches that are kept at this moment.
func (s *shelf) all() map[string]*bearer.Cache {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make(map[string]*bearer.Cache, len(s.kept))
	for key, k := range s.kept {
		all[key] = k.cache
	}
	return all
}

// used are the Caches that were evicted, need not be kept, and are still held by
// something else.
func (s *shelf) used() map[string]*bearer.Cache {
	s.mu.Lock()
	defer s.mu.Unlock()
	used := make(map[string]*bearer.Cache)
	for key, p := range s.rest {
		if c := p.Value(); c != nil {
			used[key] = c
		}
	}
	return used
}
