package bearer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"example.com/bearer/internal/origin"
)

// Transport is an [http.RoundTripper] that authorizes requests with a bearer
// token (RFC 6750 section 2.1). If an API rejects the token, Transport renews
// it and replays the request once.
//
//	client := &http.Client{Transport: &bearer.Transport{Source: source}}
//
// The fields' zero values are the recommended values. Do not change them after
// first use, and do not copy a Transport that has been used: the copy refuses
// all requests. A Transport is safe for concurrent use. Transports are cheap,
// and several may share one [Cache].
//
// A request that has an Authorization header, or the one that Header names, is
// sent as it is. If it has that key without a value, the request is sent
// without authorization.
//
// A request with a body is not replayed if the rejection is longer than 64 KiB
// or takes more than 1 s to read, or if 1 s later Base has neither closed the
// body nor read it to its end. Whenever there is no replay, the rejection is
// returned whole.
type Transport struct {
	// Source provides the tokens. Unless it is a [*Cache], Transport wraps it
	// in a Cache with the default values. Required, unless CacheFor is set.
	Source Source

	// CacheFor, instead of Source, chooses the credential of each request that
	// gets a token: that of the customer it is for, say. The request is the
	// caller's, and must not be changed. If CacheFor returns an error, the
	// request is not sent, and the error is in a [*TokenError]; a nil Cache
	// without an error is [ErrNoKey]. It is called by several goroutines at
	// once, also for requests that a redirect leads to, and must return one
	// Cache for one credential. Package pool has one for very many.
	//
	//	CacheFor: func(r *http.Request) (*bearer.Cache, error) { return caches[userOf(r.Context())], nil }
	CacheFor func(*http.Request) (*Cache, error)

	// Base sends the requests. It must not follow redirects, as those of
	// go-retryablehttp do unless their client is told not to: it alone would
	// decide then where the token goes. Nil means [http.DefaultTransport].
	Base http.RoundTripper

	// Hosts lists the hosts that get the token, each as "host", for any port,
	// or "host:port". IPv6 addresses are in brackets, a zone follows "%25", and
	// names are compared as they are written, in any case. Requests to other
	// hosts are sent without a token, and so are requests that a redirect from
	// another host led to.
	//
	// If Hosts is empty, every host that the program itself sends a request to
	// gets the token, but no other origin that a redirect leads to.
	Hosts []string

	// Header names the header that carries the token, for an API that does not
	// take it in Authorization. Scheme stands before the token there, with a
	// space between. Both empty: "Authorization: Bearer TOKEN" (RFC 6750
	// section 2.1). Scheme alone replaces Bearer, as in "Authorization: Token
	// TOKEN"; Header alone is followed by the token as it is.
	//
	// Unlike Authorization, net/http does not remove such a header when a
	// redirect leads elsewhere. Transport does: one that the caller had set is
	// not sent to where the token must not go.
	Header string
	Scheme string

	// InsecureAllowHTTP allows tokens to travel in plaintext, where everyone
	// on the path can read and use them. Otherwise such a request fails with
	// [ErrInsecure], unless it goes to this machine (localhost, 127.0.0.0/8,
	// ::1).
	InsecureAllowHTTP bool

	// Rejected reports whether a response means that the token was rejected
	// and a new one might be accepted. It must not read the body, and it is
	// not asked about 101 Switching Protocols.
	//
	// Nil means status 401, unless it has Bearer or DPoP challenges and each of
	// them says insufficient_scope or invalid_request (RFC 6750 section 3.1).
	// Some APIs answer 403 without a challenge to a token that expired or was
	// revoked, for instance the protected views of django-oauth-toolkit; they
	// need a function here.
	Rejected func(*http.Response) bool

	// MaxReplayBytes limits how many bytes of a request body without GetBody
	// are recorded in memory, while it is sent, so that the request can be
	// replayed. An error of closing a recorded body is dropped. Requests that
	// [http.NewRequest] makes from a bytes.Buffer, bytes.Reader or
	// strings.Reader have a GetBody. Zero or less means none: the request is
	// not replayed, and its rejection is returned at once.
	MaxReplayBytes int64

	// Logger logs what the Transport does, and what the Cache does that it
	// makes if Source is not one. It also warns of a 401 from a host that is
	// not in Hosts, since a misspelled Hosts shows in that way. Nil means the
	// Logger of the [*Cache] in Source, if any.
	Logger *slog.Logger

	init    sync.Once    // sets what follows
	self    *Transport   // differs from the receiver in a copy
	cache   *Cache       // of Source; with CacheFor, one that only takes events
	allowed origin.Hosts // Hosts, parsed
	carrier carrier      // Header and Scheme
	err     error        // what is wrong with the fields
}

func (t *Transport) start() {
	t.self = t
	switch s := t.Source.(type) {
	case nil:
		t.cache = new(Cache)
		if t.CacheFor == nil {
			t.err = errors.New("bearer: Transport.Source is nil: set it, or CacheFor")
		}
	case *Cache:
		t.cache = s
		if s == nil {
			t.err = errors.New("bearer: Transport.Source is a nil *Cache: set it")
		}
	default:
		t.cache = &Cache{Source: s, Logger: t.Logger}
	}
	if t.Source != nil && t.CacheFor != nil {
		t.err = errors.New("bearer: Transport.Source and Transport.CacheFor are both set: set one")
	}
	if t.err == nil {
		t.allowed, t.err = origin.ParseHosts(t.Hosts)
		if t.err != nil {
			t.err = fmt.Errorf("bearer: Transport.Hosts%w", t.err)
		}
	}
	if t.err == nil {
		t.carrier, t.err = newCarrier(t.Header, t.Scheme)
	}
}

// check returns what makes t unusable, or req.
func (t *Transport) check(req *http.Request) error {
	switch {
	case t.self != t:
		return errors.New("bearer: this Transport is a copy of one that has been used: make a new one with the same fields, or share a pointer")
	case t.err != nil:
		return t.err
	case req == nil || req.URL == nil:
		return errors.New("bearer: Request.URL is nil: set it")
	}
	return nil
}

func (t *Transport) base() http.RoundTripper {
	if t.Base != nil {
		return t.Base
	}
	return http.DefaultTransport
}

// RoundTrip implements [http.RoundTripper]. If there is no token, the request
// is not sent and the error is a [*TokenError]. If the token would travel in
// plaintext, the error is [ErrInsecure].
func (t *Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	t.init.Do(t.start)
	if err := t.check(req); err != nil {
		closeBody(req)
		return nil, err
	}
	header, authorized := t.carrier.copyHeader(req.Header)
	if authorized {
		return t.sendOwn(req)
	}
	switch t.decide(req) {
	case withhold:
		return t.sendWithout(req)
	case refuse:
		closeBody(req)
		return nil, fmt.Errorf("%w to %q with scheme %q: use https, or set Transport.InsecureAllowHTTP", ErrInsecure, req.URL.Host, req.URL.Scheme)
	}

	cache, err := t.cacheFor(req)
	if err != nil {
		closeBody(req)
		return nil, err
	}
	e, err := cache.entry(req.Context())
	if err != nil {
		closeBody(req)
		return nil, err
	}
	body := t.bodyOf(req)
	if body.again != nil {
		defer body.again.settle()
	}
	resp, err := t.send(req, header, body, e)
	if err != nil || !t.rejected(resp) {
		return resp, err
	}
	return t.replay(req, body, resp, cache, e)
}

// cacheFor returns the Cache of req's credential.
func (t *Transport) cacheFor(req *http.Request) (*Cache, error) {
	if t.CacheFor == nil {
		return t.cache, nil
	}
	c, err := t.CacheFor(req)
	if err == nil && c == nil {
		err = ErrNoKey
	}
	if err != nil {
		return nil, tokenError(err)
	}
	return c, nil
}

// An outgoing request is the copy that Base gets. The array is its own, because
// a Base that writes into it must not change the token of other requests; it
// costs no memory, since the allocator rounds the size of a Request up.
type outgoing struct {
	http.Request
	authorization [1]string
}

// send sends a copy of req with header, body and e's token.
func (t *Transport) send(req *http.Request, header http.Header, body payload, e *entry) (*http.Response, error) {
	out := new(outgoing)
	out.Request = *req
	out.authorization[0] = t.carrier.value(e)
	header[t.carrier.name] = out.authorization[:]
	out.Header = header
	out.Body, out.GetBody = body.first, body.get
	return t.pass(&out.Request, req)
}

// sendWithout sends req without a token.
func (t *Transport) sendWithout(req *http.Request) (*http.Response, error) {
	ctx := req.Context()
	t.tell(ctx, t.cache, tokenWithheld, Event{Host: req.URL.Host})
	resp, err := t.pass(req, req)
	if err == nil && resp.StatusCode == http.StatusUnauthorized && req.Response == nil {
		t.tell(ctx, t.cache, strangerRejects, Event{Host: req.URL.Host, Status: resp.StatusCode})
	}
	return resp, err
}

// pass has Base send out, which stands for the caller's req, and makes the
// result one that a RoundTripper may return.
//
// Response.Request becomes req on every path. It does not show the copy with
// its token, and decide follows a redirect chain back by it: a Base that names
// a request of its own there would cut the chain.
func (t *Transport) pass(out, req *http.Request) (*http.Response, error) {
	resp, err := t.base().RoundTrip(out)
	if err != nil {
		if resp != nil && resp.Body != nil {
			resp.Body.Close() // http.Client ignores a response that comes with an error
		}
		return nil, err
	}
	if resp == nil {
		return nil, errors.New("bearer: Transport.Base returned neither a response nor an error")
	}
	if resp.Request != req {
		resp.Request = req
	}
	return resp, nil
}

func (t *Transport) rejected(resp *http.Response) bool {
	switch {
	case resp.StatusCode == http.StatusSwitchingProtocols:
		return false // its Body is the connection
	case t.Rejected != nil:
		return t.Rejected(resp)
	}
	return resp.StatusCode == http.StatusUnauthorized && newTokenMightHelp(resp.Header)
}

// replay sends req once more with another token of cache than e's, which resp
// rejected. If that is not possible, it returns resp, whole.
func (t *Transport) replay(req *http.Request, body payload, resp *http.Response, cache *Cache, e *entry) (*http.Response, error) {
	ctx := req.Context()
	event := Event{Host: req.URL.Host, Status: resp.StatusCode}
	t.tell(ctx, cache, tokenRejected, event)

	host := hostOf(req.URL)
	if !body.replayable(resp) {
		// For the requests that follow. Nothing will say whether host accepts
		// the new token, so it does not count as a renewal for host.
		cache.renewInBackground(ctx, e, "")
		return resp, nil
	}
	// Before the renewal, since the connection that the rejection holds may be
	// the one that the token request waits for (http.Transport.MaxConnsPerHost).
	if err := buffer(ctx, resp); err != nil && body.again != nil {
		cache.renewInBackground(ctx, e, "")
		event.Err = err
		t.tell(ctx, cache, notReplayed, event)
		return resp, nil
	}
	next, err := cache.renewFor(ctx, e, host)
	if err != nil {
		event.Err = err
		t.tell(ctx, cache, renewalFailed, event)
		return resp, nil
	}
	if body.again != nil {
		body.first, err = body.again.reopen(ctx)
		if err != nil {
			event.Err = err
			t.tell(ctx, cache, notReplayed, event)
			return resp, nil
		}
	}
	if resp.Body != nil {
		resp.Body.Close()
	}

	header, _ := t.carrier.copyHeader(req.Header)
	resp, err = t.send(req, header, body, next)
	event = Event{Host: req.URL.Host, Err: err}
	if err == nil {
		event.Status = resp.StatusCode
		if !t.rejected(resp) {
			cache.acceptedBy(next, host)
		}
	}
	t.tell(ctx, cache, replayed, event)
	return resp, err
}

// hostOf returns u's host and port, in one spelling.
func hostOf(u *url.URL) string {
	return net.JoinHostPort(strings.ToLower(u.Hostname()), origin.Port(u))
}

// tell reports an event to c's hooks and to the Logger.
func (t *Transport) tell(ctx context.Context, c *Cache, k kind, e Event) {
	o := c.observer()
	if t.Logger != nil {
		o.logger = t.Logger
	}
	o.tell(ctx, k, e)
}

// CloseIdleConnections closes Base's idle connections.
// [http.Client.CloseIdleConnections] calls it.
func (t *Transport) CloseIdleConnections() {
	if c, ok := t.base().(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}
