package bearer

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"strings"
	"time"

	"example.com/bearer/internal/instant"
)

// What a refresh tells other processes in the record, and what it takes from
// there: see notes. A process can die, or be suspended for longer than its lock
// lasts, at any of these steps:
//
//	ready    write the intent, by Swap
//	ask      send the refresh token
//	save     the successor replaces token and intent, by Swap
//	report   or, after a failure, the intent is taken back if the token cannot
//	         be spent
//
// Before ready nothing was sent. From there on until save or report, whoever
// holds the lock next finds the intent, and treats the refresh token as one that
// may be spent: see judge. A process that comes back with the successor stores
// it if the record still has the token that it succeeds, since Swap compares.

// errInterrupted is why a refresh token is left alone that this process did not
// send.
var errInterrupted = errors.New("another process began a refresh and did not finish it: the refresh token may be spent, and is not sent as long as the access token is valid")

// errLease is logged.
var errLease = errors.New("the Store's locks last longer than a third of the server's reuse grace, which therefore counts as none: shorten the lease")

var graceUnused = kind{nil, slog.LevelWarn, "reuse grace not used"}

// open is storage.open. While another process holds the lock, which it may have
// been suspended with, it looks for that one's token in the Store now and then,
// and stops waiting when it is there, with errReplaced.
func (r *refresh) open(ctx context.Context) (*session, error) {
	s := r.cache.storage()
	if !s.lockable() {
		return s.open(ctx)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil) // ends the goroutine, as soon as the Store returns
	go func() {
		defer func() { _ = recover() }()
		for ctx.Err() == nil {
			sleep(ctx, lookPause(0))
			if ctx.Err() == nil && r.adopt(ctx) == nil && r.due() == nothing {
				cancel(errArrived)
			}
		}
	}()
	x, err := s.open(ctx)
	if err != nil && context.Cause(ctx) == errArrived {
		err = errReplaced
	}
	return x, err
}

// judge treats a refresh that another process has begun and not finished. The
// caller holds the Store's lock, so that the other one has died, or lost it.
func (r *refresh) judge(x *session) {
	if x.storage == nil {
		return
	}
	c := r.cache
	i, e := x.notes().Intent, c.load().entry
	if i == nil || i.By == x.self || !i.of(tokenOf(e)) || !c.endpoint().refreshes(tokenOf(e)) {
		return // this process knows better what became of its own
	}
	c.updateToken(e, func(s *state) *state { return s.interrupted(r.reusableUntil(i.At), instant.Now()) })
}

// ready is called right before prev's refresh token is sent. It makes sure that
// this process still holds the lock, by both clocks, and that the record says
// what is about to happen, if the Store has the token. If it fails, nothing is
// sent.
func (r *refresh) ready(ctx context.Context, x *session, prev *entry) error {
	if r.sent.IsZero() {
		r.sent = time.Now()
	}
	if !x.swaps() || x.notes().Reusable {
		return nil // without a Swapper the lock has to do
	}
	announced := r.intended == prev
	for {
		// The Store renews the lock while this process runs. Half a lease is what
		// is certain if it was suspended.
		if lease := x.lease(); lease > 0 && x.locked.Since(instant.Now()) >= lease/2 {
			if err := r.relock(ctx, x, prev); err != nil {
				return r.unready(x, err)
			}
			announced = r.intended == prev
		}
		if announced {
			return nil
		}
		// While the Store lacks the token, there is nothing in it to protect,
		// unless it has taken the token although it said that it has not. It may
		// also take it until the next attempt, which announces it anew.
		unsaved := r.unsaved(x, prev)
		err := r.intend(ctx, x, prev)
		if r.cache.load().entry != prev {
			return errReplaced // by Set or Delete
		}
		if err != nil && (err == errChanged || ctx.Err() != nil || !r.unsaved(x, prev)) {
			return r.unready(x, err)
		}
		announced = true
		if !unsaved {
			r.intended = prev
		}
	}
}

// unsaved reports whether the Store still lacks prev's token. A write that took
// too long may have brought it there since that failed.
func (r *refresh) unsaved(x *session, prev *entry) bool {
	return r.cache.load().unsaved != nil && x.lacks(&prev.token)
}

// intend writes the intent to send prev's refresh token.
func (r *refresh) intend(ctx context.Context, x *session, prev *entry) error {
	judged := x.notes().Intent
	mine := intent{Token: hashOf(prev.token.RefreshToken), By: x.self, ID: rand.Text(), At: r.sent.Round(0).UTC()}
	err := x.annotate(ctx, saveTimeout, func(n *notes) error {
		switch i := n.Intent; {
		case i.of(&prev.token):
			if i.By != x.self && (judged == nil || i.ID != judged.ID) {
				return errChanged // by one that has lost the lock, and does not know yet
			}
			if i.ID != mine.ID { // else a Swap that failed has worked
				mine.At = i.At // it may be spent since then
			}
		case i != nil && r.unsaved(x, prev):
			return nil // of the token that the Store holds, and prev has succeeded
		}
		n.Intent = &mine
		return nil
	})
	if err == nil {
		r.intent, r.sent = mine.ID, mine.At
	}
	return err
}

// unready is what an intent that could not be written means: the refresh token
// is not risked if other processes may use it as well.
func (r *refresh) unready(x *session, err error) error {
	if err == errChanged {
		r.changed++
	}
	switch {
	case err == errReplaced || err == errChanged && r.changed <= mostChanged:
		return errReplaced // the next round reads the Store
	case !x.shared:
		return nil
	}
	return because("the Store is out of order", err)
}

// relock takes the lock anew. The token may have been replaced meanwhile.
func (r *refresh) relock(ctx context.Context, x *session, prev *entry) error {
	x.unlock()
	x.unlock = func() {}
	again, err := r.open(ctx)
	if err != nil {
		return err
	}
	x.unlock, x.locked = again.unlock, again.locked
	if err := r.adopt(ctx); err != nil {
		return err
	}
	i := x.notes().Intent
	if r.cache.load().entry != prev || i.of(&prev.token) && i.By != x.self {
		return errReplaced
	}
	if i == nil || i.ID != r.intent {
		r.intended = nil // who had the lock meanwhile has removed it
	}
	return nil
}

// reusableUntil is how long the server accepts a refresh token again that was
// first sent at that time, as seen from now. Only two thirds of its grace count:
// the rest is for the way, and for clocks that differ.
func (r *refresh) reusableUntil(first time.Time) instant.Time {
	grace, now := r.cache.reuseGrace(), time.Now()
	age := now.Sub(first.Round(0)) // by the wall clock: first may be another process's
	if grace <= 0 || age < -grace/10 {
		return instant.Past
	}
	return instant.At(now, now).Add(grace*2/3 - max(0, age))
}

// reuseGrace is how long the server accepts a refresh token again after it was
// used, if the Source knows.
func (c *Cache) reuseGrace() time.Duration {
	g, ok := c.Source.(interface{ ReuseGrace() time.Duration })
	if !ok || isNil(c.Source) {
		return 0
	}
	grace, s := min(g.ReuseGrace(), instant.Forever), c.storage()
	if grace <= 0 || s.lease() <= grace/3 {
		return grace
	}
	if s.warned.CompareAndSwap(false, true) {
		c.observer().tell(context.Background(), graceUnused, Event{Err: errLease})
	}
	return 0
}

// notes are what the record is to say beside t, prev's successor.
func (r *refresh) notes(prev *entry, t *Token) notes {
	now := time.Now()
	f := r.cache.load().futile
	if r.rejected != nil {
		f = f.renewed(r.host, instant.At(now, now))
	}
	p := tokenOf(prev)
	return notes{
		Reusable: p != nil && p.RefreshToken != "" && p.RefreshToken == t.RefreshToken,
		Renewals: f.renewals(now),
	}
}

// report tells other processes in the record how the refresh of prev has
// failed, and takes back the intent if the refresh token cannot be spent.
func (r *refresh) report(ctx context.Context, x *session, prev *entry) {
	c := r.cache
	s := c.load()
	f := s.failure
	if !x.swaps() || f == nil || s.entry != prev || x.mistake() != nil {
		return
	}
	failed := c.reportOf(s, time.Now())
	own := r.intent // a Store that is slow is left with the change, while this refresh goes on
	_ = x.annotate(ctx, saveWait, func(n *notes) error {
		if n.Intent != nil && n.Intent.ID == own && !f.spent {
			n.Intent = nil
		}
		if failed != nil {
			n.Failure = failed
		}
		return nil
	})
}

// reportOf is the failure in s as other processes should know it; nil if it is
// of this process alone, such as a wrong secret.
func (c *Cache) reportOf(s *state, now time.Time) *report {
	f, n := s.failure, instant.At(now, now)
	refused := f.final && f.dead == s.entry
	if !refused && f.kind != sick {
		return nil
	}
	since := n
	if o := c.outlook(s); o.since != (instant.Time{}) {
		since = o.since
	}
	if f.since != (instant.Time{}) {
		since = since.Earlier(f.since)
	}
	at := func(d time.Duration) time.Time { return now.Add(d).Round(0).UTC() }
	text := describe(f.err)
	if len(text) > mostText {
		text = strings.ToValidUTF8(text[:mostText], "") + "..."
	}
	return &report{
		By: c.storage().self, At: at(0), Since: at(-since.Since(n)),
		Until: at(c.pause(s, n)), Retry: at(max(f.retry.Until(n), c.pause(s, n))),
		Text: text, Refused: refused,
	}
}
