package redisstore_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"example.com/bearer"
	"example.com/bearer/stores/redisstore"
)

// each calls all methods of a Store.
func each(ctx context.Context, s *redisstore.Store, key string, check func(method string, err error)) {
	_, err := s.Get(ctx, key)
	check("Get", err)
	check("Put", s.Put(ctx, key, []byte(secret)))
	check("Swap", s.Swap(ctx, key, []byte(secret), []byte(secret+"2")))
	check("Delete", s.Delete(ctx, key))
	unlock, err := s.Lock(ctx, key)
	check("Lock", err)
	if err == nil {
		check("unlock", unlock())
	}
}

const secret = "a-secret-value"

func TestMistakes(t *testing.T) {
	client := miniServer(t).client(t)
	var none *redis.Client
	for _, test := range []struct {
		name, key string
		store     *redisstore.Store
		want      string
	}{
		{"no client", "k", &redisstore.Store{}, "Store.Client is nil"},
		{"nil client", "k", &redisstore.Store{Client: none}, "Store.Client is nil"},
		{"empty key", "", &redisstore.Store{Client: client}, "the key is empty"},
		{"short lease", "k", &redisstore.Store{Client: client, LeaseDuration: time.Millisecond}, "Store.LeaseDuration is 1ms"},
		{"negative lease", "k", &redisstore.Store{Client: client, LeaseDuration: -1}, "Store.LeaseDuration is -1ns"},
		{"negative replicas", "k", &redisstore.Store{Client: client, Replicas: -1}, "Store.Replicas is -1"},
		{"braces", "k", &redisstore.Store{Client: client, Prefix: "{}:"}, `Store.Prefix is "{}:"`},
		{"replicas of a ring", "k", &redisstore.Store{Client: redis.NewRing(&redis.RingOptions{}), Replicas: 1}, "*redis.Ring"},
	} {
		t.Run(test.name, func(t *testing.T) {
			each(t.Context(), test.store, test.key, func(method string, err error) {
				if err == nil || !strings.Contains(err.Error(), test.want) {
					t.Errorf("%s: got error %v, want one with %q", method, err, test.want)
				}
			})
		})
	}
}

// A server that forbids scripts repeats the arguments of what it does not know.
func TestScriptsForbidden(t *testing.T) {
	addr := start(t, "--rename-command", "EVALSHA", "", "--rename-command", "EVAL", "")
	client := redis.NewClient(&redis.Options{Addr: addr})
	defer client.Close()
	s := &redisstore.Store{Client: client, Prefix: "p:"}
	for _, key := range []string{"k", secret} {
		each(t.Context(), s, key, func(method string, err error) {
			if err == nil || !strings.Contains(err.Error(), "unknown command") || strings.Contains(err.Error(), secret) {
				t.Errorf("%s: got error %v, want that the command is unknown, and no argument", method, err)
			}
		})
	}
}

// What a dialer, or whatever else the user plugs into the client, returns does
// not match what a Store's errors mean.
func TestMisleadingErrors(t *testing.T) {
	for _, cause := range []error{
		errors.ErrUnsupported, bearer.ErrNotFound, bearer.ErrChanged, context.Canceled, context.DeadlineExceeded,
	} {
		client := redis.NewClient(&redis.Options{
			Addr:                       miniServer(t).options.Addr,
			CredentialsProviderContext: func(context.Context) (string, string, error) { return "", "", cause },
		})
		defer client.Close()
		each(t.Context(), &redisstore.Store{Client: client}, "k", func(method string, err error) {
			if err == nil || errors.Is(err, cause) || !strings.Contains(err.Error(), cause.Error()) {
				t.Errorf("%s: got error %v, want one that tells of, and does not match, %q", method, err, cause)
			}
		})
	}
}

// A hook that panics harms only the call.
func TestPanic(t *testing.T) {
	s := miniServer(t).store(t)
	client := s.Client.(*redis.Client)
	var broken atomic.Bool
	client.AddHook(hook(func(_ context.Context, next func() error) error {
		if broken.Load() {
			panic(secret)
		}
		return next()
	}))
	broken.Store(true)
	each(t.Context(), s, "k", func(method string, err error) {
		if err == nil || !strings.Contains(err.Error(), "panicked") || strings.Contains(err.Error(), secret) {
			t.Errorf("%s: got error %v, want that a hook panicked", method, err)
		}
	})
	broken.Store(false)
	each(t.Context(), s, "k", func(method string, err error) {
		if err != nil && !(method == "Get" && errors.Is(err, bearer.ErrNotFound)) {
			t.Errorf("%s afterwards: got error %v, want none", method, err)
		}
	})
}

// A hook is called in place of each command, and sends it with next.
type hook func(ctx context.Context, next func() error) error

func (h hook) DialHook(next redis.DialHook) redis.DialHook { return next }

func (h hook) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		return h(ctx, func() error { return next(ctx, cmd) })
	}
}

func (h hook) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

// A key that something else uses is neither read nor overwritten.
func TestForeignKey(t *testing.T) {
	onServers(t, func(t *testing.T, server *server) {
		s := server.store(t)
		for key, set := range map[string]func(name string) error{
			"text": func(name string) error { return s.Client.Set(t.Context(), name, "other", 0).Err() },
			"list": func(name string) error { return s.Client.LPush(t.Context(), name, "other").Err() },
		} {
			if err := set(s.Prefix + "{" + key + "}"); err != nil {
				t.Fatal(err)
			}
			each(t.Context(), s, key, func(method string, err error) {
				locking := method == "Lock" || method == "unlock"
				if (err == nil) != locking || errors.Is(err, bearer.ErrChanged) || errors.Is(err, bearer.ErrNotFound) {
					t.Errorf("%s of a foreign %s: got error %v, want that it is foreign", method, key, err)
				}
			})
		}
	})
}
