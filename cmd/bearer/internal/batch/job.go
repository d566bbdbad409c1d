// Package batch sends many requests of one client, read from a list, and writes
// a line for each result. What has a result is not sent again by the next run
// with the same list and output.
package batch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"example.com/bearer"
	"example.com/bearer/cmd/bearer/internal/target"
)

// lastMoment is how long requests in flight go on after the batch was stopped.
// What they return is written down, and need not be sent again.
const lastMoment = 3 * time.Second

// A Job is one run through a list of requests. Run may be called once.
type Job struct {
	Transport http.RoundTripper // authorizes the requests
	Cache     *bearer.Cache     // where Transport has its tokens from
	Target    *target.Target    // where the requests may go
	Output    *Output           // where the results go

	Defaults    Defaults
	Headers     []string      // of responses, that results have
	Bodies      Bodies        // of responses
	Concurrency int           // requests in flight
	Retries     int           // at most, of each request
	Timeout     time.Duration // of one attempt; 0: none
	Follow      bool          // redirects

	stopping context.Context // ends when no further request is to be sent
	holdTill atomic.Int64    // Unix nanoseconds until which the API asked for a pause

	mu      sync.Mutex // guards what follows
	counts  Counts
	retries int
	streak  int // the results in a row that are futile
}

// longestStreak is how many futile results there may be in a row: no answer, or
// 401 although the token is valid. Then the API is down, or takes no token of this
// client, and 100,000 more would say the same.
const longestStreak = 50

// errStopped is the outcome of a request that the end of the batch cut off.
var errStopped = errors.New("the batch was stopped")

// Run sends the requests that the input lists and that have no result yet. It
// returns when each has a result, or early: when ctx ends, when there is no token
// to be had, when the API is down or takes no token, or when results cannot be
// written. Then the requests in flight get a moment to end.
//
// Failures of single requests are no error of Run; see Counts.
func (j *Job) Run(ctx context.Context, input io.Reader) error {
	stopping, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	j.stopping = stopping
	work, cut := context.WithCancel(context.WithoutCancel(ctx))
	defer cut()
	defer context.AfterFunc(stopping, func() { time.AfterFunc(lastMoment, cut) })()

	requests := make(chan *request)
	// The reader ends with the input or with stopping. It may be held up in a
	// Read of stdin, which only the end of the process ends, so nothing waits
	// for it once the batch has been stopped.
	go func() {
		defer close(requests)
		if err := j.read(stopping, input, requests); err != nil {
			stop(err)
		}
	}()
	var workers sync.WaitGroup
	for range j.Concurrency {
		workers.Go(func() { // ends with requests or with stopping
			w := newWorker(j)
			for {
				select {
				case <-stopping.Done():
					return
				case r, more := <-requests:
					if !more {
						return
					}
					if err := w.handle(work, r); err != nil {
						stop(err)
						return
					}
				}
			}
		})
	}
	workers.Wait()
	return context.Cause(stopping)
}

// read parses the input and passes on what has no result.
func (j *Job) read(ctx context.Context, input io.Reader, to chan<- *request) error {
	in := newLines(input)
	passed := 0            // lines that have a result
	for ctx.Err() == nil { // lines that are not sent do not meet it below
		l, err := in.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("reading the list: %w", err)
		}
		if done, same := j.Output.done.has(l.number, l.hash); done && !same {
			return fmt.Errorf("line %d of the list is not the one that the output has a result of: resume with the same list, or choose another output", l.number)
		} else if done {
			passed++
			continue
		}
		r := new(request)
		if *r, err = j.Defaults.parse(l, j.Target); err != nil {
			// One bad line does not keep the others from being sent.
			if err := j.finish(newResult(r), err); err != nil {
				return err
			}
			continue
		}
		select {
		case to <- r:
		case <-ctx.Done():
			return nil
		}
	}
	if passed < j.Output.done.n && ctx.Err() == nil {
		return fmt.Errorf("the output has results of %d lines that the list does not have: resume with the same list, or choose another output", j.Output.done.n-passed)
	}
	return nil
}

// handle sends a request and writes its result. The error ends the batch, and
// the request has no result then.
func (w *worker) handle(ctx context.Context, r *request) error {
	if !w.job.waitTurn() {
		return nil
	}
	began := time.Now()
	err := w.deliver(ctx, r)
	w.job.sent(w.attempts)
	if ends(err) {
		return cause(err)
	}
	result := newResult(r)
	result.Attempts = w.attempts
	result.took(time.Since(began))
	if err == nil {
		result.answered(&w.answer, w.job.Headers)
		err = w.answer.err
	}
	return w.job.finish(result, err)
}

// ends reports whether an error of a request is one of the whole batch.
func ends(err error) bool {
	_, token := errors.AsType[*bearer.TokenError](err)
	_, disk := errors.AsType[diskError](err)
	return token || disk || errors.Is(err, errStopped)
}

// finish counts and writes a result.
func (j *Job) finish(r *Result, err error) error {
	if err != nil {
		r.Error = cause(err).Error()
	}
	if err := j.Output.write(r); err != nil {
		return err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.counts.add(r.Status, r.Error != "")
	switch {
	case r.Attempts == 0: // not sent
		return nil
	case r.Status != 0 && r.Status != http.StatusUnauthorized:
		j.streak = 0
		return nil
	}
	j.streak++
	switch {
	case j.streak < longestStreak:
		return nil
	case r.Status == 0:
		return fmt.Errorf("%d requests in a row had no answer, the last because: %w", j.streak, cause(err))
	}
	return fmt.Errorf("the API answered 401 to %d requests in a row, although the token is valid: see whether it is for this API, and has the scopes that it asks for", j.streak)
}

func (j *Job) sent(attempts int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.retries += max(attempts-1, 0)
}

// Counts returns the results of this run so far, and how often a request was
// sent again. It may be called while Run runs.
func (j *Job) Counts() (c Counts, retries int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	c = j.counts
	c.Statuses = nil
	for status, n := range j.counts.Statuses {
		if c.Statuses == nil {
			c.Statuses = map[int]int{}
		}
		c.Statuses[status] = n
	}
	return c, j.retries
}

// stopped reports whether no further request is to be sent.
func (j *Job) stopped() bool { return j.stopping.Err() != nil }

// holdOff keeps requests that have not been sent yet from being sent for d. The
// API has said so to one of them, and would say it to each.
func (j *Job) holdOff(d time.Duration) {
	till := time.Now().Add(d).UnixNano()
	for {
		was := j.holdTill.Load()
		if till <= was || j.holdTill.CompareAndSwap(was, till) {
			return
		}
	}
}

// waitTurn waits until the API may be asked. It reports false if the batch was
// stopped meanwhile.
func (j *Job) waitTurn() bool {
	for {
		d := time.Until(time.Unix(0, j.holdTill.Load()))
		if d <= 0 {
			return !j.stopped()
		}
		if !j.sleep(d) {
			return false
		}
	}
}

// sleep waits for d. It reports false if the batch was stopped meanwhile.
func (j *Job) sleep(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-j.stopping.Done():
		return false
	}
}
