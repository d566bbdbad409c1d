package grant

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"slices"
	"time"

	"github.com/hashicorp/go-retryablehttp"

	"example.com/bearer/internal/attempt"
	"example.com/bearer/internal/mistake"
	"example.com/bearer/internal/retryafter"
)

const (
	maxAnswer     = 1 << 20                // bytes read of an answer; tokens are a few KiB
	backoffBase   = 100 * time.Millisecond // most blips are over by then
	backoffCap    = 5 * time.Second
	retryAfterCap = 10 * time.Second // a caller is waiting; longer pauses are the Cache's business
)

// A call is one use of an endpoint.
type call struct {
	server Server
	auth   ClientAuth
	field  string // the field that holds url, for errors
	url    string
	params url.Values // nil: a GET
	once   string     // what the server spends when it processes the request, such as "refresh token"; "" if the request may be repeated

	extras map[string]any // of the token, unless the answer has them itself
}

// An answer is a response that has been read completely.
type answer struct {
	*Request
	auth     ClientAuth
	host     string
	endpoint string // URL without query, and the field that holds it, for errors
	status   int
	header   http.Header
	body     []byte
	tooLarge bool
	extras   map[string]any // see call
	sent     time.Time      // when the attempt began: lifetimes count from here, so that an expiry is never late
}

// An exchange is a call on its way. It is used by one goroutine;
// go-retryablehttp calls back on it.
type exchange struct {
	call
	ctx      context.Context
	host     string
	endpoint string
	request  *Request    // of the current attempt
	conn     *connection // of the current attempt
	payload  []byte
	sent     time.Time
	attempts int
	wait     time.Duration // what checkRetry decided, for backoff
	pausing  bool          // between two attempts

	unauthenticated bool    // the ClientAuth failed
	got             *answer // of the last attempt; nil if it was lost
	lost            error   // why the last attempt brought no answer
	said            *Error  // the last error from the server itself; kept when a later attempt fails otherwise
}

// do sends the call until it has an answer to return, which may be a refusal.
func (c call) do(ctx context.Context) (*answer, error) {
	if mutualTLS(c.auth) != nil {
		c.field, c.url = c.server.alias(c.field, c.url)
	}
	u, err := c.server.endpoint(c.field, c.url)
	if err != nil {
		return nil, err
	}
	if c.params != nil && c.auth == nil {
		return nil, mistake.New("grant: Auth is nil; set it to how the client authenticates, such as grant.Basic")
	}
	if err := cmp.Or(nilInside("Auth", c.auth), nilInside("Server.Transport", c.server.Transport)); err != nil {
		return nil, fmt.Errorf("grant: %w", err)
	}
	if c.server.JSON && c.inQuery() {
		return nil, mistake.New("grant: Server.JSON and Server.Requests.Query are both set; set one")
	}
	method := http.MethodPost
	if c.params == nil || c.server.requests().Get {
		method = http.MethodGet
	}
	req, err := retryablehttp.NewRequestWithContext(ctx, method, u.String(), nil)
	if err != nil {
		return nil, fmt.Errorf("grant: %w", err) // the context is nil: all else has been checked
	}
	x := &exchange{call: c, ctx: ctx, host: u.Scheme + "://" + u.Host}
	x.endpoint = fmt.Sprintf("%s%s (%s)", x.host, cmp.Or(u.EscapedPath(), "/"), c.field)
	retries := c.server.retries()
	if attempt.IsOnce(ctx) {
		retries = 0
	}
	if err := ctx.Err(); err != nil { // checked here, while it is certain that nothing was sent
		return nil, fmt.Errorf("grant: nothing was sent to %s: %w", x.host, err)
	}
	if err := x.prepare(req.Request); err != nil {
		return nil, err
	}
	if c.params != nil && !c.inQuery() {
		if err := req.SetBody(retryablehttp.ReaderFunc(x.body)); err != nil {
			return nil, fmt.Errorf("grant: %w", err)
		}
	}
	client := retryablehttp.Client{ // Logger nil: it would write to stderr
		HTTPClient:   c.client(),
		RetryMax:     retries,
		CheckRetry:   x.checkRetry,
		Backoff:      x.backoff,
		PrepareRetry: x.prepare,
		ErrorHandler: retryablehttp.PassthroughErrorHandler, // any other loses the server's answer
	}
	if _, err := client.Do(req); err != nil {
		return nil, x.failed(err)
	}
	return x.got, nil // checkRetry has read and closed the body
}

// inQuery reports whether the parameters go in the URL.
func (c call) inQuery() bool {
	return c.params != nil && (c.server.requests().Query || c.server.requests().Get)
}

// prepare makes a new attempt: parameters, credentials, body, trace. It runs
// before each attempt, so that each assertion has its own jti and a rotated
// secret is read again.
func (x *exchange) prepare(req *http.Request) error {
	x.pausing = false
	x.conn = new(connection)
	header := http.Header{"Accept": {"application/json"}}
	x.request = &Request{Server: x.server, URL: x.url, Header: header, Params: maps.Clone(x.params)}
	if x.params != nil {
		for name, values := range x.server.requests().Header {
			header[http.CanonicalHeaderKey(name)] = slices.Clone(values)
		}
		if err := x.auth.Authenticate(x.ctx, x.request); err != nil {
			x.unauthenticated = true
			return fmt.Errorf("grant: %w", err)
		}
		wire := x.server.onTheWire(x.request.Params)
		switch {
		case x.inQuery():
			if err := x.setQuery(req, wire); err != nil {
				return err
			}
		case x.server.JSON:
			header.Set("Content-Type", "application/json")
			x.payload = jsonBody(wire)
		default:
			header.Set("Content-Type", "application/x-www-form-urlencoded")
			x.payload = []byte(wire.Encode())
		}
		req.ContentLength = int64(len(x.payload))
	}
	req.Header = header
	*req = *req.WithContext(httptrace.WithClientTrace(x.ctx, x.conn.trace()))
	x.sent = time.Now()
	return nil
}

// setQuery adds the parameters of this attempt to the endpoint's own.
func (x *exchange) setQuery(req *http.Request, params url.Values) error {
	u, err := url.Parse(x.url)
	if err != nil {
		return fmt.Errorf("grant: %s cannot be parsed as a URL", x.field)
	}
	query := u.Query()
	maps.Copy(query, params)
	u.RawQuery = query.Encode()
	req.URL = u
	return nil
}

func (x *exchange) body() (io.Reader, error) { return bytes.NewReader(x.payload), nil }

// jsonBody writes parameters as one JSON object. A parameter with several
// values, such as resource, becomes an array.
func jsonBody(params url.Values) []byte {
	object := make(map[string]any, len(params))
	for name, values := range params {
		object[name] = values
		if len(values) == 1 {
			object[name] = values[0]
		}
	}
	body, _ := json.Marshal(object) // strings and slices of strings cannot fail
	return body
}

// checkRetry reads the answer and decides whether there is another attempt. It
// chooses the pause too: one that would end after the context's deadline is
// pointless, and the server's error now is worth more than "deadline exceeded"
// later.
func (x *exchange) checkRetry(ctx context.Context, resp *http.Response, err error) (bool, error) {
	x.got, x.lost = nil, err
	if err == nil {
		x.conn.used.Store(true) // an answer proves it, traced or not
		x.got, x.lost = x.read(resp)
	}
	if x.got != nil {
		if refusal := x.got.refusal(); refusal != nil {
			x.said = refusal
		}
	}
	if ctx.Err() != nil || !x.again() {
		return false, x.lost
	}
	x.wait = x.pause()
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) <= x.wait {
		return false, x.lost
	}
	x.attempts++
	x.pausing = true
	return true, x.lost
}

// again reports whether another attempt can help and cannot harm.
func (x *exchange) again() bool {
	if x.lost != nil {
		return !badTLS(x.lost) && (x.once == "" || x.unsent(x.lost))
	}
	status := x.got.status
	return status == http.StatusTooManyRequests || status >= 500 && (x.once == "" || x.got.unprocessed())
}

// pause returns the time until the next attempt: full jitter, so that a fleet
// that failed together does not come back together, added to what the server
// asked for.
func (x *exchange) pause() time.Duration {
	wait := rand.N(min(backoffBase<<min(x.attempts, 10), backoffCap) + 1)
	if x.got != nil {
		if after, ok := retryafter.Parse(x.got.header, time.Now()); ok {
			wait += min(after, retryAfterCap)
		}
	}
	return wait
}

func (x *exchange) backoff(_, _ time.Duration, _ int, _ *http.Response) time.Duration { return x.wait }

// read reads the whole response, up to a limit, and closes its body.
func (x *exchange) read(resp *http.Response) (*answer, error) {
	defer func(body io.Closer) {
		body.Close()
		resp.Body = http.NoBody // go-retryablehttp would read it again
	}(resp.Body)
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return nil, err
	}
	return &answer{
		Request: x.request, auth: x.auth, host: x.host, endpoint: x.endpoint,
		status: resp.StatusCode, header: resp.Header,
		body: body, tooLarge: len(body) > maxAnswer, extras: x.extras, sent: x.sent,
	}, nil
}
