// Package fleet runs processes that share one login with a rotating refresh
// token, while some are killed or stopped and the Store is cut off.
//
// The processes are real, and talk to an authorization server and an API in
// their parent, on loopback. A [Result] says what became of the login.
package fleet

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/oauth2"

	"example.com/bearer"
)

// Fleet says what to run.
type Fleet struct {
	Processes int           // at least 1
	For       time.Duration // how long
	Store     string        // see [CheckStore]

	// How often a fault happens; 0: never.
	Kill time.Duration // a process is killed and replaced, every second time in the middle of a refresh
	Stop time.Duration // the process that refreshes is stopped for one and a half leases
	Cut  time.Duration // the Store is cut off for 10 s

	// Program is the command that runs [Work], with its arguments.
	Program []string
}

// faulty reports whether there are faults.
func (f Fleet) faulty() bool { return f.Kill > 0 || f.Stop > 0 || f.Cut > 0 }

// grace is what the server grants and the workers declare: after a crash, a
// refresh token that may have been spent can be used again.
func (f Fleet) grace() time.Duration {
	if f.faulty() {
		return 30 * time.Second
	}
	return 0
}

// quiet is how long there are no faults at the end, for the fleet to become one
// again.
func (f Fleet) quiet() time.Duration { return min(f.For/4, 10*time.Second) }

// FaultsFor is how long there are faults, from the beginning.
func (f Fleet) FaultsFor() time.Duration { return f.For - f.quiet() }

// Often is the shortest time between two faults of a kind.
const Often = 100 * time.Millisecond

// Expected is about how many requests the workers send.
func (f Fleet) Expected() int {
	return int(f.For.Seconds() * float64(f.Processes) * requestRate)
}

const (
	// patience is how long the fleet may take at the end to use one token: the
	// longest pause after failures, and some.
	patience = 40 * time.Second

	// ending is how long a worker may take to end: as a refresh takes at most.
	ending = 35 * time.Second
)

// A Run is one run of a Fleet.
type Run struct {
	fleet Fleet
	name  string // of the fleet's own part of the Store, and of the login there
	begin time.Time
	world *world
	store *shared
	done  atomic.Int64

	ctx    context.Context // of the run; its cause is the first process that ended by itself
	cancel context.CancelCauseFunc

	mu      sync.Mutex // guards what follows
	members []*member  // by their place
	traps   []*trap
	samples []sample
	reasons map[string]int // why requests failed
	faults  []fault
	cut     command // what was last done to the Store in the workers; empty: nothing
}

// New returns a run of f.
func New(f Fleet) *Run {
	return &Run{fleet: f, name: "bearer_fleet_" + strings.ToLower(rand.Text()), reasons: make(map[string]int)}
}

// Done returns how many requests have ended. It may be called at any time.
func (r *Run) Done() int { return int(r.done.Load()) }

func (r *Run) clock() time.Duration { return time.Since(r.begin) }

// Do runs the fleet. It returns an error if the fleet cannot be started, a
// process ends by itself, or ctx ends; what fails otherwise is a result. All
// processes have ended when it returns.
func (r *Run) Do(ctx context.Context) (*Result, error) {
	ctx, r.cancel = context.WithCancelCause(ctx)
	defer r.cancel(nil)
	r.ctx, r.begin = ctx, time.Now()

	var err error
	if r.store, err = openShared(ctx, r.fleet, r.name); err != nil {
		return nil, err
	}
	defer r.store.close()
	if r.world, err = newWorld(r.fleet.grace(), r.clock, r.refreshSpent); err != nil {
		return nil, err
	}
	defer r.world.close()
	if err := r.login(ctx); err != nil {
		return nil, err
	}

	defer r.killAll()
	r.members = make([]*member, r.fleet.Processes)
	for i := range r.members {
		if err := r.start(i); err != nil {
			return nil, err
		}
	}

	faulty, calm := context.WithDeadline(ctx, r.begin.Add(r.fleet.FaultsFor()))
	defer calm()
	r.makeFaults(faulty)
	settled := r.settle(ctx)
	sleep(ctx, time.Until(r.begin.Add(r.fleet.For)))
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	remaining := r.end()
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	return r.result(settled, remaining), nil
}

func (r *Run) setup(worker int) setup {
	return setup{
		Worker:       worker,
		TokenURL:     r.world.url + "/token",
		APIURL:       r.world.url + "/api/orders",
		ClientID:     clientID,
		ClientSecret: clientSecret,
		ReuseGrace:   r.fleet.grace(),
		Store:        r.store.where,
		Key:          r.name,
		Dial:         r.store.dial(),
	}
}

// login stores the tokens of a user who has just logged in.
func (r *Run) login(ctx context.Context) error {
	cache := &bearer.Cache{Source: source(r.setup(-1), plain), Store: r.store, Key: r.name}
	expiry := time.Now().Add(lifetime)
	access, refresh := r.world.login()
	return cache.Set(ctx, &oauth2.Token{AccessToken: access, RefreshToken: refresh, Expiry: expiry})
}

// start starts the process that takes this place.
func (r *Run) start(place int) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.setup(place)
	s.Cut = r.cut
	m, err := start(r.fleet.Program, s, r.hear)
	if err != nil {
		return fmt.Errorf("process %d cannot be started: %w", place, err)
	}
	r.members[place] = m
	go func() { // ends with the process
		<-m.exited
		if !m.doomed.Load() {
			r.cancel(m.failure())
		}
	}()
	return nil
}

// hear takes in a message of a worker.
func (r *Run) hear(m *member, msg message) {
	if msg.Step != "" {
		r.reached(m, msg.Step)
		return
	}
	began := msg.Began.Sub(r.begin)
	r.mu.Lock()
	r.samples = append(r.samples, sample{began, began + msg.Took, msg.Failed != "", msg.Valid})
	if msg.Failed != "" {
		r.reasons[reason(msg.Failed)]++
	}
	r.mu.Unlock()
	r.done.Add(1)
}

// refreshSpent is called by the token endpoint.
func (r *Run) refreshSpent(worker int) {
	if m := r.member(worker); m != nil {
		r.reached(m, spent)
	}
}

// member returns the process in a place; nil if there is none.
func (r *Run) member(place int) *member {
	r.mu.Lock()
	defer r.mu.Unlock()
	if place < 0 || place >= len(r.members) {
		return nil
	}
	return r.members[place]
}

func (r *Run) all() []*member {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []*member
	for _, m := range r.members {
		if m != nil {
			all = append(all, m)
		}
	}
	return all
}

// settle waits until all processes use the same token. It returns how long that
// took; negative: longer than patience.
func (r *Run) settle(ctx context.Context) time.Duration {
	began := time.Now()
	r.world.forget()
	for time.Since(began) < patience && ctx.Err() == nil {
		if r.world.tokens(r.fleet.Processes) == 1 {
			return time.Since(began)
		}
		sleep(ctx, 10*time.Millisecond)
	}
	return -1
}

// end has all processes end, and returns how many did not.
func (r *Run) end() (remaining int) {
	all := r.all()
	for _, m := range all {
		m.doomed.Store(true)
		m.tell(end)
	}
	deadline := time.Now().Add(ending)
	for _, m := range all {
		if !m.ended(time.Until(deadline)) {
			remaining++
		}
	}
	return remaining
}

// killAll leaves no process behind.
func (r *Run) killAll() {
	all := r.all()
	for _, m := range all {
		m.doomed.Store(true)
		m.kill()
	}
	for _, m := range all {
		<-m.exited
	}
}

// sleep waits for d, or until ctx ends.
func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
