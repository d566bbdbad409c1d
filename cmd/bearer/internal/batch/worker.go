package batch

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/hashicorp/go-retryablehttp"

	"example.com/bearer"
	"example.com/bearer/internal/retryafter"
)

const (
	firstPause   = 500 * time.Millisecond
	longestPause = 30 * time.Second

	// retryAfterCap keeps an answer from holding the batch up for days. APIs
	// with a quota per hour ask for less.
	retryAfterCap = time.Hour

	// outagePatience is how long a request waits for a token while the
	// authorization server fails. Then the batch ends, and may be resumed.
	outagePatience = 10 * time.Minute
)

// A worker sends one request at a time. go-retryablehttp calls back on it, so
// what it knows of the request in hand is in its fields.
type worker struct {
	job    *Job
	client *http.Client

	req      *request
	answer   answer
	attempts int           // in all
	wait     time.Duration // what check decided, for pause; 0: by the number of attempts
}

// newWorker returns a worker of the job.
func newWorker(j *Job) *worker {
	w := &worker{job: j, client: &http.Client{
		// Without the method CloseIdleConnections, which go-retryablehttp
		// calls when it gives up: the connections are the other workers' too.
		Transport: struct{ http.RoundTripper }{j.Transport},
		Timeout:   j.Timeout,
	}}
	if !j.Follow {
		w.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	}
	return w
}

// send sends the request in hand, as often as the API asks for it, and leaves the
// response in answer.
func (w *worker) send(ctx context.Context) error {
	r := w.req
	w.answer.reset()
	var body any
	if len(r.body) > 0 { // else its length would be unknown
		body = r.body
	}
	req, err := retryablehttp.NewRequestWithContext(ctx, r.method, "", body)
	if err != nil {
		return err
	}
	req.URL, req.Host = r.url, r.url.Host
	for name, values := range r.header {
		req.Header[name] = values
	}
	client := retryablehttp.Client{ // Logger nil: it would write to stderr
		HTTPClient:   w.client,
		RetryMax:     w.job.Retries,
		CheckRetry:   w.check,
		Backoff:      w.pause,
		ErrorHandler: retryablehttp.PassthroughErrorHandler, // any other loses the answer
	}
	_, err = client.Do(req) // check has read and closed the response
	if err != nil && ctx.Err() != nil {
		return errStopped // also in a pause
	}
	return err
}

// check reads the response and decides whether to send the request again.
//
// What is certain not to have been processed is sent again whatever it is: there
// was no connection, or the API said 429 or 503. Otherwise that takes a request
// that may be processed twice.
func (w *worker) check(ctx context.Context, resp *http.Response, err error) (again bool, _ error) {
	w.attempts++
	w.wait = 0
	if err == nil {
		err = w.read(ctx, resp)
	}
	switch {
	case err == nil:
		again = w.tryLater(resp)
	case ctx.Err() != nil:
		return false, err
	default:
		if again = w.mayHelp(ctx, err); !again {
			return false, err
		}
	}
	if again && w.job.stopped() {
		return false, errStopped // the next run sends it again
	}
	return again, nil
}

// read reads the response. A rejected token that could not be renewed is an
// error here, since the requests that follow will meet the same.
func (w *worker) read(ctx context.Context, resp *http.Response) error {
	if err := w.answer.read(resp, w.req.line.number, w.job.Bodies); err != nil {
		return err
	}
	if resp.StatusCode == http.StatusUnauthorized {
		_, err := w.job.Cache.Token(ctx)
		return err
	}
	return nil
}

// tryLater reports whether a response asks to come back, and notes when.
func (w *worker) tryLater(resp *http.Response) bool {
	switch resp.StatusCode {
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		if d, ok := retryafter.Parse(resp.Header, time.Now()); ok {
			w.wait = min(d, retryAfterCap)
			w.job.holdOff(w.wait)
		}
		return true
	case http.StatusBadGateway, http.StatusGatewayTimeout:
		return w.req.idempotent()
	}
	return false
}

// mayHelp reports whether to try again after an error.
func (w *worker) mayHelp(ctx context.Context, err error) bool {
	if ends(err) {
		return false
	}
	dial, ok := errors.AsType[*net.OpError](err)
	if !w.req.idempotent() && !(ok && dial.Op == "dial") {
		return false
	}
	again, _ := retryablehttp.DefaultRetryPolicy(ctx, nil, err) // knows what is permanent, such as a bad certificate
	return again
}

// pause returns how long to wait before the next attempt: what the server asked
// for, or twice as long as before, with jitter.
func (w *worker) pause(_, _ time.Duration, attempt int, _ *http.Response) time.Duration {
	d := min(firstPause<<min(attempt, 10), longestPause)
	if w.wait > 0 {
		// All workers were told the same moment.
		return w.wait + rand.N(d)
	}
	return d/2 + rand.N(d/2)
}

// deliver sends a request until there is an answer, or an error that another
// attempt does not help. An error that ends says so to the whole batch.
func (w *worker) deliver(ctx context.Context, r *request) error {
	w.req, w.attempts = r, 0
	for {
		err := w.send(ctx)
		if failed, ok := errors.AsType[*bearer.TokenError](err); !ok || !failed.Temporary() {
			return err
		}
		if err := w.awaitToken(ctx); err != nil {
			return err
		}
	}
}

// awaitToken waits until the authorization server issues tokens again.
func (w *worker) awaitToken(ctx context.Context) error {
	for began := time.Now(); ; {
		_, err := w.job.Cache.Token(ctx)
		failed, ok := errors.AsType[*bearer.TokenError](err)
		switch {
		case !ok || !failed.Temporary() || time.Since(began) > outagePatience:
			return err
		case !w.job.sleep(max(failed.RetryAfter, firstPause) + rand.N(firstPause)):
			return errStopped
		}
	}
}

// cause returns err without the method and the URL, which the result has.
func cause(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		return e.Err
	}
	return err
}
