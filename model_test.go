//go:build model

package bearer_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/oauth2"
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
func TestModel(t *testing.T) {
	for _, credential := range []string{"client", "user"} {
		for _, store := range []string{"none", "plain", "locker"} {
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
	stored   bool // there is a Store
	lifetime time.Duration
	procs    []*process

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
	login           bool     // it comes from a login, not from a Cache's Source
	to              *process // whose Source obtained it
	spent           bool     // its refresh token was used
	lost            bool     // the answer with its successor was not delivered
	landed          bool     // it was in the Store
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
	newest   *issue    // the one that it returned or was given last
	newSince int       // what it sees from then on may replace newest
	newSeq   int       // when newest was returned
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
		locker:   store == "locker",
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
	for i := range n {
		p := &process{world: w, name: string(rune('A' + i)), views: make(map[*issue]*view), clean: true}
		p.cache = &bearer.Cache{RetryFor: retryFor, RefreshTimeout: timeout, Breaker: breaker, Source: clientSource{p}}
		if w.user {
			p.cache.Source = userSource{p}
		}
		switch {
		case w.locker:
			p.cache.Store, p.cache.Key = lockedHandle{handle{p}}, "k"
		case w.stored:
			p.cache.Store, p.cache.Key = handle{p}, "k"
		}
		w.procs = append(w.procs, p)
	}
	for _, op := range []string{"get", "put", "delete", "lock"} {
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

// The server, as the Source of a process.

type clientSource struct{ *process }

func (s clientSource) Token(ctx context.Context) (*bearer.Token, error) { return s.send(ctx, nil) }

type userSource struct{ *process }

func (userSource) Token(context.Context) (*bearer.Token, error) { return nil, bearer.ErrLoginRequired }

func (s userSource) Refresh(ctx context.Context, prev *bearer.Token) (*bearer.Token, error) {
	return s.send(ctx, prev)
}

// send is a token request. The server processes it when it arrives, unless the
// trouble is that it does not, and answers later.
func (p *process) send(ctx context.Context, prev *bearer.Token) (*bearer.Token, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	t := p.endpoint.take()
	p.sends++
	var used *issue
	if prev != nil {
		used = p.issueOf("", prev.RefreshToken)
		p.note("%s sends %s with %s %+v", p.name, prev.RefreshToken, prev.AccessToken, t)
		p.checkRefresh(prev, used)
	} else {
		p.note("%s asks for a token %+v", p.name, t)
	}
	p.checkSend(prev)
	p.sending = append(p.sending, ctx)
	defer func() { p.sending = slices.DeleteFunc(p.sending, func(c context.Context) bool { return c == ctx }) }()

	var got *issue
	var err error
	switch t.kind {
	case "refuses the connection":
		err = errNoServer
	case "503 with Retry-After":
		e := refused(http.StatusServiceUnavailable, "")
		e.Response.Header.Set("Retry-After", "2")
		err = e
	case "invalid_grant":
		err = refused(http.StatusBadRequest, "invalid_grant")
	case "invalid_client":
		err = refused(http.StatusUnauthorized, "invalid_client")
	case "400 without a body":
		err = refused(http.StatusBadRequest, "")
	default:
		got, err = p.serve(used)
	}
	processed := got != nil
	switch t.kind {
	case "500":
		err = refused(http.StatusInternalServerError, "")
	case "503":
		err = refused(http.StatusServiceUnavailable, "")
	case "loses the answer", "panics":
		err = errCut
	}
	if err != nil {
		got = nil
	}

	p.mu.Unlock()
	switch t.kind {
	case "hangs":
		<-ctx.Done()
	case "is deaf":
		time.Sleep(time.Minute)
	default:
		pause(ctx, t.takes)
	}
	p.mu.Lock()
	if ctx.Err() != nil && t.kind != "is deaf" {
		got, err = nil, ctx.Err()
	}
	if used != nil {
		v := p.view(used)
		re, answered := errors.AsType[*oauth2.RetrieveError](err)
		switch {
		case err == nil:
		case answered && re.ErrorCode == "invalid_grant":
			v.bad = true
			v.falsely = v.falsely || t.kind == "invalid_grant"
			old := p.issueOf(prev.AccessToken, "")
			v.dead = v.dead || old == nil || old.expired() || p.view(old).rejected > 0
		case answered && (re.Response.StatusCode/100 == 4 || re.Response.Header.Get("Retry-After") != ""), err == error(errNoServer):
		default:
			v.bad = true
		}
		if processed {
			used.lost = got == nil || got.expired() // which a Cache refuses
		}
	}
	p.note("%s gets %v, %v", p.name, got, err)
	if t.kind == "panics" {
		panic("the Source panics")
	}
	if err != nil {
		return nil, err
	}
	got.answered = time.Now()
	return got.token(), nil
}

// serve is what the server does with a request that reaches it: it rotates
// used, or issues a client's token. The caller holds mu.
func (p *process) serve(used *issue) (*issue, error) {
	switch {
	case !p.user:
		return p.issue(p, -1, p.lifetime), nil
	case used.spent:
		if !used.lost && !p.strayed {
			p.broken("G20: %s sent %s, whose successor was delivered and could be stored", p.name, used.refresh)
		}
		p.revoked[used.family] = true
		fallthrough
	case p.revoked[used.family]:
		return nil, refused(http.StatusBadRequest, "invalid_grant")
	}
	used.spent, used.lost = true, true // until the answer is there
	return p.issue(p, used.family, p.lifetime), nil
}

// wait sleeps, unless ctx ends before.
func pause(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

// checkSend applies the rules of all token requests. The caller holds mu.
func (p *process) checkSend(prev *bearer.Token) {
	for _, ctx := range p.sending {
		if ctx.Err() == nil { // else it has outlived its context
			p.broken("G7: %s sends a second token request", p.name)
		}
	}
	if p.locker && !p.holding && (prev != nil || !p.lockFailed) {
		p.broken("G20: %s sends a token request without the Store's lock", p.name)
	}
	early := p.certain
	if prev != nil {
		early = p.issueOf(prev.AccessToken, "")
	}
	if early != nil && !early.expired() && !p.view(early).suspect && time.Since(p.renewed) > 3*time.Minute {
		if left := time.Until(early.expiry); early.expiry.IsZero() || left > early.lifetime/3 {
			p.broken("G10: %s refreshes %v before its window", p.name, early)
		}
	}
}

// checkRefresh applies the rules for a refresh token. The caller holds mu.
func (p *process) checkRefresh(prev *bearer.Token, used *issue) {
	if used == nil {
		p.broken("%s sends a refresh token that it was never given", p.name)
		return
	}
	v := p.view(used)
	forgot := time.Now().Before(p.deafUntil) // what a refresh knows that waits for the Store
	if v.dead && !forgot {
		p.broken("G18: %s sends %s, which was refused when nothing was left to lose", p.name, used.refresh)
	}
	if old := p.issueOf(prev.AccessToken, ""); v.bad && !forgot && old != nil && !old.expired() && !p.view(old).suspect {
		p.broken("G16: %s sends %s again while %s is valid", p.name, used.refresh, old)
	}
	if v.deleted > 0 {
		p.broken("G23: %s sends %s after Delete", p.name, used.refresh)
	}
	if p.locker && !p.looked {
		p.broken("G20: %s sends %s without a look at the Store", p.name, used.refresh)
	}
	if v.inStore && p.saw != used && p.writing == 0 {
		p.broken("G20: %s sends %s, but has seen that the Store holds %v", p.name, used.refresh, p.saw)
	}
}

// The Store, as each process has it.

type handle struct{ *process }

// operation runs do, which reads or changes the Store, with the trouble that
// the operation has.
func (h handle) operation(ctx context.Context, op string, do func()) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	t := h.world.store[op].take()
	h.note("%s begins to %s %s", h.name, op, t.kind)
	began := time.Now()
	h.strayed = h.strayed || t.kind != "" && t.kind != "is slow"
	read := op == "get"
	if read {
		do() // a slow answer is one of the past
		if t.kind != "" {
			h.slowUntil = time.Now().Add(45 * time.Second)
		}
	} else if op != "lock" {
		h.writes++
		defer func() { h.writes++ }()
	}
	var err error
	h.mu.Unlock()
	switch t.kind {
	case "is slow":
		pause(ctx, 800*time.Millisecond)
		err = ctx.Err()
	case "is very slow":
		pause(ctx, 4*time.Second)
		err = ctx.Err()
	case "hangs":
		pause(ctx, 5*time.Minute)
		err = context.DeadlineExceeded
	case "is deaf":
		h.mu.Lock()
		if op == "get" || op == "lock" {
			h.deafUntil = time.Now().Add(45 * time.Second)
		}
		h.mu.Unlock()
		time.Sleep(45 * time.Second)
	}
	h.mu.Lock()
	if t.kind == "fails" {
		err = errDisk
	}
	if err == nil && !read {
		do()
	}
	if t.kind == "fails afterwards" {
		err = errDisk
	}
	if err != nil || time.Since(began) > time.Second {
		h.failed = time.Now()
	}
	return err
}

func (h handle) Get(ctx context.Context, key string) ([]byte, error) {
	var data []byte
	var absent error
	var found *issue
	var seq, writes int
	err := h.operation(ctx, "get", func() {
		data, absent = h.memory.Get(ctx, key)
		found, seq, writes = h.record, h.tick(), h.writes
	})
	h.mu.Lock()
	defer h.mu.Unlock()
	if err != nil {
		return nil, err
	}
	h.note("%s gets %v from the Store", h.name, found)
	if c := h.certain; c != nil && found != nil && (found.access == "" || found.expiry.Before(c.expiry)) {
		h.disturb()
	}
	h.looked, h.lookSeq, h.lookEnded = true, seq, time.Now()
	if writes != h.writes || writes%2 == 1 {
		return data, absent // a write of its own may have replaced it meanwhile
	}
	if h.sawSeq == 0 || h.saw != found && seq > h.sawSeq {
		h.forgive() // another record: what failed may work now
		if found != nil {
			v := h.view(found)
			v.rejected, v.suspect = 0, true
			if !v.put && (h.sawSeq > 0 || h.newest == nil) {
				v.news = h.tick()
			}
		}
	}
	if seq > h.sawSeq {
		h.see(found, seq)
	}
	if found != nil {
		h.view(found).inStore = true
	}
	return data, absent
}

func (h handle) Put(ctx context.Context, key string, data []byte) error {
	var r struct {
		Access  string `json:"access_token"`
		Refresh string `json:"refresh_token"`
	}
	if err := json.Unmarshal(data, &r); err != nil {
		return err
	}
	h.mu.Lock()
	i := h.issueOf(r.Access, r.Refresh)
	if i == nil || i.refresh != r.Refresh {
		h.broken("G19: %s stores %q with %q", h.name, r.Access, r.Refresh)
		h.mu.Unlock()
		return errDisk
	}
	h.checkPut(i)
	v := h.view(i)
	v.put = true
	h.mu.Unlock()
	err := h.operation(ctx, "put", func() {
		_ = h.memory.Put(ctx, key, data)
		h.land(i, h.process)
	})
	h.mu.Lock()
	defer h.mu.Unlock()
	if err == nil {
		v.saved, v.inStore = true, true
		h.see(i, h.tick())
	}
	return err
}

// knew reports whether p has seen a token of the family in the Store. The caller
// holds mu.
func (p *process) knew(family int) bool {
	for i, v := range p.views {
		if i.family == family && v.inStore {
			return true
		}
	}
	return false
}

// see notes that the process knows what the Store held. The caller holds mu.
func (p *process) see(i *issue, seq int) {
	if p.sawSeq == 0 {
		p.sawFirst = seq
	}
	p.saw, p.sawSeq = i, seq
}

// land puts i into the Store, for process by or, if that is nil, another one.
// The caller holds mu.
func (w *world) land(i *issue, by *process) {
	w.note("the Store holds %v", i)
	if w.record != nil && w.record != i && !(w.record.spent && w.record.family == i.family) {
		w.strayed = true // what is overwritten may be in use
	}
	w.record, w.by, w.recordSeq = i, by, w.tick()
	i.landed = true
	delete(w.deleted, i.family)
	for _, p := range w.procs {
		p.view(i).deleted = 0
	}
}

// remove empties the Store. The caller holds mu.
func (w *world) remove() {
	w.note("the Store holds nothing")
	if w.record != nil {
		w.deleted[w.record.family] = w.tick()
	}
	w.record, w.by, w.recordSeq = nil, nil, w.tick()
}

// checkPut applies the rules for what a process puts into the Store. The caller
// holds mu.
func (p *process) checkPut(i *issue) {
	v := p.view(i)
	if i.login && !v.saved {
		return // by Set, over whatever is there
	}
	if p.lookEnded != time.Now() {
		p.broken("G19: %s stores %v without a look at what it replaces", p.name, i)
	}
	if at, ok := p.deleted[i.family]; ok && p.lookSeq > at && p.knew(i.family) {
		p.broken("G23: %s stores %v, though it has seen that the credential was deleted", p.name, i)
	}
	if p.saw != nil && p.saw == p.record && p.by != p && p.recordSeq > max(i.seq, p.sawFirst) && p.lookSeq > p.recordSeq {
		p.broken("G19: %s stores %v over %v, which is newer", p.name, i, p.saw)
	}
}

func (h handle) Delete(ctx context.Context, key string) error {
	err := h.operation(ctx, "delete", func() {
		_ = h.memory.Delete(ctx, key)
		h.remove()
	})
	h.mu.Lock()
	defer h.mu.Unlock()
	if err == nil {
		h.see(nil, h.tick())
		h.deletedSeq = h.sawSeq
	}
	return err
}

type lockedHandle struct{ handle }

func (h lockedHandle) Lock(ctx context.Context, key string) (func() error, error) {
	err := h.operation(ctx, "lock", func() {})
	var unlock func() error
	if err == nil {
		unlock, err = h.memory.Lock(ctx, key)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.lockFailed = err != nil
	if err != nil {
		return nil, err
	}
	h.holding, h.looked = true, false
	return func() error {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.holding = false
		return unlock()
	}, nil
}

// What the callers do, and may expect.

// forgive forgets what is known of refresh tokens. The caller holds mu.
func (p *process) forgive() {
	for _, v := range p.views {
		v.bad, v.dead = false, false
	}
}

// disturb says that the token may not be the same from now on. The caller
// holds mu.
func (p *process) disturb() { p.certain, p.disturbed = nil, time.Now() }

// call runs f in a goroutine, with a context that ends after patience, and
// waits until it has returned or waits for something.
func (p *process) call(what string, patience time.Duration, f func(context.Context, *caller)) *caller {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	p.mu.Lock()
	c := &caller{p: p, what: what, began: time.Now(), seq: p.tick(), deadline: time.Now().Add(patience), cancel: cancel}
	p.callers = append(p.callers, c)
	p.note("%s %s (%v)", p.name, what, patience)
	p.mu.Unlock()
	go func() {
		defer func() {
			r := recover()
			p.mu.Lock()
			defer p.mu.Unlock()
			if r != nil {
				p.broken("G13: %s panics: %v", what, r)
			}
			c.done = true
			cancel()
			if over := time.Since(c.deadline); over > 0 && !(c.writes && time.Since(p.deafUntil) < over) {
				p.broken("G8: %s.%s waits longer than its context", p.name, what)
			}
		}()
		f(ctx, c)
	}()
	synctest.Wait()
	return c
}

// token is a call of Cache.Token.
func (p *process) token(patience time.Duration) {
	p.mu.Lock()
	valid := p.certain
	if valid != nil && (valid.expired() || p.writing > 0 || p.disturbed.Equal(time.Now())) {
		valid = nil
	}
	p.mu.Unlock()
	p.call("Token", patience, func(ctx context.Context, c *caller) {
		t, err := p.cache.Token(ctx)
		p.mu.Lock()
		defer p.mu.Unlock()
		p.note("%s.Token returns %v, %v", p.name, p.tokenOf(t), err)
		if valid != nil && (err != nil || time.Now() != c.began) {
			p.broken("G9: %s.Token waits or fails, though it has %v", p.name, valid)
		}
		p.checkReturned(c, t, err)
	})
}

func (w *world) tokenOf(t *bearer.Token) *issue {
	if t == nil {
		return nil
	}
	return w.issueOf(t.AccessToken, t.RefreshToken)
}

// checkReturned applies the rules for what Token and Renew return. The caller
// holds mu.
func (p *process) checkReturned(c *caller, t *bearer.Token, err error) {
	if err != nil {
		if te, ok := err.(*bearer.TokenError); !ok || te.Err == nil || t != nil {
			p.broken("%s.%s returns the error %v, which is no TokenError", p.name, c.what, err)
		}
		return
	}
	i := p.tokenOf(t)
	if i == nil || i.access == "" {
		p.broken("%s.%s returns the token %q, which was never issued", p.name, c.what, t.AccessToken)
		return
	}
	v := p.view(i)
	switch {
	case i.expired():
		p.broken("G9: %s.%s returns %v, which has expired", p.name, c.what, i)
	case v.rejected > 0 && v.rejected < c.seq && !v.setting:
		p.broken("G9: %s.%s returns %v, which was rejected", p.name, c.what, i)
	case v.deleted > 0 && v.deleted < c.seq:
		p.broken("G23: %s.%s returns %v after Delete", p.name, c.what, i)
	case i.to == p && p.stored && !v.saved && p.failed.Before(i.at) && time.Since(i.answered) < 2*time.Second:
		p.broken("G19: %s.%s returns %v before it is stored", p.name, c.what, i)
	case p.newest != nil && p.newest != i && p.newSeq < c.seq && v.news < p.newSince && i.seq < p.newSince && !v.setting && p.newAt.After(p.slowUntil):
		p.broken("G19: %s.%s returns %v after %v, though the Store holds nothing new", p.name, c.what, i, p.newest)
	}
	if p.newest != i && (p.newest == nil || p.newSeq < c.seq || i.seq > p.newest.seq && !p.newest.login) {
		p.newest, p.newSince, p.newSeq, p.newAt = i, max(i.seq, v.news), p.tick(), time.Now()
	}
	if p.writing == 0 && p.disturbed.Before(time.Now()) && !i.expiry.IsZero() {
		p.certain = i
	}
}

// change is a call of what changes the token. before and after are called with
// mu held, the latter with the error that f returns.
func (p *process) change(what string, patience time.Duration, f func(context.Context) error, after func(*caller, error)) {
	p.mu.Lock()
	p.writing++
	p.disturb()
	p.mu.Unlock()
	p.call(what, patience, func(ctx context.Context, c *caller) {
		c.writes = true
		err := f(ctx)
		p.mu.Lock()
		defer p.mu.Unlock()
		p.writing--
		p.disturb()
		p.note("%s.%s returns %v", p.name, what, err)
		p.strayed = p.strayed || err != nil
		after(c, err)
	})
}

// set is a call of Cache.Set with a new login.
func (p *process) set(i *issue, patience time.Duration) {
	p.mu.Lock()
	p.forgive()
	p.view(i).setting = true
	p.mu.Unlock()
	p.change(fmt.Sprintf("Set(%v)", i), patience, func(ctx context.Context) error { return p.cache.Set(ctx, i.token()) }, func(c *caller, err error) {
		if err == nil && p.stored && !p.view(i).saved {
			p.broken("G19: %s.Set(%v) returns nil before it is stored", p.name, i)
		}
		p.forgive()
		v := p.view(i)
		v.setting, v.rejected = false, 0 // what was said of it before it was the token does not count
		p.forsaken = false
		p.settle()
		p.newest, p.newSince, p.newSeq, p.newAt = i, c.seq, p.tick(), time.Now()
	})
}

// renew is a call of Cache.Renew.
func (p *process) renew(i *issue, patience time.Duration) {
	p.mu.Lock()
	var rejected *bearer.Token
	counts := p.clean && i != nil
	if i != nil {
		rejected = i.token()
		p.view(i).suspect = true
	}
	p.clean = false
	p.renewed = time.Now()
	p.writing++
	p.disturb()
	p.mu.Unlock()
	p.call(fmt.Sprintf("Renew(%v)", i), patience, func(ctx context.Context, c *caller) {
		t, err := p.cache.Renew(ctx, rejected)
		p.mu.Lock()
		defer p.mu.Unlock()
		p.writing--
		p.disturb()
		p.renewed = time.Now()
		p.note("%s.Renew(%v) returns %v, %v", p.name, i, p.tokenOf(t), err)
		if i != nil && err == nil && p.tokenOf(t) == i {
			p.broken("G11: %s.Renew(%v) returns the same token", p.name, i)
		}
		p.checkReturned(c, t, err)
	})
	p.mu.Lock()
	defer p.mu.Unlock()
	if counts {
		p.view(i).rejected = p.tick()
	}
}

// accept is a call of Cache.Accepted with the present token.
func (p *process) accept() {
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	t, err := p.cache.Token(ended) // does not wait
	if err != nil {
		return
	}
	p.cache.Accepted(t)
	synctest.Wait()
	again, err := p.cache.Token(ended)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.note("%s.Accepted(%v)", p.name, p.tokenOf(t))
	if err == nil && again.AccessToken == t.AccessToken {
		p.settle()
	}
}

// settle says that no renewal is without its Accepted, unless one may be under
// way. The caller holds mu.
func (p *process) settle() {
	if p.writing == 0 && len(p.sending) == 0 && time.Since(p.renewed) > 3*time.Minute {
		p.clean = true
	}
}

// delete is a call of Cache.Delete.
func (p *process) delete(patience time.Duration) {
	p.mu.Lock()
	p.strayed = true // what a refresh under way brings is dropped
	p.mu.Unlock()
	p.change("Delete", patience, p.cache.Delete, func(c *caller, err error) {
		p.forsaken, p.newest = true, nil
		if err != nil {
			return
		}
		if p.stored && p.deletedSeq < c.seq {
			p.broken("G23: %s.Delete returns nil, and has not deleted", p.name)
		}
		for _, i := range p.issues {
			if i.seq < c.seq && !p.view(i).setting && !(p.record == i && p.recordSeq > p.deletedSeq) {
				p.view(i).deleted = p.tick()
			}
		}
	})
}

// invalidate is a call of Cache.Invalidate.
func (p *process) invalidate(i *issue) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.note("%s.Invalidate(%v)", p.name, i)
	p.disturb()
	v := p.view(i)
	v.suspect, v.rejected = true, p.tick()
	p.cache.Invalidate(i.token())
}

// flush is a call of Cache.Flush.
func (p *process) flush(patience time.Duration) {
	p.call("Flush", patience, func(ctx context.Context, c *caller) {
		c.writes = true
		err := p.cache.Flush(ctx)
		s := p.cache.Status()
		p.mu.Lock()
		defer p.mu.Unlock()
		p.note("%s.Flush returns %v", p.name, err)
		if err == nil && p.stored && s.Unsaved && len(p.sending) == 0 && p.writing == 0 {
			p.broken("G19: %s.Flush returns nil, and the token is not stored", p.name)
		}
	})
}

// Steps.

var (
	patiences = rapid.SampledFrom([]time.Duration{10 * time.Second, 2 * time.Minute, time.Second, 10 * time.Millisecond})

	endpointTroubles = rapid.SampledFrom([]string{
		"refuses the connection", "500", "503", "503 with Retry-After", "invalid_grant", "invalid_client",
		"400 without a body", "loses the answer", "panics", "hangs", "is deaf", "is slow",
	})

	storeTroubles = rapid.SampledFrom([]string{"fails", "fails afterwards", "is slow", "is very slow", "hangs", "is deaf"})

	counts = rapid.SampledFrom([]int{1, 2, 5, 1000})
)

// actions are the steps that a sequence is made of. Each is followed by check.
func (w *world) actions() map[string]func(*rapid.T) {
	steps := map[string]func(*rapid.T){
		"token":       func(rt *rapid.T) { w.pick(rt).token(patiences.Draw(rt, "patience")) },
		"token again": func(rt *rapid.T) { w.pick(rt).token(patiences.Draw(rt, "patience")) },
		"tokens": func(rt *rapid.T) {
			for _, p := range w.procs {
				for range 3 {
					p.token(10 * time.Second)
				}
			}
		},
		"poll": func(rt *rapid.T) {
			p := w.pick(rt)
			every := rapid.SampledFrom([]time.Duration{time.Second, 100 * time.Millisecond}).Draw(rt, "every")
			for range 60 {
				p.token(50 * time.Millisecond)
				time.Sleep(every)
			}
		},
		"poll to expiry": func(rt *rapid.T) {
			p := w.pick(rt)
			for range 20 {
				p.token(50 * time.Millisecond)
				time.Sleep(w.lifetime / 20)
			}
		},
		"renew": func(rt *rapid.T) {
			p := w.pick(rt)
			p.renew(w.known(rt, p), patiences.Draw(rt, "patience"))
		},
		"accept": func(rt *rapid.T) { w.pick(rt).accept() },
		"set": func(rt *rapid.T) {
			p := w.pick(rt)
			p.set(w.login(rt), patiences.Draw(rt, "patience"))
		},
		"invalidate": func(rt *rapid.T) {
			p := w.pick(rt)
			if i := w.known(rt, p); i != nil {
				p.invalidate(i)
			}
		},
		"delete":   func(rt *rapid.T) { w.pick(rt).delete(patiences.Draw(rt, "patience")) },
		"flush":    func(rt *rapid.T) { w.pick(rt).flush(patiences.Draw(rt, "patience")) },
		"sleep":    w.sleep,
		"sleep on": w.sleep,
		"cancel": func(rt *rapid.T) {
			for _, c := range w.waiting() {
				c.cancel()
				synctest.Wait()
				w.mu.Lock()
				if !c.done && !c.writes {
					w.broken("G8: %s.%s does not leave when its context is cancelled", c.p.name, c.what)
				}
				w.mu.Unlock()
			}
		},
		"endpoint trouble": func(rt *rapid.T) {
			t := trouble{kind: endpointTroubles.Draw(rt, "kind"), takes: 20 * time.Millisecond, left: counts.Draw(rt, "calls")}
			if t.kind == "is slow" || rapid.IntRange(0, 3).Draw(rt, "slow") == 3 {
				t.takes = 4 * time.Second
			}
			w.mu.Lock()
			defer w.mu.Unlock()
			w.endpoint = t
		},
		"heal": func(rt *rapid.T) { w.heal() },
	}
	if w.stored {
		steps["store trouble"] = func(rt *rapid.T) {
			op := rapid.SampledFrom([]string{"put", "get", "lock", "delete"}).Draw(rt, "operation")
			t := trouble{kind: storeTroubles.Draw(rt, "kind"), left: counts.Draw(rt, "calls")}
			w.mu.Lock()
			defer w.mu.Unlock()
			*w.store[op] = t
		}
		steps["elsewhere"] = w.elsewhere
	}
	for name, step := range steps {
		steps[name] = func(rt *rapid.T) { w.paced(func() { step(rt) }) }
	}
	steps[""] = w.check
	return steps
}

// paced runs a step, and checks that the Caches do not hammer the server
// meanwhile: beside the requests of one refresh with its repeats, there is less
// than one in 750 ms, which is the shortest pause.
func (w *world) paced(step func()) {
	began := time.Now()
	before := make(map[*process]int)
	w.mu.Lock()
	for _, p := range w.procs {
		before[p] = p.sends
	}
	w.mu.Unlock()
	step()
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, p := range w.procs {
		most := 12 + int(time.Since(began)/(750*time.Millisecond))
		if n := p.sends - before[p]; n > most {
			w.broken("G17: %s sends too many token requests", p.name)
			w.note("it sent %d, %d are bearable", n, most)
		}
	}
}

func (w *world) pick(rt *rapid.T) *process {
	if len(w.procs) == 1 {
		return w.procs[0]
	}
	return rapid.SampledFrom(w.procs).Draw(rt, "cache")
}

// GoString is how a draw shows a process.
func (p *process) GoString() string { return p.name }

// known is the token that p returned last, an older one, or nil.
func (w *world) known(rt *rapid.T, p *process) *issue {
	age := rapid.SampledFrom([]string{"current", "old", "none"}).Draw(rt, "token")
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case age == "none" || p.newest == nil || p.newest.access == "":
		return nil
	case age == "old":
		for _, i := range w.issues {
			if i.access != "" && i.seq < p.newest.seq {
				return i
			}
		}
	}
	return p.newest
}

// login is a new one.
func (w *world) login(rt *rapid.T) *issue {
	kind := rapid.SampledFrom([]string{"fresh", "short", "expired", "without expiry", "without access token"}).Draw(rt, "login")
	w.mu.Lock()
	defer w.mu.Unlock()
	i := w.issue(nil, -1, w.lifetime)
	switch kind {
	case "short":
		i.lifetime = 5 * time.Second
		i.expiry = i.at.Add(i.lifetime)
	case "expired":
		i.expiry = i.at
	case "without expiry":
		i.expiry = time.Time{}
	case "without access token":
		if w.user {
			i.access = ""
		}
	}
	return i
}

func (w *world) sleep(rt *rapid.T) {
	time.Sleep(rapid.SampledFrom([]time.Duration{
		time.Second, 50 * time.Millisecond, 3 * time.Second, 12 * time.Second,
		w.lifetime * 3 / 4, w.lifetime, 6 * time.Minute,
	}).Draw(rt, "time"))
}

// elsewhere is what processes do that use the Store without a Cache, and
// without its lock.
func (w *world) elsewhere(rt *rapid.T) {
	switch what := rapid.SampledFrom([]string{"login", "refresh", "logout"}).Draw(rt, "what"); what {
	case "login":
		w.put(w.login(rt))
	case "refresh":
		w.mu.Lock()
		i := w.record
		if i == nil || w.user && (i.spent || w.revoked[i.family]) {
			w.mu.Unlock()
			return
		}
		i.spent, w.strayed = true, true
		n := w.issue(nil, i.family, w.lifetime)
		n.login = false
		w.mu.Unlock()
		w.put(n)
	case "logout":
		w.mu.Lock()
		defer w.mu.Unlock()
		_ = w.memory.Delete(context.Background(), "k")
		w.remove()
	}
}

// put puts i into the Store as another process does.
func (w *world) put(i *issue) {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := bearer.Cache{Store: struct{ bearer.Store }{&w.memory}, Key: "k"} // no Locker
	if err := s.Set(context.Background(), i.token()); err != nil {
		w.broken("putting %v into the Store elsewhere: %v", i, err)
	}
	w.land(i, nil)
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
