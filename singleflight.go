package bearer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/singleflight"
)

// A flight is the one refresh of a Cache that is under way, with all who wait
// for it. It adds to [singleflight.Group] what that leaves to its users: a
// waiter leaves when its own context ends, no caller's context ends the work, a
// time limit does, and work that panics or calls runtime.Goexit is an error
// (DoChan would kill the process, or let its waiters hang).
type flight struct {
	group singleflight.Group
}

var errGoexit = errors.New("the Source, the Store or a hook ended its goroutine with runtime.Goexit")

func panicked(p any) error { return fmt.Errorf("the Source, the Store or a hook panicked: %v", p) }

// do runs work unless it is running, and returns its outcome. Its values come
// from the context of the caller that started it.
func (f *flight) do(ctx context.Context, limit time.Duration, work func(context.Context) (*entry, error)) (*entry, error) {
	left := ctx.Done() // here, so that a nil ctx panics in its caller's goroutine
	done := f.group.DoChan("", func() (any, error) {
		return detached(ctx, limit, work)
	})
	select {
	case r := <-done:
		e, _ := r.Val.(*entry)
		return e, r.Err
	case <-left:
		return nil, ctx.Err()
	}
}

// detached runs work in a goroutine of its own, without ctx's end but with a
// limit. The goroutine ends when work returns. Work that does not return soon
// after the limit is left alone, so that its waiters and those who come later
// do not hang on it; what it still brings is published by work itself.
func detached(ctx context.Context, limit time.Duration, work func(context.Context) (*entry, error)) (*entry, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), limit)
	defer cancel()

	type outcome struct {
		entry *entry
		err   error
	}
	done := make(chan outcome, 1)
	go func() {
		o := outcome{err: errGoexit}
		defer func() {
			if p := recover(); p != nil {
				o = outcome{err: panicked(p)}
			}
			done <- o
		}()
		o.entry, o.err = work(ctx)
	}()

	// A tenth more than the limit, so that work which heeds its context can
	// say itself what it was doing.
	grace := time.NewTimer(limit + limit/10)
	defer grace.Stop()
	select {
	case o := <-done:
		return o.entry, o.err
	case <-grace.C:
		return nil, fmt.Errorf("the Source did not return within RefreshTimeout (%v): %w", limit, context.DeadlineExceeded)
	}
}
