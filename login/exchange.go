package login

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/oauth2"
)

const (
	// exchangeLimit ends an exchange. It is more than a [grant.Server] takes
	// with its default timeout and retries.
	exchangeLimit = time.Minute

	// reloadWindow is how long after a login its callback may be loaded again
	// and get the same token. It covers a user who presses reload, and is short
	// because a callback that is found in the history of a shared computer
	// must not log in again.
	reloadWindow = time.Minute

	// maxExchanges bounds the memory. When it is full, the oldest are forgotten
	// early: up to 17 logins a second, only those past their reloadWindow.
	maxExchanges = 1024
)

// redeemed holds the exchanges of this process, not of one Handler, since a
// Handler may be copied. A state is random and belongs to one login only, and a
// browser that asks for its outcome has shown the cookie that the Handler
// sealed.
var redeemed exchanges

// exchanges makes the exchange of each login once and shares its outcome with
// all callbacks of the login: those that arrive while the exchange is under
// way, and those within reloadWindow afterwards. Later ones get errNoLogin
// until the login would have expired anyway, so that no code is sent twice.
//
// It is a singleflight whose flights remain known after they have landed. A
// memory beside golang.org/x/sync/singleflight would be a second map to keep in
// step with it, and DoChan would need the same inner goroutine for a redeem
// that panics or calls runtime.Goexit.
type exchanges struct {
	mu      sync.Mutex // guards byState, and token and err of each exchange
	byState map[string]*exchange
}

// An exchange is that of one login, under way or over.
type exchange struct {
	began  time.Time
	landed chan struct{} // closed after token and err were written
	token  *oauth2.Token
	err    error
}

// once returns the outcome of the login's exchange, which it begins with redeem
// if no callback did so before. It returns early with an error when ctx, the
// request's, ends; the exchange continues for a reload of the page.
//
// Each caller gets its own copy of the token, since Done may change it.
func (x *exchanges) once(ctx context.Context, state string, p pending, redeem func(context.Context) (*oauth2.Token, error)) (*oauth2.Token, error) {
	e := x.join(ctx, state, p, redeem)
	if e == nil {
		return nil, errNoLogin
	}
	select {
	case <-e.landed:
	case <-ctx.Done():
		return nil, fmt.Errorf("login: the request ended before the code was exchanged; the exchange continues for a reload of the callback: %w", context.Cause(ctx))
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if e.err != nil {
		return nil, e.err
	}
	token := *e.token
	return &token, nil
}

// join returns the login's exchange, and begins it if there is none. It returns
// nil if there is none and the login's code is spent: another process made the
// exchange, or this one has forgotten it.
func (x *exchanges) join(ctx context.Context, state string, p pending, redeem func(context.Context) (*oauth2.Token, error)) *exchange {
	x.mu.Lock()
	defer x.mu.Unlock()
	if e := x.byState[state]; e != nil {
		return e
	}
	if p.spent() {
		return nil
	}
	if x.byState == nil {
		x.byState = make(map[string]*exchange)
	}
	if len(x.byState) >= maxExchanges {
		x.forgetOldest()
	}
	e := &exchange{began: time.Now(), landed: make(chan struct{})}
	x.byState[state] = e

	// The exchange keeps the values of the request, for traces, but not its
	// end: a code that was sent is spent, whether or not the browser waits.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), exchangeLimit)
	// The goroutine ends when redeem returns: at exchangeLimit at the latest,
	// if redeem respects its context. If it does not, only callbacks of the
	// same login wait for it, each until its own request ends.
	go func() {
		defer cancel()
		var token *oauth2.Token
		err := errGoexit
		defer func() { // also if redeem panics or calls runtime.Goexit
			if p := recover(); p != nil {
				token, err = nil, fmt.Errorf("login: the Flow panicked: %v", p)
			}
			x.land(state, e, p.Expires, token, err)
		}()
		token, err = redeem(ctx)
	}()
	return e
}

var errGoexit = errors.New("login: the Flow ended its goroutine with runtime.Goexit")

// land records the outcome. The exchange is shared for reloadWindow, remains as
// a mark that the code is spent until the login expires, and is then deleted.
func (x *exchanges) land(state string, e *exchange, expires time.Time, token *oauth2.Token, err error) {
	x.mu.Lock()
	e.token, e.err = token, err
	x.mu.Unlock()
	close(e.landed)
	// The timers' functions return at once.
	time.AfterFunc(reloadWindow, func() {
		x.mu.Lock()
		e.token, e.err = nil, errNoLogin
		x.mu.Unlock()
		time.AfterFunc(time.Until(expires), func() { x.forget(state, e) })
	})
}

// forget deletes e, unless it was forgotten early and the state has another
// exchange since.
func (x *exchanges) forget(state string, e *exchange) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.byState[state] == e {
		delete(x.byState, state)
	}
}

// forgetOldest makes room for one more. The caller holds mu. To look at all
// maxExchanges takes some microseconds, and only a full map is searched.
func (x *exchanges) forgetOldest() {
	var oldest string
	for state, e := range x.byState {
		if o := x.byState[oldest]; o == nil || e.began.Before(o.began) {
			oldest = state
		}
	}
	delete(x.byState, oldest)
}
