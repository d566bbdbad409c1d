package fleet

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"example.com/bearer"
)

// A probe is the Store of a worker. It reports each step of a refresh, and can
// be cut off.
type probe struct {
	bearer.Store
	report *reporter

	// cutting guards cut. mended is closed when the cut ends; nil: no cut.
	cutting sync.Mutex
	cut     command
	mended  chan struct{}

	// mu guards asked: the token request of the refresh that holds the lock was
	// sent, so that the next write is its outcome. There is one refresh at a time.
	mu    sync.Mutex
	asked bool
}

var errCut = errors.New("the store is cut off")

// set begins a cut, or ends it.
func (p *probe) set(c command) {
	p.cutting.Lock()
	defer p.cutting.Unlock()
	switch {
	case c != mend && p.mended == nil:
		p.cut, p.mended = c, make(chan struct{})
	case c == mend && p.mended != nil:
		close(p.mended)
		p.mended = nil
	}
}

// reach returns nil if the Store can be reached. During a cut it returns an
// error, at once, or when ctx ends.
func (p *probe) reach(ctx context.Context) error {
	p.cutting.Lock()
	cut, mended := p.cut, p.mended
	p.cutting.Unlock()
	if mended == nil {
		return nil
	}
	if cut == cutRefuse {
		return errCut
	}
	select {
	case <-mended:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (p *probe) Get(ctx context.Context, key string) ([]byte, error) {
	if err := p.reach(ctx); err != nil {
		return nil, err
	}
	return p.Store.Get(ctx, key)
}

func (p *probe) Put(ctx context.Context, key string, data []byte) error {
	return p.write(ctx, func() error { return p.Store.Put(ctx, key, data) })
}

func (p *probe) Delete(ctx context.Context, key string) error {
	if err := p.reach(ctx); err != nil {
		return err
	}
	return p.Store.Delete(ctx, key)
}

// Swap implements [bearer.Swapper] if the Store does.
func (p *probe) Swap(ctx context.Context, key string, old, new []byte) error {
	s, ok := p.Store.(bearer.Swapper)
	if !ok {
		return errors.ErrUnsupported
	}
	return p.write(ctx, func() error { return s.Swap(ctx, key, old, new) })
}

func (p *probe) write(ctx context.Context, do func() error) error {
	if err := p.reach(ctx); err != nil {
		return err
	}
	err := do()
	if err == nil {
		s := intended
		if p.hasAsked() {
			s = saved
		}
		p.report.tell(message{Step: s})
	}
	return err
}

// Lock implements [bearer.Locker] if the Store does. During a cut, unlock does
// not reach the Store, as over a network: the lock ends later by itself. The
// error says so.
func (p *probe) Lock(ctx context.Context, key string) (unlock func() error, err error) {
	l, ok := p.Store.(bearer.Locker)
	if !ok {
		return nil, errors.ErrUnsupported
	}
	if err := p.reach(ctx); err != nil {
		return nil, err
	}
	release, err := l.Lock(ctx, key)
	if err != nil {
		return nil, err
	}
	p.setAsked(false)
	p.report.tell(message{Step: locked})
	return func() error {
		err := release()
		p.report.tell(message{Step: unlocked})
		if err == nil && p.reach(ended) != nil {
			err = errCut
		}
		return err
	}, nil
}

// ended is a context that has ended.
var ended = func() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}()

// Lease is that of the Store; 0 if its locks do not end by themselves.
func (p *probe) Lease() time.Duration {
	if l, ok := p.Store.(interface{ Lease() time.Duration }); ok {
		return l.Lease()
	}
	return 0
}

func (p *probe) hasAsked() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.asked
}

func (p *probe) setAsked(asked bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked = asked
}

// tokenTrip returns a RoundTripper that reports token requests.
func (p *probe) tokenTrip(base http.RoundTripper) http.RoundTripper {
	return roundTripper(func(req *http.Request) (*http.Response, error) {
		p.setAsked(true)
		p.report.tell(message{Step: asking})
		resp, err := base.RoundTrip(req)
		if err == nil {
			p.report.tell(message{Step: answered})
		}
		return resp, err
	})
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// plain changes nothing.
func plain(base http.RoundTripper) http.RoundTripper { return base }
