package bearer_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"golang.org/x/oauth2"

	"example.com/bearer"
)

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
	if p.dead {
		return nil, errDead
	}
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
			used.lost, used.delivered = got == nil, time.Now()
		}
	}
	if p.dead {
		if used != nil && processed {
			used.lost = true
		}
		return nil, errDead
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
		if !used.lost && !p.strayed && used.delivered != time.Now() { // in the same instant either may be first
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
	if p.swapper && p.record == used {
		data, _ := p.memory.Get(context.Background(), "k")
		if sum := sha256.Sum256([]byte(used.refresh)); !strings.Contains(string(data), hex.EncodeToString(sum[:])) {
			p.broken("G22: %s sends %s, and the Store does not say so", p.name, used.refresh)
		}
	}
	if old := p.issueOf(prev.AccessToken, ""); p.swapper && used.spent && !p.revoked[used.family] && p.record == used && old != nil && !old.expired() && !p.view(old).suspect {
		p.broken("G22: %s sends %s, which is spent, while %s is valid", p.name, used.refresh, old)
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
