package bearer

import (
	"context"
	"log/slog"
	"time"
)

// Hooks are told what a [Cache] and the Transports over it do, as
// net/http/httptrace.ClientTrace tells of connections. Any of the functions can
// be nil. They are called synchronously, by several goroutines at once, never
// under a lock, and never with a secret; ctx is that of the request or of the
// refresh it happened in. A hook may use the Cache, but one that waits for its
// refresh waits for itself.
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

	// BreakerChanged: the default Breaker changed its state. From and To are
	// set ("closed", "open", "half-open"). A Breaker of your own has its own
	// means.
	BreakerChanged func(ctx context.Context, e Event)

	// TokenWithheld: a request was sent without a token, for its Host is not
	// one of [Transport.Hosts] or is another origin reached by a redirect.
	TokenWithheld func(ctx context.Context, e Event)

	// StoreFailed: Op ("lock", "unlock", "get", "put") and Err are set. A put
	// that failed is tried again until it works.
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

// hooks is c.Hooks, never nil.
func (c *Cache) hooks() *Hooks {
	if c.Hooks != nil {
		return c.Hooks
	}
	return &noHooks
}

var noHooks Hooks

// emit tells hook and the log.
func (c *Cache) emit(ctx context.Context, hook func(context.Context, Event), level slog.Level, msg string, e Event) {
	e.Key = c.Key
	if hook != nil {
		hook(ctx, e)
	}
	if c.Logger != nil && c.Logger.Enabled(ctx, level) {
		c.Logger.LogAttrs(ctx, level, "bearer: "+msg, e.attrs()...)
	}
}
