package bearer

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
)

// Transport is an [http.RoundTripper] that authorizes requests with a bearer
// token (RFC 6750 section 2.1), and sends a request once more with a new token
// when an API rejects the one it had.
//
//	client := &http.Client{Transport: &bearer.Transport{Source: source}}
//
// The fields' zero values are the recommended values; do not change them after
// first use, and do not copy a Transport. It may be used by many goroutines at
// once. Transports are cheap, and several may share one [Cache].
//
// A request that has an Authorization header already is sent as it is; one
// whose header has that key with no value is sent without any.
type Transport struct {
	// Source gives the tokens. One that is not a [*Cache] is wrapped in a
	// Cache with the default values, once. Required.
	Source Source

	// Base sends the requests. Nil: [http.DefaultTransport].
	Base http.RoundTripper

	// Hosts are the only hosts that get tokens, each "host", for any port, or
	// "host:port". Requests to others are sent without. Empty: every host gets
	// a token that the program itself sends a request to, but not another
	// origin that a redirect leads to.
	Hosts []string

	// InsecureAllowHTTP lets tokens travel in plaintext, where everybody on
	// the way can read and use them. Otherwise such a request fails with
	// [ErrInsecure], unless it goes to this machine (localhost, 127.0.0.0/8,
	// ::1).
	InsecureAllowHTTP bool

	// Rejected reports whether a response means that the token was not
	// accepted and a new one might be. It must not read the body. Nil: status
	// 401, unless its challenges (RFC 6750 section 3) say that a new token would
	// not help, or are all for schemes other than Bearer and DPoP.
	Rejected func(*http.Response) bool

	// MaxReplayBytes is how many bytes of a request body are kept in memory,
	// so that the request can be sent again, when it has no GetBody (requests
	// made by [http.NewRequest] from a bytes.Buffer, bytes.Reader or
	// strings.Reader have one). Zero or less: none; such a request is not sent
	// again, and its 401 is returned.
	MaxReplayBytes int64

	init    sync.Once // makes what follows
	cache   *Cache
	allowed []hostPort
	err     error // what is wrong with the fields
}

func (t *Transport) start() {
	switch s := t.Source.(type) {
	case nil:
		t.err = errors.New("bearer: Transport.Source is nil: set it")
	case *Cache:
		t.cache = s
		if s == nil {
			t.err = errors.New("bearer: Transport.Source is a nil *Cache: set it")
		}
	default:
		t.cache = &Cache{Source: s}
	}
	if t.err == nil {
		t.allowed, t.err = parseHosts(t.Hosts)
	}
}

func (t *Transport) base() http.RoundTripper {
	if t.Base != nil {
		return t.Base
	}
	return http.DefaultTransport
}

// RoundTrip implements [http.RoundTripper]. When no token can be had, the
// request is not sent and the error is a [*TokenError]; when it would carry one
// in plaintext, [ErrInsecure].
func (t *Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	t.init.Do(t.start)
	err := t.err
	if err == nil && (req == nil || req.URL == nil) {
		err = errors.New("bearer: Request.URL is nil: set it")
	}
	if err != nil {
		closeBody(req)
		return nil, err
	}

	header, authorized := copyHeader(req.Header)
	if authorized {
		return t.base().RoundTrip(req)
	}
	switch t.passageOf(req) {
	case withoutToken:
		c := t.cache
		c.observer().tell(req.Context(), tokenWithheld, Event{Host: req.URL.Host})
		return t.base().RoundTrip(req)
	case refused:
		closeBody(req)
		return nil, fmt.Errorf("%w to %q with scheme %q: use https, or set Transport.InsecureAllowHTTP", ErrInsecure, req.URL.Host, req.URL.Scheme)
	}

	body, err := payloadOf(req, t.MaxReplayBytes) // before the token, which could expire while a slow body is buffered
	if err != nil {
		return nil, err
	}
	e, err := t.cache.entry(req.Context())
	if err != nil {
		if body.now != nil {
			body.now.Close()
		}
		return nil, err
	}
	resp, err := t.send(req, header, body, e)
	if err != nil || !t.rejected(resp) {
		return resp, err
	}
	return t.replay(req, body, resp, e)
}

// copyHeader copies the map, with room for one more, and shares the values. It
// says whether the caller has set Authorization, in whatever case: net/http
// writes keys as they are. It is one loop for both because this is where a
// request's time goes.
func copyHeader(h http.Header) (out http.Header, authorized bool) {
	out = make(http.Header, len(h)+1)
	for k, v := range h {
		if len(k) == len("Authorization") && k[0]|0x20 == 'a' && strings.EqualFold(k, "Authorization") {
			return nil, true
		}
		out[k] = v
	}
	return out, false
}

// send sends a copy of req with header, body and e's token. The caller's
// request is not changed.
func (t *Transport) send(req *http.Request, header http.Header, body payload, e *entry) (*http.Response, error) {
	out := new(http.Request)
	*out = *req
	out.Body = body.now
	if body.now != nil && body.again != nil {
		out.GetBody = body.again // Base may need it for reasons of its own
	}
	header["Authorization"] = e.header[:]
	out.Header = header
	resp, err := t.base().RoundTrip(out)
	if resp == nil && err == nil {
		err = errors.New("bearer: Transport.Base returned neither a response nor an error")
	}
	// The response leads to the caller's request, not to the copy with its
	// token; and http.Client's next hop finds its way back by it.
	if resp != nil && resp.Request != req && (resp.Request == nil || resp.Request.Header["Authorization"] != nil) {
		resp.Request = req
	}
	return resp, err
}

func (t *Transport) rejected(resp *http.Response) bool {
	if t.Rejected != nil {
		return t.Rejected(resp)
	}
	return resp.StatusCode == http.StatusUnauthorized && newTokenMightHelp(resp.Header)
}

// replay sends req once more with another token than e's, which resp rejected.
// If there is none, or the body is spent, resp goes back as it came.
func (t *Transport) replay(req *http.Request, body payload, resp *http.Response, e *entry) (*http.Response, error) {
	ctx, c := req.Context(), t.cache
	c.observer().tell(ctx, tokenRejected, Event{Host: req.URL.Host, Status: resp.StatusCode})
	next, err := c.renewFor(ctx, e, req.URL.Host) // also for the requests that come later, if this one cannot be sent again
	if err != nil || body.again == nil {
		return resp, nil
	}
	body.now, err = body.again()
	if err != nil || body.now == nil {
		return resp, nil
	}
	drain(resp)

	header, _ := copyHeader(req.Header)
	resp, err = t.send(req, header, body, next)
	event := Event{Host: req.URL.Host, Err: err}
	if err == nil {
		event.Status = resp.StatusCode
		if !t.rejected(resp) {
			c.acceptedBy(next, req.URL.Host)
		}
	}
	c.observer().tell(ctx, replayed, event)
	return resp, err
}

// CloseIdleConnections closes Base's idle connections, as
// [http.Client.CloseIdleConnections] asks.
func (t *Transport) CloseIdleConnections() {
	if c, ok := t.base().(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}
