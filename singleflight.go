package bearer

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
)

// A flight deduplicates refreshes: at most one is under way. It stands on
// golang.org/x/sync/singleflight, and adds what work that is not ours needs.
// DoChan's own function never panics and never calls runtime.Goexit, for either
// would hang its waiters or end the process: the work runs in an inner
// goroutine, and DoChan's function waits for that goroutine's outcome, or for
// the watchdog of work that does not return.
//
// The zero value is ready to use.
type flight struct {
	mu    sync.Mutex          // guards group
	group *singleflight.Group // nil while nothing is under way: a used Group keeps 256 B
}

// An outcome is what a refresh ended with.
type outcome struct {
	entry *entry
	err   error
}

// join returns the channel on which the outcome of the refresh under way will
// arrive. If there is none, it starts work, and calls after when that has ended
// and the next caller would start another; fresh tells. Each caller has its own
// channel, and may leave it unread.
func (f *flight) join(work func(*watchdog) (*entry, error), after func()) (landed <-chan singleflight.Result, fresh bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	g := f.group
	if g == nil {
		g, fresh = new(singleflight.Group), true
		f.group = g
	}
	// The mutex is held until DoChan has the caller on its list. The function
	// below takes it before it returns, so no caller joins a Group whose
	// refresh is over.
	return g.DoChan("", func() (any, error) {
		o := run(work)
		f.mu.Lock()
		f.group = nil
		f.mu.Unlock()
		after()
		return o.entry, o.err
	}), fresh
}

// current is join without starting anything, and without the closures that
// that takes. It is nil if nothing is under way.
func (f *flight) current() <-chan singleflight.Result {
	f.mu.Lock()
	var landed <-chan singleflight.Result
	if f.group != nil {
		landed = f.group.DoChan("", func() (any, error) { return nil, nil }) // never called: the key is taken
	}
	f.mu.Unlock()
	return landed
}

// flying reports whether a refresh is under way.
func (f *flight) flying() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.group != nil
}

// run calls work in a new goroutine, and returns its outcome: an error if work
// panics, calls runtime.Goexit, or has not returned when the watchdog barks. In
// the last case the goroutine is left alone, and ends when work returns.
func run(work func(*watchdog) (*entry, error)) outcome {
	w := &watchdog{timer: time.NewTimer(time.Hour)}
	defer w.timer.Stop()
	w.watch("the refresh", defaultTimeout)
	done := make(chan outcome, 1) // buffered: work may return after the watchdog barked
	go func() {
		o := outcome{err: errGoexit}
		defer func() {
			if p := recover(); p != nil {
				o = outcome{err: panicked(p)}
			}
			done <- o
		}()
		o.entry, o.err = work(w)
	}()
	select {
	case o := <-done:
		return o
	case <-w.timer.C:
		return outcome{err: w.bark()}
	}
}

// A watchdog ends the waiting for work that does not return although its
// context has ended. The work sets it anew for each of its steps.
type watchdog struct {
	timer *time.Timer

	mu     sync.Mutex // guards what follows
	step   string
	limit  time.Duration
	giveUp func(error) error // see onBark
}

// watch allows limit for the step that begins, and a tenth more, so that work
// which heeds its context can say itself what it was doing.
func (w *watchdog) watch(step string, limit time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.step, w.limit = step, limit
	w.timer.Reset(limit + limit/10)
}

// onBark has giveUp called, beside the work, when the waiting for it ends. It
// gets the error that says so, and returns the one that those who wait get.
func (w *watchdog) onBark(giveUp func(error) error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.giveUp = giveUp
}

func (w *watchdog) bark() error {
	w.mu.Lock()
	err := fmt.Errorf("%s did not return within %v: %w", w.step, w.limit, context.DeadlineExceeded)
	giveUp := w.giveUp
	w.mu.Unlock()
	if giveUp == nil {
		return err
	}
	return giveUp(err)
}

// errBrokeOff is in the errors of code that is not ours and did not return.
var errBrokeOff = errors.New("the Source or the Store broke off")

var errGoexit = fmt.Errorf("%w: it called runtime.Goexit", errBrokeOff)

func panicked(p any) error { return fmt.Errorf("%w: it panicked: %v", errBrokeOff, p) }

// recoverTo, deferred, makes a panic the error of the function.
func recoverTo(err *error) {
	if p := recover(); p != nil {
		*err = panicked(p)
	}
}
