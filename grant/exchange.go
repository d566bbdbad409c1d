package grant

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"time"

	"github.com/hashicorp/go-retryablehttp"

	"example.com/bearer/internal/retryafter"
)

const (
	maxAnswer     = 1 << 20                // bytes of an answer that are read; tokens are a few KiB
	backoffBase   = 100 * time.Millisecond // a blip is over after that
	backoffCap    = 5 * time.Second
	retryAfterCap = 10 * time.Second // a caller waits behind this; a longer pause is for a breaker to keep
)

// call is one use of an endpoint.
type call struct {
	server Server
	auth   ClientAuth
	field  string // what holds url, for errors
	url    string
	params url.Values // nil: a GET
	once   string     // what is spent when the server processes the request, such as "refresh token"; "" if it may be sent again
}

// answer is what came back, whole.
type answer struct {
	*Request
	host     string
	status   int
	header   http.Header
	body     []byte
	tooLarge bool
	sent     time.Time // when the attempt began: what the answer says about time counts from here, so that it is never late
}

// exchange is a call on its way. It is used by one goroutine; go-retryablehttp calls back on it.
type exchange struct {
	call
	ctx      context.Context
	host     string
	request  *Request // the present attempt
	payload  []byte
	sent     time.Time
	attempts int
	wait     time.Duration // what checkRetry decided, for backoff
	pausing  bool          // between two attempts

	unauthenticated bool    // the ClientAuth failed
	got             *answer // what the last attempt brought, nil if it brought nothing
	lost            error   // why it brought nothing
	said            *Error  // the last error that the server itself gave; kept when a later attempt fails otherwise
}

// do sends the call until it has an answer worth giving back. The answer may be a refusal.
func (c call) do(ctx context.Context) (*answer, error) {
	u, err := c.server.endpoint(c.field, c.url)
	if err != nil {
		return nil, err
	}
	if c.params != nil && c.auth == nil {
		return nil, errors.New("grant: Auth is nil; set it to how the client authenticates, such as grant.Basic")
	}
	if err := cmp.Or(nilInside("Auth", c.auth), nilInside("Server.Transport", c.server.Transport)); err != nil {
		return nil, fmt.Errorf("grant: %w", err)
	}
	method := http.MethodPost
	if c.params == nil {
		method = http.MethodGet
	}
	x := &exchange{call: c, ctx: ctx, host: u.Scheme + "://" + u.Host}
	req, err := retryablehttp.NewRequestWithContext(ctx, method, u.String(), nil)
	if err != nil {
		return nil, fmt.Errorf("grant: %w", err) // only a nil context is left to be wrong
	}
	if err := ctx.Err(); err != nil { // said here, for later nobody could tell that nothing was sent
		return nil, fmt.Errorf("grant: nothing was sent to %s: %w", x.host, err)
	}
	if err := x.prepare(req.Request); err != nil {
		return nil, err
	}
	if c.params != nil {
		if err := req.SetBody(retryablehttp.ReaderFunc(x.body)); err != nil {
			return nil, fmt.Errorf("grant: %w", err)
		}
	}
	client := retryablehttp.Client{ // Logger nil: it would write to stderr
		HTTPClient:   c.server.client(c.auth),
		RetryMax:     c.server.retries(),
		CheckRetry:   x.checkRetry,
		Backoff:      x.backoff,
		PrepareRetry: x.prepare,
		ErrorHandler: retryablehttp.PassthroughErrorHandler, // any other loses the server's words
	}
	if _, err := client.Do(req); err != nil {
		return nil, x.failed(err)
	}
	return x.got, nil // checkRetry has read the body, and closed it
}

// prepare makes a fresh attempt: parameters, credentials, body. It runs before each one, so
// that an assertion has a jti of its own and a rotated secret is read anew.
func (x *exchange) prepare(req *http.Request) error {
	x.pausing = false
	header := http.Header{"Accept": {"application/json"}}
	x.request = &Request{Server: x.server, URL: x.url, Header: header, Params: maps.Clone(x.params)}
	if x.params != nil {
		if err := x.auth.Authenticate(x.ctx, x.request); err != nil {
			x.unauthenticated = true
			return fmt.Errorf("grant: %w", err)
		}
		if x.server.JSON {
			header.Set("Content-Type", "application/json")
			x.payload = jsonBody(x.request.Params)
		} else {
			header.Set("Content-Type", "application/x-www-form-urlencoded")
			x.payload = []byte(x.request.Params.Encode())
		}
		req.ContentLength = int64(len(x.payload))
	}
	req.Header = header
	x.sent = time.Now()
	return nil
}

func (x *exchange) body() (io.Reader, error) { return bytes.NewReader(x.payload), nil }

// jsonBody writes parameters as one JSON object. A parameter that is there twice, such as
// resource, becomes an array.
func jsonBody(params url.Values) []byte {
	object := make(map[string]any, len(params))
	for name, values := range params {
		object[name] = values
		if len(values) == 1 {
			object[name] = values[0]
		}
	}
	body, _ := json.Marshal(object) // strings and slices of strings: it cannot fail
	return body
}

// checkRetry reads the answer and decides whether there is another attempt. It decides on the
// pause too: one that would end after the context's deadline is pointless, and the server's
// error now is worth more than "deadline exceeded" later.
func (x *exchange) checkRetry(ctx context.Context, resp *http.Response, err error) (bool, error) {
	x.got, x.lost = nil, err
	if err == nil {
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

// again reports whether another attempt can help and does no harm.
func (x *exchange) again() bool {
	if x.lost != nil {
		return !badTLS(x.lost) && (x.once == "" || unsent(x.lost))
	}
	switch status := x.got.status; {
	case status == http.StatusTooManyRequests, status == http.StatusServiceUnavailable:
		return true // refused before it was looked at
	default:
		return status >= 500 && x.once == ""
	}
}

// pause gives the time until the next attempt: full jitter, so that a fleet that failed together
// does not come back together, on top of what the server asked for.
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

// read takes in the whole answer, up to a limit, and closes its body.
func (x *exchange) read(resp *http.Response) (*answer, error) {
	defer func(body io.Closer) {
		body.Close()
		resp.Body = http.NoBody // go-retryablehttp would read it once more
	}(resp.Body)
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return nil, err
	}
	a := &answer{Request: x.request, host: x.host, status: resp.StatusCode, header: resp.Header, body: body, sent: x.sent}
	if len(body) > maxAnswer {
		a.body, a.tooLarge = nil, true
	}
	return a, nil
}
