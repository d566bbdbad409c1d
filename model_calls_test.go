package bearer_test

import (
	"context"
	"fmt"
	"testing/synctest"
	"time"

	"example.com/bearer"
)

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
	if p.newest != i && (p.newSeq < c.seq || p.newest != nil && i.seq > p.newest.seq && !p.newest.login) {
		p.newest, p.newSince, p.newSeq, p.newAt = i, max(i.seq, v.news), p.tick(), time.Now()
	}
	if p.writing == 0 && p.disturbed.Before(time.Now()) && !i.expiry.IsZero() {
		p.certain = i
	}
}

// changes says that a call begins that changes the token. The caller holds mu.
func (p *process) changes() {
	p.overlap = p.writing > 0
	p.writing++
	p.disturb()
}

// change is a call of what changes the token. before and after are called with
// mu held, the latter with the error that f returns.
func (p *process) change(what string, patience time.Duration, f func(context.Context) error, after func(*caller, error)) {
	p.mu.Lock()
	p.changes()
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
		p.forsaken = p.overlap           // of calls at the same time either may be the last
		p.settle()
		p.newest, p.newSince, p.newSeq, p.newAt = i, c.seq, p.tick(), time.Now()
		if p.overlap {
			p.newest = nil // likewise
		}
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
	p.changes()
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
		p.forsaken, p.newest, p.newSeq = true, nil, p.tick()
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
