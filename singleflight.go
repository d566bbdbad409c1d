package bearer

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// A singleflight sees to it that a Cache has one refresh under way at a time.
// Its zero value is ready to use.
//
// It is not golang.org/x/sync/singleflight, with which it began. There each
// waiter has a channel and a list entry of its own, and the way to them takes so
// much stack that a waiting goroutine needs twice the memory (4.4 KB against
// 2.3 KB, and thousands wait when a token expires); each of 100,000 Caches
// would keep an empty map; work that calls runtime.Goexit leaves DoChan's
// waiters hanging, and work that panics kills the process.
type singleflight struct {
	mu  sync.Mutex // guards now, and a flight's outcome until it has landed
	now *flight    // nil: none is under way
}

// A flight is a refresh that is under way, with all who wait for it.
type flight struct {
	landed chan struct{} // closed after the outcome was written
	entry  *entry
	err    error
}

// join returns the flight that is under way, or else a new one, which the
// caller has to start.
func (s *singleflight) join() (f *flight, first bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.now == nil {
		s.now = &flight{landed: make(chan struct{})}
		return s.now, true
	}
	return s.now, false
}

// land gives a flight its outcome, unless it has one, and lets the next begin.
func (s *singleflight) land(f *flight, e *entry, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.now == f {
		s.now = nil
		f.entry, f.err = e, err
		close(f.landed)
	}
}

// wait returns the flight's outcome, or the error of ctx if that ends before.
func (f *flight) wait(ctx context.Context) (*entry, error) {
	select {
	case <-f.landed:
		return f.entry, f.err
	case <-ctx.Done():
		return nil, ended(ctx)
	}
}

// ended is the error of a context that has ended, with its cause.
func ended(ctx context.Context) error {
	err, cause := ctx.Err(), context.Cause(ctx)
	if errors.Is(cause, err) {
		return cause
	}
	return fmt.Errorf("%w: %w", err, cause)
}

// start runs work in a goroutine of its own, with ctx's values but without its
// end, and with a limit. The goroutine ends when work returns. Work that does
// not return soon after the limit is left alone, so that its waiters and those
// who come later do not hang on it; what it still brings, it publishes itself.
//
// Work that panics or calls runtime.Goexit is an error for its waiters.
func (s *singleflight) start(ctx context.Context, f *flight, limit time.Duration, work func(context.Context) (*entry, error)) {
	ctx, cancel := context.WithTimeout(detach(ctx), limit)
	// A tenth more than the limit, so that work which heeds its context can
	// say itself what it was doing.
	grace := time.AfterFunc(limit+limit/10, func() {
		s.land(f, nil, fmt.Errorf("the Source, the Store or a hook did not return within RefreshTimeout (%v): %w", limit, context.DeadlineExceeded))
	})
	go func() {
		defer cancel()
		defer grace.Stop()
		var e *entry
		err := errGoexit
		defer func() {
			if p := recover(); p != nil {
				e, err = nil, panicked(p)
			}
			s.land(f, e, err)
		}()
		e, err = work(ctx)
	}()
}

var errGoexit = errors.New("the Source, the Store or a hook ended its goroutine with runtime.Goexit")

func panicked(p any) error { return fmt.Errorf("the Source, the Store or a hook panicked: %v", p) }
