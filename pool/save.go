package pool

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"example.com/bearer"
)

const (
	// saveTimeout limits the saving of one token.
	saveTimeout = 30 * time.Second

	// saveGrace is how long a Store may take to return when its context has
	// ended. Then it is one that hangs.
	saveGrace = time.Second

	// saves is how many tokens are saved at once.
	saves = 16

	// mostErrors is how many failures an error lists.
	mostErrors = 10
)

// errHangs says that a Store does not return, although its context has ended.
var errHangs = errors.New("the Store does not return")

// save stores the tokens that are still to be stored, and waits for the
// refreshes that are under way. It returns soon after ctx has ended.
func (p *Pool) save(ctx context.Context) error {
	var failed failures
	group := new(errgroup.Group)
	group.SetLimit(saves)
	for key, c := range p.shelf.all() {
		if s := c.Status(); !s.Unsaved && !s.Refreshing {
			continue
		}
		if ctx.Err() != nil {
			failed.add(key, contextErr(ctx))
			continue
		}
		group.Go(func() error {
			if err := p.saver.flush(ctx, c); err != nil {
				failed.add(key, err)
			}
			return nil
		})
	}
	_ = group.Wait()
	return failed.err()
}

// A saver flushes Caches. The zero value is ready to use.
type saver struct {
	under sync.Map // *bearer.Cache to its *flushing
}

// A flushing is a call of Flush that has not returned.
type flushing struct {
	done  chan struct{} // closed when it has returned
	err   error         // written before done is closed, and read after
	hangs atomic.Bool   // it has not, though it had its time
}

// flush is c.Flush, but it returns within saveTimeout, also if the Store does
// not. Of those who call it for one Cache at once, the first one does the work:
// a Store that hangs is not called again.
func (s *saver) flush(ctx context.Context, c *bearer.Cache) error {
	ctx, cancel := context.WithTimeout(ctx, saveTimeout)
	defer cancel()
	for {
		f := &flushing{done: make(chan struct{})}
		other, joined := s.under.LoadOrStore(c, f)
		if joined {
			f = other.(*flushing)
		} else {
			go s.run(ctx, c, f)
		}
		switch err := f.wait(ctx); {
		case err == errHangs && !joined:
			f.hangs.Store(true)
			return err
		case err == nil || err == errHangs || !joined || ctx.Err() != nil:
			return err
		}
	}
}

// run calls Flush. Its goroutine ends when the Store returns.
func (s *saver) run(ctx context.Context, c *bearer.Cache, f *flushing) {
	f.err = errors.New("the Store called runtime.Goexit") // unless Flush returns
	defer func() {
		s.under.Delete(c)
		close(f.done)
	}()
	f.err = c.Flush(ctx)
}

// wait returns the outcome, or errHangs.
func (f *flushing) wait(ctx context.Context) error {
	if f.hangs.Load() {
		return errHangs
	}
	select {
	case <-f.done:
		return f.err
	case <-ctx.Done():
	}
	select {
	case <-f.done:
		return f.err
	case <-time.After(saveGrace):
		return errHangs
	}
}

// failures are the errors of several keys. The zero value is none.
type failures struct {
	mu   sync.Mutex // guards what follows
	errs []error    // the first mostErrors
	more int
}

func (f *failures) add(key string, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.errs) == mostErrors {
		f.more++
		return
	}
	f.errs = append(f.errs, fmt.Errorf("pool: %q: %w", key, err))
}

// err is all of them; nil if there is none.
func (f *failures) err() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.more > 0 {
		return errors.Join(append(f.errs, fmt.Errorf("pool: and %d more", f.more))...)
	}
	return errors.Join(f.errs...)
}

// Close stores the tokens that are still to be stored, and waits for the
// refreshes that are under way, as long as ctx allows. The error names those
// that could not be stored; to call Close again tries it again. Caches that were
// got before can be used on, but the Pool returns none any longer.
func (p *Pool) Close(ctx context.Context) error {
	p.start.Do(p.init)
	if p.err != nil {
		return nil
	}
	p.end.Do(func() {
		p.closed.Store(true)
		p.keeper.close()
		p.entries.StopAllGoroutines()
		if p.clock != nil {
			p.clock.Stop()
		}
		p.entries.InvalidateAll() // evicts also those that All leaves out, since they have expired
	})
	for key, c := range p.shelf.used() {
		if s := c.Status(); s.OnlyCopy || s.Refreshing {
			p.shelf.keep(key, c)
		}
	}
	return p.save(ctx)
}
