package proxy

import (
	"context"
	"errors"

	"example.com/bearer"
)

// The states of a client.
const (
	starting      = "starting"       // no token has been asked for yet
	valid         = "valid"          // there is a valid token
	due           = "due"            // the next request obtains one
	failing       = "failing"        // the last attempt to obtain one failed
	loginRequired = "login required" // and only a login can help
)

func (r *route) state(s bearer.Status) string {
	switch {
	case s.Valid:
		return valid
	case errors.Is(s.LastError, bearer.ErrLoginRequired):
		return loginRequired
	case s.LastError != nil:
		return failing
	case !r.tried.Load():
		return starting
	}
	return due
}

// ready reports whether requests of each client would be authorized, as far as
// that is known.
func (p *Proxy) ready() bool {
	for _, r := range p.table.Load().routes {
		if s := r.state(r.cache.Status()); s != valid && s != due {
			return false
		}
	}
	return true
}

// warmUp obtains the first token of each client, so that what is wrong shows at
// the start, and the first callers do not wait. The goroutines end when ctx
// does.
func (p *Proxy) warmUp(ctx context.Context) {
	for _, r := range p.table.Load().routes {
		if r.tried.Load() {
			continue
		}
		go func() {
			_, _ = r.cache.Token(ctx) // the Status has the error
			r.tried.Store(true)
		}()
	}
}
