package fleet

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"

	"example.com/bearer"
	"example.com/bearer/grant"
)

// Each worker sends up to requestRate requests a second, from some goroutines:
// 16 workers and the servers together then use about half of a machine with two
// cores, so that what is measured is the fleet, and not the wait for a core.
const (
	requestGoroutines = 4
	requestRate       = 100
)

// workerHeader tells the servers which worker sent a request.
const workerHeader = "Fleet-Worker"

// Work is one process of a fleet. It is set up by the first line of stdin, obeys
// the further ones, and writes what happens to stdout. It returns at once when
// stdin ends, which is how it learns that its parent has died.
func Work(ctx context.Context, stdin io.Reader, stdout io.Writer) error {
	lines := bufio.NewScanner(stdin)
	if !lines.Scan() {
		return errors.New("a worker of a fleet reads its setup from stdin: run bearer fleet instead")
	}
	var s setup
	if json.Unmarshal(lines.Bytes(), &s) != nil { // whose error may quote a secret
		return errors.New("a worker of a fleet reads its setup from stdin, and this is none: run bearer fleet instead")
	}
	b := backendOf(s.Store)
	if b == nil {
		return errStore
	}
	store, closeStore, err := b.open(s.Store, s.Dial, s.Key)
	if err != nil {
		return err
	}
	defer closeStore()
	w := newWorker(s, store, newReporter(stdout))
	if s.Cut != "" {
		w.probe.set(s.Cut)
	}

	gone, last := make(chan struct{}), make(chan struct{})
	go func() { // ends with stdin, at the latest with the process
		defer close(gone)
		for lines.Scan() {
			switch c := command(lines.Text()); c {
			case end:
				close(last)
				return
			default:
				w.probe.set(c)
			}
		}
	}()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	finished := make(chan struct{})
	go func() { // ends when the last request has ended, at the latest with the process
		defer close(finished)
		w.run(ctx, last)
	}()
	select {
	case <-finished:
	case <-gone:
		select {
		case <-last:
			<-finished
		default:
		}
	}
	return nil
}

type worker struct {
	probe  *probe
	report *reporter
	cache  *bearer.Cache
	client *http.Client
	url    string
}

func newWorker(s setup, store bearer.Store, report *reporter) *worker {
	p := &probe{Store: store, report: report}
	cache := &bearer.Cache{Source: source(s, p.tokenTrip), Store: p, Key: s.Key}
	api := &http.Transport{MaxIdleConnsPerHost: requestGoroutines, DisableCompression: true}
	return &worker{
		probe:  p,
		report: report,
		cache:  cache,
		client: &http.Client{Transport: &bearer.Transport{Source: cache, Base: named(s.Worker, api)}},
		url:    s.APIURL,
	}
}

// source returns the Source of the fleet's login. Each token request has a
// connection of its own, as over grant's own transport: a refresh is not sent
// over one that the server may be about to close.
func source(s setup, trip func(http.RoundTripper) http.RoundTripper) bearer.Source {
	return grant.AuthorizationCode{
		Server: grant.Server{
			TokenURL:   s.TokenURL,
			ReuseGrace: s.ReuseGrace,
			Transport:  trip(named(s.Worker, &http.Transport{DisableKeepAlives: true})),
		},
		Auth: grant.Basic{ID: s.ClientID, Secret: grant.Secret(s.ClientSecret)},
	}
}

// named returns a RoundTripper whose requests tell which worker sent them.
func named(worker int, base http.RoundTripper) http.RoundTripper {
	name := strconv.Itoa(worker)
	return roundTripper(func(req *http.Request) (*http.Response, error) {
		req = req.Clone(req.Context())
		req.Header.Set(workerHeader, name)
		return base.RoundTrip(req)
	})
}

// run sends requests until last is closed, and returns when all have ended and
// no refresh is under way.
func (w *worker) run(ctx context.Context, last <-chan struct{}) {
	var all sync.WaitGroup
	for range requestGoroutines {
		all.Go(func() {
			tick := time.NewTicker(requestGoroutines * time.Second / requestRate)
			defer tick.Stop()
			for {
				select {
				case <-last:
					return
				case <-ctx.Done():
					return
				case <-tick.C:
					w.request(ctx)
				}
			}
		})
	}
	all.Wait()
	_ = w.cache.Flush(ctx) // its failure would be one of the Store, which the parent knows of
}

// request sends a request, and reports how it went.
func (w *worker) request(ctx context.Context) {
	before := w.cache.Status()
	began := time.Now()
	err := get(ctx, w.client, w.url)
	m := message{Began: began, Took: time.Since(began)}
	if err != nil {
		after := w.cache.Status()
		m.Failed = err.Error()
		// The same one before and after: otherwise it may have come too late.
		m.Valid = before.Valid && after.Valid && before.Expiry.Equal(after.Expiry)
	}
	w.report.tell(m)
}

func get(ctx context.Context, client *http.Client, to string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, to, nil)
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	if failed, ok := errors.AsType[*url.Error](err); ok {
		return failed.Err // the URL is the same for all
	}
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if _, err = io.Copy(io.Discard, resp.Body); err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("the API answered %s", resp.Status)
	}
	return nil
}
