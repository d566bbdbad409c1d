package redisstore_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"example.com/bearer"
	"example.com/bearer/internal/tcpcut"
	"example.com/bearer/stores/redisstore"
)

// cuttable returns a Store whose way to the server can be cut.
func cuttable(t *testing.T, s *server, timeout time.Duration) (*redisstore.Store, *tcpcut.Link) {
	link, err := tcpcut.To(s.options.Addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { link.Close() })
	options := s.options
	options.Addr = link.Addr()
	options.ReadTimeout, options.WriteTimeout, options.DialTimeout = timeout, timeout, timeout
	options.DialerRetries = 1
	client := redis.NewClient(&options)
	t.Cleanup(func() { client.Close() })
	return &redisstore.Store{Client: client, Prefix: s.prefix}, link
}

// A step is a call of a method, what is there before, and what it brings about.
type step struct {
	name   string
	before string // "": absent
	do     func(ctx context.Context, s *redisstore.Store) error
	after  string
}

var steps = []step{
	{"get", "old", func(ctx context.Context, s *redisstore.Store) error {
		got, err := s.Get(ctx, "k")
		if err == nil && string(got) != "old" {
			return fmt.Errorf("got %q, want old", got)
		}
		return err
	}, "old"},
	{"put", "old", func(ctx context.Context, s *redisstore.Store) error { return s.Put(ctx, "k", []byte("new")) }, "new"},
	{"put anew", "", func(ctx context.Context, s *redisstore.Store) error { return s.Put(ctx, "k", []byte("new")) }, "new"},
	{"swap", "old", func(ctx context.Context, s *redisstore.Store) error {
		return s.Swap(ctx, "k", []byte("old"), []byte("new"))
	}, "new"},
	{"swap in", "", func(ctx context.Context, s *redisstore.Store) error { return s.Swap(ctx, "k", nil, []byte("new")) }, "new"},
	{"swap out", "old", func(ctx context.Context, s *redisstore.Store) error { return s.Swap(ctx, "k", []byte("old"), nil) }, ""},
	{"delete", "old", func(ctx context.Context, s *redisstore.Store) error { return s.Delete(ctx, "k") }, ""},
	{"lock", "old", func(ctx context.Context, s *redisstore.Store) error {
		unlock, err := s.Lock(ctx, "k")
		if err == nil {
			err = unlock()
		}
		return err
	}, "old"},
}

// set brings about the value.
func set(t *testing.T, s *redisstore.Store, want string) {
	t.Helper()
	err := s.Put(t.Context(), "k", []byte(want))
	if want == "" {
		err = s.Delete(t.Context(), "k")
	}
	if err != nil {
		t.Fatalf("the value before: got error %v, want none", err)
	}
}

// wantOne reports an error unless the value is one of those.
func wantOne(t *testing.T, s *redisstore.Store, values ...string) {
	t.Helper()
	got, err := s.Get(t.Context(), "k")
	if err != nil && !errors.Is(err, bearer.ErrNotFound) {
		t.Fatalf("Get: got error %v, want none", err)
	}
	for _, want := range values {
		if string(got) == want {
			return
		}
	}
	t.Errorf("got the value %q, want one of %q", got, values)
}

// A call whose connection is cut off, wherever that is, does its work once the
// server can be reached again: what was done before is not taken for another's.
func TestAnswerLost(t *testing.T) {
	onServers(t, func(t *testing.T, server *server) {
		for _, step := range steps {
			t.Run(step.name, func(t *testing.T) {
				server := server.part(t)
				direct := server.store(t)
				s, link := cuttable(t, server, time.Second)
				for n := 1; ; n++ {
					set(t, direct, step.before)
					wantOne(t, s, step.before) // and there is a connection
					link.CutAfter(n, tcpcut.Refuse)
					mended := make(chan bool, 1)
					time.AfterFunc(20*time.Millisecond, func() { mended <- link.Mend() })
					if err := step.do(t.Context(), s); err != nil {
						t.Errorf("cut off after %d pieces: got error %v, want none", n, err)
					}
					wantOne(t, direct, step.after)
					if !<-mended {
						break // it was over before
					}
				}
			})
		}
	})
}

// A write that reaches the server after a later one changes nothing, even if the
// same value, or none, is there again.
func TestLateWrites(t *testing.T) {
	for _, step := range steps {
		if step.before == step.after {
			continue
		}
		t.Run(step.name, func(t *testing.T) {
			m := miniredis.RunT(t)
			server := &server{options: redis.Options{Addr: m.Addr()}, prefix: "test:"}
			direct := server.store(t)
			s, link := cuttable(t, server, 20*time.Millisecond)
			for _, then := range []string{"other", step.before} {
				set(t, direct, step.before)
				wantOne(t, s, step.before)
				wantOne(t, direct, step.before)
				others := m.CurrentConnectionCount()
				link.CutAfter(3, tcpcut.Hold) // request and answer of the read, and the write itself is held
				if err := step.do(t.Context(), s); err == nil {
					t.Fatal("a write that is held: got no error, want one")
				}
				set(t, direct, "between")
				set(t, direct, then)
				ran := m.CommandCount()
				link.Mend()
				eventually(t, "the late writes have come", func() bool {
					return m.CommandCount() > ran && m.CurrentConnectionCount() <= others
				})
				wantOne(t, direct, then)
			}
		})
	}
}

// A call returns when its context ends, whatever go-redis waits for.
func TestContextEndsAtOnce(t *testing.T) {
	t.Parallel()
	server := miniServer(t)
	for _, step := range steps {
		for _, fault := range []tcpcut.Fault{tcpcut.Swallow, tcpcut.Hold} {
			for n := range 5 {
				s, link := cuttable(t, server, time.Second)
				direct := server.store(t)
				set(t, direct, step.before)
				wantOne(t, s, step.before)
				link.CutAfter(n, fault)
				ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
				began := time.Now()
				err := step.do(ctx, s)
				took := time.Since(began)
				if cut := link.Mend(); err == nil && cut && step.name != "lock" || err != nil && step.name != "lock" && !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("%s, cut off after %d pieces: got error %v, want %v", step.name, n, err, context.DeadlineExceeded)
				}
				if step.name != "lock" && took > 500*time.Millisecond {
					t.Errorf("%s, cut off after %d pieces: took %v, want that it ends with its context", step.name, n, took)
				}
				cancel()
			}
		}
	}
}

// A write whose answer is lost, and that another one has overwritten before it is
// sent again, is neither said to have failed nor done a second time.
func TestAnswerLostAndOverwritten(t *testing.T) {
	for _, step := range steps {
		if step.before == step.after {
			continue
		}
		for _, then := range []string{"other", step.before} {
			t.Run(fmt.Sprintf("%s, then %q", step.name, then), func(t *testing.T) {
				server := miniServer(t)
				s, other := server.store(t), server.store(t)
				set(t, other, step.before)
				wantOne(t, s, step.before)
				if err := s.Put(t.Context(), "another", nil); err != nil { // the server has the script
					t.Fatal(err)
				}
				calls := 0
				s.Client.AddHook(hook(func(_ context.Context, next func() error) error {
					err := next()
					if calls++; calls == 2 { // the first reads
						wantOne(t, other, step.after)
						set(t, other, "between")
						set(t, other, then)
						err = io.EOF
					}
					return err
				}))
				if err := step.do(t.Context(), s); err == nil || errors.Is(err, bearer.ErrChanged) {
					t.Errorf("got error %v, want one, and not ErrChanged", err)
				}
				wantOne(t, other, then)
			})
		}
	}
}

// go-redis does not send again what it must not.
func TestClientRetriesUnused(t *testing.T) {
	var dials atomic.Int32
	client := redis.NewClient(&redis.Options{
		MaxRetries: 20, MinRetryBackoff: time.Microsecond, MaxRetryBackoff: time.Microsecond, DialerRetries: 1,
		Dialer: func(context.Context, string, string) (net.Conn, error) {
			dials.Add(1)
			near, far := net.Pipe()
			far.Close() // EOF
			return near, nil
		},
	})
	defer client.Close()
	if err := (&redisstore.Store{Client: client}).Put(t.Context(), "k", nil); err == nil {
		t.Fatal("Put without a server: got no error, want one")
	}
	if got := dials.Load(); got != 4 {
		t.Errorf("got %d attempts, want 4", got)
	}
}
