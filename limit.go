package bearer

import (
	"context"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"
)

// A slot is a refresh's share in [Cache.Limit]: the permission to make token
// requests, one at a time. It is held while a request is under way and, before
// the first one, while the refresh waits for the Store's lock; not through the
// pauses between repeats. A nil slot, and the zero value, are not limited.
//
// A refresh whose Source does not return gives its slot back when it is given
// up, in the watchdog's goroutine: held says who of the two does it.
type slot struct {
	limit *semaphore.Weighted
	held  atomic.Bool
}

// unlimited is longer than any wait for a slot. The wait is not the Source's
// nor the Store's, so that it is not part of their time.
const unlimited = 1000 * time.Hour

// takeNow takes the slot if there is one and no others wait for it, and reports
// whether it is held.
func (s *slot) takeNow() bool {
	if s == nil || s.limit == nil || s.held.Load() {
		return true
	}
	if !s.limit.TryAcquire(1) {
		return false
	}
	s.held.Store(true)
	return true
}

// take waits for the slot, in the order of arrival, until ctx ends.
func (s *slot) take(ctx context.Context) error {
	if s.takeNow() {
		return nil
	}
	if s.limit.Acquire(ctx, 1) != nil {
		return contextErr(ctx)
	}
	s.held.Store(true)
	return nil
}

// takeSoon is take for a repeat, while the refresh holds the Store's lock: those
// who have the slots may wait for locks, and so for this refresh.
func (s *slot) takeSoon(ctx context.Context, patience time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return s.take(ctx)
}

// free gives the slot back, if it is held.
func (s *slot) free() {
	if s != nil && s.held.CompareAndSwap(true, false) {
		s.limit.Release(1)
	}
}
