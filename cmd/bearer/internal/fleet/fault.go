package fleet

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"example.com/bearer/internal/tcpcut"
)

// A fault is what was done to the fleet.
type fault struct {
	// Both are since the run began; equal for what takes no time.
	at, until time.Duration
	kind      faultKind
	worker    int  // -1: all
	step      step // of the refresh in which it happened; empty: at a random moment
}

type faultKind string

const (
	kill   faultKind = "kill"
	freeze faultKind = "stop"
	cutOff faultKind = "cut"
)

// cutLength is how long the Store is cut off.
const cutLength = 10 * time.Second

// A trap is what happens to the process that comes to a step first.
type trap struct {
	step   step
	spring func(*member) bool // reports whether it did something
	sprung chan *member       // has room for one
}

// reached springs the trap of a step. It is called by the goroutine that has
// learned of the step, so that little time passes.
func (r *Run) reached(m *member, s step) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, t := range r.traps {
		if t.step == s && !m.doomed.Load() && t.spring(m) {
			r.traps = append(r.traps[:i:i], r.traps[i+1:]...)
			t.sprung <- m
			return
		}
	}
}

// catch waits for the first process that comes to one of the steps, chosen at
// random, and returns it and the step. It is nil if there is none before ctx
// ends.
func (r *Run) catch(ctx context.Context, steps []step, spring func(*member) bool) (*member, step) {
	t := &trap{step: steps[rand.IntN(len(steps))], spring: spring, sprung: make(chan *member, 1)}
	r.mu.Lock()
	r.traps = append(r.traps, t)
	r.mu.Unlock()
	select {
	case m := <-t.sprung:
		return m, t.step
	case <-ctx.Done():
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range r.traps {
		if r.traps[i] == t {
			r.traps = append(r.traps[:i:i], r.traps[i+1:]...)
			return nil, ""
		}
	}
	return <-t.sprung, t.step // at the last moment
}

// makeFaults makes the faults of the fleet, and undoes them, until ctx ends.
func (r *Run) makeFaults(ctx context.Context) {
	var all sync.WaitGroup
	for _, f := range []struct {
		every time.Duration
		once  func(context.Context, int)
	}{
		{r.fleet.Kill, r.killOne},
		{r.fleet.Stop, r.stopOne},
		{r.fleet.Cut, r.cutOnce},
	} {
		if f.every <= 0 {
			continue
		}
		all.Go(func() {
			tick := time.NewTicker(f.every)
			defer tick.Stop()
			for n := 0; ; n++ {
				select {
				case <-tick.C:
					f.once(ctx, n)
					select {
					case <-tick.C: // what was due meanwhile is left out
					default:
					}
				case <-ctx.Done():
					return
				}
			}
		})
	}
	all.Wait()
	<-ctx.Done()
}

// killOne kills a process and starts another in its place: every second time
// one that refreshes, if there is one soon, else a random one.
func (r *Run) killOne(ctx context.Context, n int) {
	var m *member
	var s step
	strike := func(m *member) bool {
		if m.isFrozen() {
			return false // that is another fault
		}
		m.doomed.Store(true)
		m.kill()
		return true
	}
	if n%2 == 1 {
		soon, cancel := context.WithTimeout(ctx, r.fleet.Kill)
		m, s = r.catch(soon, []step{locked, intended, asking, spent, answered, saved}, strike)
		cancel()
	}
	if m == nil {
		if ctx.Err() != nil {
			return
		}
		all := r.all()
		m = all[rand.IntN(len(all))]
		if !strike(m) {
			return
		}
	}
	at := r.clock()
	<-m.exited
	r.note(fault{at, at, kill, m.worker, s})
	if err := r.start(m.worker); err != nil {
		r.cancel(err)
	}
}

// stopOne stops a process that holds the lock for longer than a lease.
func (r *Run) stopOne(ctx context.Context, _ int) {
	for ctx.Err() == nil {
		m, s := r.catch(ctx, []step{locked, intended, asking, spent, answered}, (*member).freeze)
		if m == nil {
			return
		}
		at := r.clock()
		// What it wrote before it stopped is in the pipe. It may just have given
		// up the lock.
		sleep(ctx, 20*time.Millisecond)
		held := m.holds.Load()
		if held {
			sleep(ctx, stopLength)
			r.note(fault{at, r.clock(), freeze, m.worker, s})
		}
		m.thaw()
		if held {
			return
		}
	}
}

// A cutting is a way to cut off a Store: at its network, or in the workers.
type cutting struct {
	link    tcpcut.Fault
	workers command
}

// cuttings take turns.
var cuttings = []cutting{
	{tcpcut.Refuse, cutRefuse}, // it fails at once
	{tcpcut.Hold, cutHang},     // it does not answer; what was sent arrives late
	{tcpcut.Swallow, cutHang},  // it does not answer; what was sent is lost
}

// cutOnce cuts the Store off for a while.
func (r *Run) cutOnce(ctx context.Context, n int) {
	at, c := r.clock(), cuttings[n%len(cuttings)]
	if l := r.store.link; l != nil {
		l.Cut(c.link)
		sleep(ctx, cutLength)
		l.Mend()
	} else {
		r.tellAll(c.workers)
		sleep(ctx, cutLength)
		r.tellAll(mend)
	}
	r.note(fault{at, r.clock(), cutOff, -1, ""})
}

// tellAll begins or ends a cut in all workers, and in those that start
// meanwhile.
func (r *Run) tellAll(c command) {
	r.mu.Lock()
	r.cut = c
	r.mu.Unlock()
	for _, m := range r.all() {
		m.tell(c)
	}
}

func (r *Run) note(f fault) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.faults = append(r.faults, f)
}
