package bearer

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// Hooks are told what a [Cache] and the Transports over it do, as
// net/http/httptrace.ClientTrace tells of connections. Any of the functions may
// be nil. The hooks of one Cache are called one after another, in the order of
// the events, in their own goroutine: those who wait for a token do not wait
// for hooks, so an event may be told after its outcome was returned. A hook may
// use the Cache and wait for it. A hook that hangs delays only later ones; up to
// 128 events are kept for them, and [Status] counts those that were dropped.
//
// No event holds a secret. ctx has the values of the context of the request or
// refresh in which the event happened, but does not end with it.
type Hooks struct {
	// TokenRefreshed: a Source gave a new token, and it is in use.
	// Expiry and Took are set.
	TokenRefreshed func(ctx context.Context, e Event)

	// RefreshFailed: Err, Took and RetryAfter are set. The token in use, if
	// there is a valid one, stays in use.
	RefreshFailed func(ctx context.Context, e Event)

	// TokenRejected: an API rejected a token. Host and Status are set.
	TokenRejected func(ctx context.Context, e Event)

	// RequestReplayed: a rejected request was sent again with a new token.
	// Host is set, and Status, which is the second answer's; or Err.
	RequestReplayed func(ctx context.Context, e Event)

	// RenewalFailed: a request got its rejection back, because the rejected
	// token could not be renewed. Host, Status and Err, a [*TokenError], are
	// set.
	RenewalFailed func(ctx context.Context, e Event)

	// BreakerChanged: the default Breaker changed its state. From and To are
	// set ("closed", "open", "half-open"). A Breaker of your own has its own
	// means.
	BreakerChanged func(ctx context.Context, e Event)

	// TokenWithheld: a request was sent without a token, for its Host is not
	// one of [Transport.Hosts] or is another origin reached by a redirect.
	TokenWithheld func(ctx context.Context, e Event)

	// StoreFailed: Op ("lock", "unlock", "get", "put", "swap", "delete") and Err
	// are set. A put that failed is tried again until it works. A swap is of what
	// processes tell each other; a refresh token is not sent if it fails.
	StoreFailed func(ctx context.Context, e Event)
}

// An Event is what happened. Only what the hook's comment names is set.
type Event struct {
	Key        string        // [Cache.Key]
	Host       string        // host of the request's URL, with its port if it has one
	Status     int           // HTTP status of the answer
	Expiry     time.Time     // of the new token; zero: not known
	Took       time.Duration // by the refresh, with its retries and the Store
	RetryAfter time.Duration // as in [TokenError]
	Op         string        // what the Store was asked for
	From, To   string        // states of the Breaker
	Err        error         // what went wrong
}

// attrs are the event's set members.
func (e Event) attrs() []slog.Attr {
	var a []slog.Attr
	if e.Key != "" {
		a = append(a, slog.String("key", e.Key))
	}
	if e.Host != "" {
		a = append(a, slog.String("host", e.Host))
	}
	if e.Status != 0 {
		a = append(a, slog.Int("status", e.Status))
	}
	if !e.Expiry.IsZero() {
		a = append(a, slog.Time("expiry", e.Expiry))
	}
	if e.Took != 0 {
		a = append(a, slog.Duration("took", e.Took))
	}
	if e.RetryAfter != 0 {
		a = append(a, slog.Duration("retry_after", e.RetryAfter))
	}
	if e.Op != "" {
		a = append(a, slog.String("op", e.Op))
	}
	if e.From != "" {
		a = append(a, slog.String("from", e.From), slog.String("to", e.To))
	}
	if e.Err != nil {
		a = append(a, slog.String("err", describe(e.Err)))
	}
	return a
}

// A kind is a kind of event: the hook that is told, and how it is logged.
type kind struct {
	hook  func(*Hooks) func(context.Context, Event) // nil: none
	level slog.Level
	text  string
}

var (
	tokenRefreshed = kind{func(h *Hooks) func(context.Context, Event) { return h.TokenRefreshed }, slog.LevelInfo, "token refreshed"}
	refreshFailed  = kind{func(h *Hooks) func(context.Context, Event) { return h.RefreshFailed }, slog.LevelWarn, "refresh failed"}
	tokenRejected  = kind{func(h *Hooks) func(context.Context, Event) { return h.TokenRejected }, slog.LevelInfo, "token rejected"}
	replayed       = kind{func(h *Hooks) func(context.Context, Event) { return h.RequestReplayed }, slog.LevelInfo, "request replayed"}
	breakerChanged = kind{func(h *Hooks) func(context.Context, Event) { return h.BreakerChanged }, slog.LevelWarn, "breaker changed"}
	renewalFailed  = kind{func(h *Hooks) func(context.Context, Event) { return h.RenewalFailed }, slog.LevelWarn, "token not renewed"}
	tokenWithheld  = kind{func(h *Hooks) func(context.Context, Event) { return h.TokenWithheld }, slog.LevelInfo, "token withheld"}
	storeFailed    = kind{func(h *Hooks) func(context.Context, Event) { return h.StoreFailed }, slog.LevelError, "store failed"}
)

// These are only logged.
var (
	notReplayed     = kind{nil, slog.LevelWarn, "request not replayed"}
	strangerRejects = kind{nil, slog.LevelWarn, "401 from a host that is not in Transport.Hosts and got no token"}
)

// An observer tells the hooks and the log of a Cache what happened, in the
// order in which it happened, and never in the goroutine in which it happened:
// what a hook does harms no refresh and no request.
type observer struct {
	key    string
	hooks  *Hooks
	logger *slog.Logger
	events *atomic.Pointer[queue] // made with the first event
}

func (c *Cache) observer() observer { return observer{c.Key, c.Hooks, c.Logger, &c.events} }

// tell reports an event. It does not wait for hooks.
func (o observer) tell(ctx context.Context, k kind, e Event) {
	var hook func(context.Context, Event)
	if o.hooks != nil && k.hook != nil {
		hook = k.hook(o.hooks)
	}
	if hook == nil && o.logger == nil {
		return
	}
	q := o.events.Load()
	if q == nil {
		o.events.CompareAndSwap(nil, new(queue))
		q = o.events.Load()
	}
	e.Key = o.key
	ctx = hookContext{context.WithoutCancel(ctx)}
	q.add(func() {
		o.log(ctx, k.level, k.text, e)
		if hook == nil {
			return
		}
		defer func() {
			if p := recover(); p != nil {
				o.log(ctx, slog.LevelError, "hook panicked", e, slog.String("event", k.text), slog.Any("panic", p))
			}
		}()
		hook(ctx, e)
	})
}

// log survives a handler that panics, and an error whose text does: there is no
// place to tell of it.
func (o observer) log(ctx context.Context, level slog.Level, text string, e Event, more ...slog.Attr) {
	if o.logger == nil {
		return
	}
	defer func() { _ = recover() }()
	o.logger.LogAttrs(ctx, level, "bearer: "+text, append(e.attrs(), more...)...)
}

// mostEvents bounds a queue. Events are rare, so only a hook that hangs fills
// it.
const mostEvents = 128

// A queue calls functions in order, in one goroutine, which ends when there is
// nothing left to call.
type queue struct {
	mu      sync.Mutex // guards what follows
	waiting []func()
	running bool // a goroutine runs calls
	dropped int  // functions that found the queue full
}

func (q *queue) add(f func()) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.waiting) == mostEvents {
		q.dropped++
		return
	}
	q.waiting = append(q.waiting, f)
	if !q.running {
		q.running = true
		go q.run()
	}
}

// next takes the function that is first in line, and ends the run if there is
// none.
func (q *queue) next() func() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.waiting) == 0 {
		q.waiting, q.running = nil, false
		return nil
	}
	f := q.waiting[0]
	q.waiting[0] = nil
	q.waiting = q.waiting[1:]
	return f
}

func (q *queue) run() {
	ended := false
	defer func() {
		if !ended {
			go q.run() // a hook called runtime.Goexit
		}
	}()
	for f := q.next(); f != nil; f = q.next() {
		f()
	}
	ended = true
}

// lost is how many events found the queue full.
func (q *queue) lost() int {
	if q == nil {
		return 0
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.dropped
}
