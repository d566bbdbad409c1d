package demo

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// A Run is one batch through one [Subject]. It is used once.
type Run struct {
	batch   Batch
	subject Subject
	done    atomic.Int64
}

// Through returns the run of the batch through s.
func (b Batch) Through(s Subject) *Run { return &Run{batch: b, subject: s} }

// Done returns how many requests have ended. It may be called at any time.
func (r *Run) Done() int { return int(r.done.Load()) }

// A Column is the outcome of a [Run].
type Column struct {
	Key, Name string
	Stats     Stats

	samples []sample
	calls   []tokenCall
	events  []event
}

// Do starts the servers and runs the batch against them. It returns an error
// only if they cannot be started or ctx ends; a request that fails is a result.
func (r *Run) Do(ctx context.Context) (*Column, error) {
	w, err := newWorld(r.batch)
	if err != nil {
		return nil, fmt.Errorf("demo: %w", err)
	}
	defer w.close()

	begin := time.Now()
	clock := func() time.Duration { return time.Since(begin) }
	tokens := &tokenLog{base: w.token, clock: clock}
	script := newScript(r.batch, w, clock)
	client := &http.Client{Transport: r.subject.authorize(environment{
		tokenURL:     w.tokenURL(),
		clientID:     clientID,
		clientSecret: clientSecret,
		lifetime:     r.batch.Lifetime(),
		api:          firstHop{w.api, clock},
		token:        tokens,
	})}

	// Each worker takes the next request when its last one has ended, and
	// writes to the sample of that request only. The samples are read after
	// Wait.
	samples := make([]sample, r.batch.Requests)
	var next atomic.Int64
	var workers sync.WaitGroup
	for range min(r.batch.Concurrency, r.batch.Requests) {
		workers.Go(func() {
			for ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= len(samples) {
					return
				}
				script.reached(i)
				s := &samples[i]
				s.start = clock()
				s.failed = !get(withSample(ctx, s), client, w.apiURL())
				s.end = clock()
				r.done.Add(1)
			}
		})
	}
	workers.Wait()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	c := &Column{Key: r.subject.Key, Name: r.subject.Name, samples: samples, calls: tokens.soFar()}
	c.events = script.timeline(r.batch, c.calls)
	c.Stats = newStats(samples, c.calls, w.leaked())
	return c, nil
}

// get sends one request of the batch and reports whether it succeeded.
func get(ctx context.Context, client *http.Client, url string) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return false
	}
	resp, err := client.Do(req)
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return err == nil && resp.StatusCode == http.StatusOK
}
