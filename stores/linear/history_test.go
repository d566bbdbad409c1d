package linear

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"example.com/bearer"
)

// A store is what is tested.
type store interface {
	bearer.Store
	bearer.Locker
	bearer.Swapper
}

// A system is one Store that several clients share.
type system struct {
	clients []func() store // what each client uses at the time
	fault   func()         // makes trouble for a moment, and mends it; nil: none
	timeout time.Duration  // of a call at most; some are much shorter
}

const (
	callers   = 6  // at once
	calls     = 25 // of each
	keys      = 3  // that they share: each is a history of its own
	histories = 10 // times that, of each Store
)

// A recorder is what callers do at one time.
type recorder struct {
	began time.Time
	names atomic.Int64 // of values, and owners of locks
	mu    sync.Mutex   // guards keys
	keys  [keys]history
}

// A history is what they do to one key.
type history struct {
	values []porcupine.Operation
	locks  []porcupine.Operation
	unsure int
}

func (r *recorder) now() int64 { return int64(time.Since(r.began)) }

func (r *recorder) value(client, key int, call int64, in input, out result) {
	end := r.now()
	r.mu.Lock()
	defer r.mu.Unlock()
	h := &r.keys[key]
	if out.outcome == unknown {
		if in.op == "get" {
			return // it says nothing
		}
		h.unsure++
		end = endless
	}
	h.values = append(h.values, porcupine.Operation{ClientId: client, Input: in, Call: call, Output: out, Return: end})
}

func (r *recorder) lock(client, key int, call, end int64, op string, owner int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	h := &r.keys[key]
	h.locks = append(h.locks, porcupine.Operation{
		ClientId: client, Input: input{op: op, owner: owner}, Call: call, Output: result{outcome: done}, Return: end,
	})
}

// record lets the clients loose on new keys, and returns what they did. Each
// call's time begins before it and ends after it, by one clock.
func record(t *testing.T, s *system, name string) *recorder {
	r := &recorder{began: time.Now()}
	var clients, faults sync.WaitGroup
	over := make(chan struct{})
	if s.fault != nil {
		faults.Go(func() {
			for {
				select {
				case <-over:
					return
				default:
					s.fault()
				}
			}
		})
	}
	for i := range callers {
		clients.Go(func() {
			c := &client{recorder: r, system: s, t: t, id: i}
			for k := range keys {
				c.seen[k] = absent
			}
			for range calls {
				c.k = rand.N(keys)
				c.key = fmt.Sprint(name, " ", c.k)
				c.call(s.clients[i%len(s.clients)]())
			}
		})
	}
	clients.Wait()
	close(over)
	faults.Wait()
	return r
}

// A client makes one call after the other.
type client struct {
	*recorder
	system *system
	t      *testing.T
	id     int
	seen   [keys]string // last
	k      int          // the key of this call
	key    string
}

func (c *client) context() (context.Context, context.CancelFunc) {
	timeout := c.system.timeout
	if rand.N(25) == 0 {
		timeout = rand.N(2 * time.Millisecond) // ends in the middle
	}
	return context.WithTimeout(c.t.Context(), timeout)
}

func (c *client) call(s store) {
	ctx, cancel := c.context()
	defer cancel()
	name := fmt.Sprintf("v%d", c.names.Add(1)) // each value is stored once, so that it says where it is from
	began := c.now()
	switch n := rand.N(100); {
	case n < 25:
		c.get(ctx, s)
	case n < 70:
		old := c.seen[c.k]
		if rand.N(10) == 0 {
			old = absent
		}
		if rand.N(10) == 0 {
			name = absent
		}
		c.swap(ctx, s, old, name)
	case n < 80:
		out := c.outcome(s.Put(ctx, c.key, []byte(name)))
		c.value(c.id, c.k, began, input{op: "put", new: name}, result{outcome: out})
		if out == done {
			c.seen[c.k] = name
		}
	case n < 85:
		out := c.outcome(s.Delete(ctx, c.key))
		c.value(c.id, c.k, began, input{op: "delete", new: absent}, result{outcome: out})
	default:
		c.hold(ctx, s)
	}
}

func (c *client) get(ctx context.Context, s store) {
	began := c.now()
	data, err := s.Get(ctx, c.key)
	out := result{done, string(data)}
	switch {
	case errors.Is(err, bearer.ErrNotFound):
		out.value = absent
	case err != nil:
		out = result{outcome: c.outcome(err)}
	}
	c.value(c.id, c.k, began, input{op: "get"}, out)
	if out.outcome == done {
		c.seen[c.k] = out.value
	}
}

func (c *client) swap(ctx context.Context, s store, old, new string) {
	began := c.now()
	out := result{outcome: c.outcome(s.Swap(ctx, c.key, bytesOf(old), bytesOf(new)))}
	c.value(c.id, c.k, began, input{op: "swap", old: old, new: new}, out)
	if out.outcome == done {
		c.seen[c.k] = new
	}
}

func bytesOf(value string) []byte {
	if value == absent {
		return nil
	}
	return []byte(value)
}

// hold takes the lock, changes the value, and gives the lock back. A Lock that
// fails is no part of the history: whether it had the lock for a moment makes no
// difference to what others may do. A lock whose unlock fails may have ended at
// any time since.
func (c *client) hold(ctx context.Context, s store) {
	began := c.now()
	unlock, err := s.Lock(ctx, c.key)
	if err != nil {
		c.outcome(err)
		return
	}
	owner := int(c.names.Add(1))
	c.lock(c.id, c.k, began, c.now(), "lock", owner)
	c.get(ctx, s)
	c.swap(ctx, s, c.seen[c.k], fmt.Sprintf("v%d", owner))
	end := c.now()
	if err := unlock(); err != nil {
		c.outcome(err)
		c.lock(c.id, c.k, began, endless, "expire", owner)
		return
	}
	c.lock(c.id, c.k, end, c.now(), "unlock", owner)
}

// outcome is what an error says of a call.
func (c *client) outcome(err error) outcome {
	switch {
	case err == nil:
		return done
	case errors.Is(err, bearer.ErrChanged):
		return changed
	case errors.Is(err, errors.ErrUnsupported), errors.Is(err, bearer.ErrNotFound):
		c.t.Errorf("got error %v, want one that means nothing", err)
	}
	return unknown
}

// check records histories and looks for an order of each.
func check(t *testing.T, open func(t *testing.T) *system) {
	t.Helper()
	t.Parallel() // most of the time passes with waiting
	s := open(t)
	began := time.Now()
	var values, locks, unsure int
	var searched time.Duration
	for i := range histories {
		r := record(t, s, fmt.Sprint("key ", i))
		searching := time.Now()
		for _, h := range r.keys {
			if !linearizable(t, valueModel, h.values) {
				t.Fatalf("the values are not linearizable:\n%s", show(h.values))
			}
			if !linearizable(t, lockModel, h.locks) {
				t.Fatalf("the lock is not linearizable:\n%s", show(h.locks))
			}
			values, locks, unsure = values+len(h.values), locks+len(h.locks), unsure+h.unsure
		}
		searched += time.Since(searching)
	}
	t.Logf("%d histories: %d operations on values, %d of them with an unknown outcome, and %d on locks, in %v, %v of it to find an order",
		histories*keys, values, unsure, locks, time.Since(began).Round(time.Millisecond), searched.Round(time.Millisecond))
}
