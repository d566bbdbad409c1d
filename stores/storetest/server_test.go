package storetest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/rpc"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"example.com/bearer"
)

// toyServer is a Store on a server, whose locks have a lease.
type toyServer struct {
	store  bearer.MemoryStore
	mu     sync.Mutex // guards leases
	leases map[string]toyLease
}

type toyLease struct {
	Owner string
	Until time.Time
}

// Args are those of all calls.
type Args struct {
	Key, Owner   string
	Old, New     []byte
	Absent, Gone bool // Old and New are nil, which gob does not tell from empty
	Lease        time.Duration
}

func (s *toyServer) Get(a Args, data *[]byte) (err error) {
	*data, err = s.store.Get(context.Background(), a.Key)
	return err
}

func (s *toyServer) Put(a Args, _ *[]byte) error {
	return s.store.Put(context.Background(), a.Key, a.New)
}

func (s *toyServer) Delete(a Args, _ *[]byte) error {
	return s.store.Delete(context.Background(), a.Key)
}

func (s *toyServer) Swap(a Args, _ *[]byte) error {
	if a.Old == nil && !a.Absent {
		a.Old = []byte{}
	}
	if a.New == nil && !a.Gone {
		a.New = []byte{}
	}
	return s.store.Swap(context.Background(), a.Key, a.Old, a.New)
}

var errHeld, errNotHeld = errors.New("held by another one"), errors.New("not held any more")

// Take takes a lock, or renews it.
func (s *toyServer) Take(a Args, _ *[]byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if l, ok := s.leases[a.Key]; ok && l.Owner != a.Owner && time.Now().Before(l.Until) {
		return errHeld
	}
	s.leases[a.Key] = toyLease{a.Owner, time.Now().Add(a.Lease)}
	return nil
}

func (s *toyServer) Release(a Args, _ *[]byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if l := s.leases[a.Key]; a.Owner != "" && (l.Owner != a.Owner || time.Now().After(l.Until)) {
		return errNotHeld
	}
	delete(s.leases, a.Key)
	return nil
}

// serveToy returns the address of a new toyServer.
func serveToy(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	server := rpc.NewServer()
	if err := server.RegisterName("Toy", &toyServer{leases: make(map[string]toyLease)}); err != nil {
		t.Fatal(err)
	}
	go server.Accept(listener) // until the listener is closed
	return listener.Addr().String()
}

// A toyClient is the Store. It dials for each call. The fields are its faults.
type toyClient struct {
	addr, prefix string
	lease        time.Duration

	failed    func(op string, err error) error // what becomes of the error of a call that fails
	deaf      string                           // the call that ignores its context
	again     string                           // the call that is made once more if it fails
	sticky    bool                             // fails for ever once a call has failed
	endless   bool                             // locks do not end
	lazy      bool                             // does not renew
	careless  bool                             // releases whoever's lock it is
	untold    bool                             // does not tell that a lock was lost
	forgetful bool                             // does not look whether it has the lock when the server fails

	broken *atomic.Bool // sticky, and it has
}

func (c *toyClient) Lease() time.Duration { return c.lease }

func (c *toyClient) call(ctx context.Context, op string, a Args) (data []byte, err error) {
	a.Key = c.prefix + a.Key
	if c.deaf == op {
		ctx = context.WithoutCancel(ctx)
	}
	if c.broken.Load() {
		return nil, errors.New("broken")
	}
	data, err = c.ask(ctx, op, a)
	if err != nil && c.again == op {
		data, err = c.ask(ctx, op, a)
	}
	for _, known := range []error{bearer.ErrNotFound, bearer.ErrChanged, errHeld, errNotHeld} {
		if err != nil && err.Error() == known.Error() {
			return nil, known
		}
	}
	if err != nil {
		c.broken.Store(c.sticky)
		if c.failed != nil {
			return nil, c.failed(op, err)
		}
	}
	return data, err
}

func (c *toyClient) ask(ctx context.Context, op string, a Args) (data []byte, err error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", c.addr)
	if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
		<-ctx.Done() // at the same moment, but it may not know yet
		return nil, ctx.Err()
	} else if err != nil {
		return nil, err
	}
	client := rpc.NewClient(conn)
	defer client.Close()
	call := client.Go("Toy."+op, a, &data, make(chan *rpc.Call, 1))
	select {
	case <-call.Done:
		return data, call.Error
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (c *toyClient) Get(ctx context.Context, key string) ([]byte, error) {
	return c.call(ctx, "Get", Args{Key: key})
}

func (c *toyClient) Put(ctx context.Context, key string, data []byte) error {
	_, err := c.call(ctx, "Put", Args{Key: key, New: data})
	return err
}

func (c *toyClient) Delete(ctx context.Context, key string) error {
	_, err := c.call(ctx, "Delete", Args{Key: key})
	return err
}

func (c *toyClient) Swap(ctx context.Context, key string, old, new []byte) error {
	_, err := c.call(ctx, "Swap", Args{Key: key, Old: old, New: new, Absent: old == nil, Gone: new == nil})
	return err
}

func (c *toyClient) Lock(ctx context.Context, key string) (func() error, error) {
	a := Args{Key: key, Owner: rand.Text(), Lease: c.lease}
	if c.endless {
		a.Lease = time.Hour
	}
	for {
		_, err := c.call(ctx, "Take", a)
		if err == nil || c.forgetful && err != errHeld && ctx.Err() == nil {
			break
		}
		if err != errHeld {
			return nil, err
		}
		select {
		case <-time.After(5 * time.Millisecond):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	working, stop := context.WithCancel(context.WithoutCancel(ctx))
	go func() { // until unlock, or the lock is lost
		for err := error(nil); err != errHeld && !c.lazy; {
			select {
			case <-time.After(c.lease / 4):
			case <-working.Done():
				return
			}
			limited, cancel := context.WithTimeout(working, c.lease/4)
			_, err = c.call(limited, "Take", a)
			cancel()
		}
	}()
	return func() error {
		stop()
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.lease)
		defer cancel()
		if c.careless {
			a.Owner = ""
		}
		_, err := c.call(ctx, "Release", a)
		if c.untold {
			return nil
		}
		return err
	}, nil
}

// toys opens Stores on a new server with those faults.
func toys(t *testing.T, fault toyClient) (server string, open func(t *testing.T) func(t *testing.T, addr string) bearer.Store) {
	return serveToy(t), func(*testing.T) func(t *testing.T, addr string) bearer.Store {
		prefix := rand.Text()
		return func(_ *testing.T, addr string) bearer.Store {
			c := fault
			c.addr, c.prefix, c.broken = addr, prefix, new(atomic.Bool)
			return &c
		}
	}
}

func TestRunServer(t *testing.T) {
	server, open := toys(t, toyClient{lease: time.Second})
	RunServer(t, server, open)
}

// failing returns a fault of one call: what it makes of an error.
func failing(call string, become func(error) error) toyClient {
	return toyClient{failed: func(op string, err error) error {
		if op == call {
			return become(err)
		}
		return err
	}}
}

func becomes(err error) func(error) error { return func(error) error { return err } }

// brokenServers has a fault of each kind, and the test of RunServer that must
// find it.
var brokenServers = map[string]struct {
	finder string
	fault  toyClient
}{
	"gone is not found":        {"gone/get/refused", failing("Get", becomes(bearer.ErrNotFound))},
	"gone is nothing":          {"gone/get/lost", failing("Get", becomes(nil))},
	"gone and put":             {"gone/put/refused", failing("Put", becomes(nil))},
	"gone and the value":       {"gone/put/lost", failing("Put", func(err error) error { return fmt.Errorf("put %s: %w", goneNew, err) })},
	"gone and deleted":         {"gone/delete/lost", failing("Delete", becomes(nil))},
	"gone is changed":          {"gone/swap/lost", failing("Swap", becomes(bearer.ErrChanged))},
	"swapped again is changed": {"gone/swap/reset", toyClient{again: "Swap"}},
	"gone is unsupported":      {"gone/lock/refused", failing("Take", becomes(errors.ErrUnsupported))},
	"waits for the server":     {"gone/get/lost", toyClient{deaf: "Get"}},
	"waits to lock":            {"gone/lock/lost", toyClient{deaf: "Take"}},
	"waits to unlock":          {"gone/unlock/lost", toyClient{deaf: "Release"}},
	"gone for ever":            {"gone/put/refused", toyClient{sticky: true}},
	"locks do not end":         {"gone/unlock/lost", toyClient{endless: true}},
	"gone is a lock":           {"waiter", toyClient{forgetful: true}},
	"does not renew":           {"lock kept", toyClient{lazy: true}},
	"releases another one's":   {"lock lost", toyClient{careless: true}},
	"does not tell":            {"lock lost", toyClient{untold: true}},
	"does not tell while gone": {"unlock while gone", toyClient{untold: true}},
}

// Each test of RunServer finds the faults that it is there for.
func TestRunServerFindsFaults(t *testing.T) {
	if b, ok := brokenServers[os.Getenv(brokenEnv)]; ok {
		patience = time.Second
		b.fault.lease = 150 * time.Millisecond
		server, open := toys(t, b.fault)
		RunServer(t, server, open)
		return
	}
	for name, b := range brokenServers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			finder := "TestRunServerFindsFaults/" + strings.ReplaceAll(b.finder, " ", "_")
			if out := again(t, name, finder); !strings.Contains(out, "--- FAIL: "+finder+" (") {
				t.Errorf("got no failure of %s, want one:\n%s", finder, out)
			}
		})
	}
}
