package bearer

import (
	"time"

	"example.com/bearer/internal/instant"
)

// A Status is what a [Cache] knows of its credential at one moment, for status
// pages and health checks. It holds no secret.
type Status struct {
	// Valid says that there is a token that has neither expired nor been
	// rejected by an API.
	Valid bool

	// Expiry is when the token expires. Zero: there is no token, or it does
	// not say.
	Expiry time.Time

	// NextRefresh is when the next call to Token begins a refresh: now or
	// earlier if one is due. Zero: never by itself, since the token does not
	// expire, or only a login can help.
	NextRefresh time.Time

	// LastError is how the last refresh failed. Nil: it succeeded, or there
	// was none.
	LastError error

	// Unsaved says that the token is still to be stored.
	Unsaved bool

	// OnlyCopy says that a login would be lost with the Cache: its token is
	// still to be stored, or there is a refresh token and no Store.
	OnlyCopy bool

	// Refreshing says that a refresh is under way.
	Refreshing bool

	// Breaker is the state of the [CircuitBreaker]: "closed", "half-open" or
	// "open". It is empty if Cache.Breaker is another one.
	Breaker string

	// DroppedEvents counts the events that were not told because a hook or
	// log handler hangs.
	DroppedEvents int
}

// Status returns what is known of the credential. It makes no request, and does
// not read the Store.
func (c *Cache) Status() Status {
	s, now := c.load(), time.Now()
	n := instant.At(now, now)
	st := Status{
		Valid:         s.valid(n),
		Unsaved:       s.unsaved != nil,
		OnlyCopy:      s.unsaved != nil || c.Store == nil && s.entry != nil && s.entry.token.RefreshToken != "",
		Refreshing:    c.flight.flying(),
		DroppedEvents: c.events.Load().lost(),
	}
	if s.entry != nil {
		st.Expiry = s.entry.token.Expiry
	}
	switch f, o := s.failure, c.outlook(s); {
	case st.Valid && st.Expiry.IsZero():
		// never by itself
	case st.Valid && f == nil:
		st.NextRefresh = now.Add(time.Duration(s.entry.window.Wall - n.Wall))
	case st.Valid:
		next := s.entry.window.Later(f.retry)
		if f.kind == sick && o.open {
			next = next.Later(o.trial)
		}
		st.NextRefresh = now.Add(next.Until(n))
	case f == nil || !f.final:
		st.NextRefresh = now.Add(c.pause(s, n))
	}
	if s.failure != nil {
		st.LastError = c.failureError(s, n)
	}
	if b, ok := c.Breaker.(*CircuitBreaker); c.Breaker == nil || ok && b != nil {
		st.Breaker = "closed"
		if b := c.circuit(); b != nil {
			st.Breaker = b.outage.state()
		}
	}
	return st
}
