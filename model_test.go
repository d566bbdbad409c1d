package bearer_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sync/semaphore"
	"pgregory.net/rapid"

	"example.com/bearer"
)

// TestModel runs random sequences of what callers, other processes, the Store
// and the authorization server can do to one or two Caches of one credential,
// and compares what happens with a model. The model is the world around the
// Caches: it knows what the server issued and what the Store holds, and sees
// what each Cache reads, writes, sends and returns. It knows nothing of how a
// Cache works. Its rules are the guarantees that the message of a violation
// names.
//
// A failure prints the sequence, as the draws of rapid, and the journal of what
// happened when it failed last. The Caches' jitter follows from the sequence, so
// it fails again, unless the order matters in which goroutines run at the same
// instant.
//
// By default the sequences are the same each time, so that the test says
// something about a change; -rapid.seed and -rapid.checks bring others.
func TestModel(t *testing.T) {
	setDefault(t, "rapid.seed", "1")
	setDefault(t, "rapid.checks", "200")
	for _, credential := range []string{"client", "user"} {
		for _, store := range []string{"none", "plain", "locker", "swapper"} {
			t.Run(credential+","+store, func(t *testing.T) {
				var journal []string
				defer func() {
					if t.Failed() {
						t.Logf("what happened:\n%s", strings.Join(journal, "\n"))
					}
				}()
				rapid.Check(t, func(rt *rapid.T) {
					rapid.SyncTest(rt, func(rt *rapid.T) {
						w := newWorld(rt, credential, store)
						defer bearer.SetJitter(jitterOf(rapid.Uint64().Draw(rt, "jitter")))()
						defer func() {
							w.windDown() // the bubble ends only with all its goroutines
							if w.violation != "" {
								journal = w.journal
							}
						}()
						rt.Repeat(w.actions())
						w.checkRecovery()
						w.check(rt)
					})
				})
			})
		}
	}
}

// setDefault gives a flag of rapid a value if the command line does not.
func setDefault(t *testing.T, name, value string) {
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == name })
	if given {
		return
	}
	if err := flag.Set(name, value); err != nil {
		t.Fatal(err)
	}
}

// jitterOf returns a jitter that depends on the seed, the time and the bound
// only, so that it does not matter which of several Caches asks first.
func jitterOf(seed uint64) func(time.Duration) time.Duration {
	return func(n time.Duration) time.Duration {
		r := rand.New(rand.NewPCG(seed, uint64(time.Now().UnixNano())^uint64(n)))
		return time.Duration(r.Int64N(int64(n)))
	}
}

// A world is the surroundings of the Caches: the server, the Store, and the
// journal of what happened.
type world struct {
	user     bool // the credential is a user's, with refresh tokens; else a client's
	locker   bool // the Store is a Locker
	swapper  bool // and a Swapper
	stored   bool // there is a Store
	lifetime time.Duration
	procs    []*process
	limit    *semaphore.Weighted // of the token requests in flight; nil: none
	slots    int64               // in it
	join     func(name string) *process

	mu        sync.Mutex // guards what follows, and all that the processes know
	seq       int        // counts events, to order those of one instant
	issues    []*issue
	revoked   map[int]bool // families in which a refresh token was used twice
	record    *issue       // what the Store holds; nil: nothing
	by        *process     // that put it there
	recordSeq int          // since when
	deleted   map[int]int  // families whose record was deleted, and when
	endpoint  trouble
	store     map[string]*trouble // by operation
	strayed   bool                // a refresh token may have been used twice without a Cache's fault
	callers   []*caller
	journal   []string
	violation string

	memory bearer.MemoryStore // the Store's data and lock
}

// An issue is a pair of tokens that the server issued.
type issue struct {
	access, refresh string
	family          int // the login that it descends from
	seq             int
	at, expiry      time.Time
	answered        time.Time // when a Source had it
	lifetime        time.Duration
	login           bool      // it comes from a login, not from a Cache's Source
	to              *process  // whose Source obtained it
	spent           bool      // its refresh token was used
	lost            bool      // the answer with its successor was not delivered
	delivered       time.Time // when it was
	landed          bool      // it was in the Store
}

// A trouble is what goes wrong with the next calls of an operation.
type trouble struct {
	kind  string // "" is none
	takes time.Duration
	left  int // calls
}

func (t *trouble) take() trouble {
	if t.left == 0 {
		t.kind = ""
		t.takes = 20 * time.Millisecond
	}
	t.left = max(0, t.left-1)
	return *t
}

// A process is one Cache, and what the world saw of it.
type process struct {
	*world
	name  string
	cache *bearer.Cache
	dead  bool         // what it does has no effect
	frees func() error // the Store's lock, which it holds

	sending    []context.Context // of calls to the Source
	sends      int
	holding    bool // the Store's lock
	looked     bool // and has read the Store since
	lockFailed bool
	saw        *issue // in the Store, when it read or wrote there last
	sawSeq     int    // zero: never
	sawFirst   int
	writes     int // of its own to the Store, begun and ended
	lookSeq    int // when it read the Store last, and when it had the answer
	lookEnded  time.Time
	failed     time.Time // when the Store failed last, or took long
	slowUntil  time.Time // until then it may wait for an answer, and not heed another one
	deafUntil  time.Time // an operation that must heed its context does not
	deletedSeq int       // when it deleted the record last
	forsaken   bool      // Delete was called last, and not Set
	views      map[*issue]*view

	clean    bool      // no renewal is without an Accepted
	renewed  time.Time // when Renew was called last
	writing  int       // calls of Set, Delete and Renew that are under way
	overlap  bool      // the last of them began while another was under way
	newest   *issue    // the one that it returned or was given last; nil: not known
	newSince int       // what it sees from then on may replace newest
	newSeq   int       // when newest became so
	newAt    time.Time
	// certain is valid, and remains the token or is replaced only by one that
	// lives longer.
	certain   *issue
	disturbed time.Time
}

// A view is what happened to an issue in one process.
type view struct {
	bad      bool // its refresh token was refused, or may be spent
	dead     bool // it was refused when nothing was left to lose
	suspect  bool // Renew or Invalidate was called with its access token
	rejected int  // when that surely counted
	deleted  int  // when Delete had succeeded
	inStore  bool // the process knows that it was in the Store
	news     int  // when the process found it in the Store instead of another
	put      bool // the process tried to store it
	saved    bool // with success
	falsely  bool // the server refused it without a reason
	setting  bool // Set with it is under way
}

// A caller is a call of a Cache's method.
type caller struct {
	p        *process
	what     string
	began    time.Time
	seq      int
	deadline time.Time
	cancel   context.CancelFunc
	done     bool
	writes   bool // it uses the Store in its own goroutine
}

var (
	errCut      = errors.New("the connection was cut")
	errNoServer = &net.OpError{Op: "dial", Err: errors.New("connection refused")}
)

// newWorld makes the Caches of a user's or client's credential with that kind of
// Store.
func newWorld(rt *rapid.T, credential, store string) *world {
	w := &world{
		user:     credential == "user",
		stored:   store != "none",
		locker:   store == "locker" || store == "swapper",
		swapper:  store == "swapper",
		lifetime: rapid.SampledFrom([]time.Duration{30 * time.Second, 3 * time.Minute, time.Hour}).Draw(rt, "lifetime"),
		revoked:  make(map[int]bool),
		deleted:  make(map[int]int),
		store:    make(map[string]*trouble),
	}
	retryFor := rapid.SampledFrom([]time.Duration{0, -1, 2 * time.Second}).Draw(rt, "RetryFor")
	timeout := rapid.SampledFrom([]time.Duration{0, 5 * time.Second}).Draw(rt, "RefreshTimeout")
	n := 1
	if w.stored {
		n = rapid.IntRange(1, 2).Draw(rt, "caches")
		w.strayed = n > 1 && !w.locker
	}
	var breaker bearer.Breaker
	if rapid.Bool().Draw(rt, "one breaker") {
		breaker = new(bearer.CircuitBreaker)
	}
	if w.slots = rapid.Int64Range(0, 2).Draw(rt, "limit"); w.slots > 0 {
		w.limit = semaphore.NewWeighted(w.slots)
	}
	w.join = func(name string) *process {
		p := &process{world: w, name: name, views: make(map[*issue]*view), clean: true}
		p.cache = &bearer.Cache{RetryFor: retryFor, RefreshTimeout: timeout, Breaker: breaker, Limit: w.limit, Source: clientSource{p}}
		if w.user {
			p.cache.Source = userSource{p}
		}
		switch {
		case w.swapper:
			p.cache.Store, p.cache.Key = swapHandle{lockedHandle{handle{p}}}, "k"
		case w.locker:
			p.cache.Store, p.cache.Key = lockedHandle{handle{p}}, "k"
		case w.stored:
			p.cache.Store, p.cache.Key = handle{p}, "k"
		}
		return p
	}
	for i := range n {
		w.procs = append(w.procs, w.join(string(rune('A'+i))))
	}
	for _, op := range []string{"get", "put", "swap", "delete", "lock"} {
		w.store[op] = new(trouble)
	}
	return w
}

// tick orders an event. The caller holds mu.
func (w *world) tick() int {
	w.seq++
	return w.seq
}

// note adds to the journal, up to the first violation. The caller holds mu.
func (w *world) note(format string, args ...any) {
	if w.violation != "" {
		return
	}
	w.journal = append(w.journal, time.Now().Format("15:04:05.000 ")+fmt.Sprintf(format, args...))
}

// broken notes the first violation. The caller holds mu.
func (w *world) broken(format string, args ...any) {
	if w.violation == "" {
		w.note("VIOLATION: "+format, args...)
		w.violation = fmt.Sprintf(format, args...)
	}
}

// broken is world.broken for a process that lives.
func (p *process) broken(format string, args ...any) {
	if !p.dead {
		p.world.broken(format, args...)
	}
}

// kill ends p, and puts a new process in its place.
func (w *world) kill(p *process) {
	w.mu.Lock()
	w.note("%s is killed", p.name)
	p.dead, w.strayed = true, true
	frees := p.frees
	for _, c := range w.callers {
		if c.p == p {
			c.cancel()
			c.writes = true // it need not heed that
		}
	}
	w.procs[slices.Index(w.procs, p)] = w.join(p.name + "'")
	w.mu.Unlock()
	if frees != nil {
		_ = frees()
	}
}

func (p *process) view(i *issue) *view {
	v := p.views[i]
	if v == nil {
		v = new(view)
		p.views[i] = v
	}
	return v
}

func (i *issue) String() string {
	if i == nil {
		return "nothing"
	}
	if i.access == "" {
		return i.refresh
	}
	return i.access
}

func (i *issue) expired() bool {
	return i.access == "" || !i.expiry.IsZero() && !time.Now().Before(i.expiry)
}

// token is what a Cache gets of i.
func (i *issue) token() *bearer.Token {
	return &bearer.Token{AccessToken: i.access, RefreshToken: i.refresh, Expiry: i.expiry}
}

// issueOf finds the issue of a token. The caller holds mu.
func (w *world) issueOf(access, refresh string) *issue {
	for _, i := range w.issues {
		if access != "" && i.access == access || access == "" && i.refresh == refresh {
			return i
		}
	}
	return nil
}

// issue has the server issue tokens. The caller holds mu.
func (w *world) issue(to *process, family int, lifetime time.Duration) *issue {
	n := len(w.issues)
	i := &issue{access: fmt.Sprintf("a%d", n), seq: w.tick(), at: time.Now(), lifetime: lifetime, to: to, login: to == nil}
	i.expiry = i.at.Add(lifetime)
	if w.user {
		i.refresh = fmt.Sprintf("r%d", n)
	}
	if i.family = family; family < 0 {
		i.family = n
	}
	w.issues = append(w.issues, i)
	return i
}

// waiting are the calls that have not returned.
func (w *world) waiting() []*caller {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.callers = slices.DeleteFunc(w.callers, func(c *caller) bool { return c.done })
	return slices.Clone(w.callers)
}

// heal ends all troubles.
func (w *world) heal() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.note("all is well")
	w.endpoint = trouble{}
	for _, t := range w.store {
		*t = trouble{}
	}
}

// check fails the test if a rule was broken.
func (w *world) check(rt *rapid.T) {
	synctest.Wait()
	for _, c := range w.waiting() {
		w.mu.Lock()
		if time.Now().After(c.deadline) && !c.writes {
			w.broken("G8: %s.%s waits longer than its context", c.p.name, c.what)
		}
		w.mu.Unlock()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.violation != "" {
		rt.Fatalf("%s", w.violation)
	}
}

// windDown ends what is under way.
func (w *world) windDown() {
	w.heal()
	for _, c := range w.waiting() {
		c.cancel()
	}
	time.Sleep(6 * time.Minute) // longer than anything hangs
	synctest.Wait()
	if w.limit != nil { // every slot came back
		w.mu.Lock()
		defer w.mu.Unlock()
		if !w.limit.TryAcquire(w.slots) {
			w.broken("G17: a slot of the limit is lost")
			return
		}
		w.limit.Release(w.slots)
	}
}

// good reports whether i is a login that p may go on from. The caller holds mu.
func (w *world) good(p *process, i *issue) bool {
	return i != nil && !i.spent && !w.revoked[i.family] && !p.view(i).falsely
}

// checkRecovery checks that, when all is well again and the pauses are over,
// the Caches have a token, or know that a login is required, and the Store holds
// it.
func (w *world) checkRecovery() {
	w.windDown()
	time.Sleep(11 * time.Minute)
	for _, p := range w.procs {
		w.mu.Lock()
		good := !w.user || !p.forsaken && w.good(p, w.record)
		if p.cache.Status().Unsaved { // what it has replaces the record, unless that is new to it
			good = good && (!w.user || w.good(p, p.newest))
		}
		w.mu.Unlock()
		p.call("Token", time.Minute, func(ctx context.Context, c *caller) {
			t, err := p.cache.Token(ctx)
			w.mu.Lock()
			w.note("in the end %s.Token returns %v, %v", p.name, w.tokenOf(t), err)
			switch {
			case err != nil && good:
				w.broken("G18: %s fails when all is well again", p.name)
			case err != nil && !errors.Is(err, bearer.ErrLoginRequired):
				w.broken("G18: %s does not say that a login is required", p.name)
			}
			p.checkReturned(c, t, err)
			w.mu.Unlock()
			err = p.cache.Flush(ctx)
			w.mu.Lock()
			defer w.mu.Unlock()
			if err != nil || p.cache.Status().Unsaved {
				w.broken("G19: %s cannot store its token when all is well again", p.name)
			}
		})
		time.Sleep(time.Minute)
		synctest.Wait()
	}
	w.waiting()
}
