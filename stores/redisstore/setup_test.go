package redisstore_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"example.com/bearer"
	"example.com/bearer/internal/tcpcut"
	"example.com/bearer/stores/redisstore"
	"example.com/bearer/stores/storetest"
)

// cluster starts a cluster of two nodes that share the slots, and returns their
// addresses.
func cluster(t *testing.T, args ...string) []string {
	var addrs []string
	var nodes []*redis.Client
	for range 2 {
		bus := freePort(t)
		addr := start(t, append([]string{"--cluster-enabled", "yes", "--cluster-node-timeout", "2000", "--cluster-port", bus}, args...)...)
		node := redis.NewClient(&redis.Options{Addr: addr})
		t.Cleanup(func() { node.Close() })
		slots := []any{"cluster", "addslotsrange", 8192 * len(nodes), 8192*len(nodes) + 8191}
		if err := node.Do(t.Context(), slots...).Err(); err != nil {
			t.Fatal(err)
		}
		if len(nodes) > 0 {
			if err := node.Do(t.Context(), "config", "set", "cluster-announce-ip", "127.0.0.1").Err(); err != nil {
				t.Fatal(err)
			}
			host, port, _ := net.SplitHostPort(addr)
			if err := nodes[0].Do(t.Context(), "cluster", "meet", host, port, bus).Err(); err != nil {
				t.Fatal(err)
			}
		}
		addrs, nodes = append(addrs, addr), append(nodes, node)
	}
	for _, node := range nodes {
		eventually(t, "the cluster is complete", func() bool {
			info, err := node.ClusterInfo(t.Context()).Result()
			return err == nil && strings.Contains(info, "cluster_state:ok") && strings.Contains(info, "cluster_size:2")
		})
	}
	return addrs
}

// In a cluster, what belongs to a key is in one slot, and a release is heard of at
// each node.
func TestCluster(t *testing.T) {
	t.Parallel()
	addrs := cluster(t)
	open := func(t *testing.T, prefix string) *redisstore.Store {
		client := redis.NewClusterClient(&redis.ClusterOptions{Addrs: addrs})
		t.Cleanup(func() { client.Close() })
		return &redisstore.Store{Client: client, Prefix: prefix}
	}
	t.Run("contract", func(t *testing.T) {
		storetest.RunShared(t, func(t *testing.T) (a, b bearer.Store) {
			prefix := rand.Text() + ":"
			return open(t, prefix), open(t, prefix)
		})
	})
	t.Run("braces", func(t *testing.T) {
		for _, prefix := range []string{"", "a b:"} {
			s, other := open(t, prefix), open(t, prefix)
			for _, key := range []string{"k", "{", "}", "{}", "a{b}c", "}{", "{a}{b}", "\x00", "\xff}", "%7B"} {
				unlock := mustLock(t, s, key)
				got := make(chan func() error)
				go func() { got <- mustLock(t, other, key) }()
				if err := s.Swap(t.Context(), key, nil, []byte(key)); err != nil {
					t.Errorf("prefix %q: Swap(%q): got error %v, want none", prefix, key, err)
				}
				if got, err := other.Get(t.Context(), key); err != nil || string(got) != key {
					t.Errorf("prefix %q: Get(%q): got %q and error %v, want %q", prefix, key, got, err, key)
				}
				mustUnlock(t, unlock)
				mustUnlock(t, <-got)
			}
		}
	})
	t.Run("replicas", func(t *testing.T) {
		s := open(t, "r:")
		s.Replicas = 1     // there is none
		for i := range 3 { // of both nodes
			key := fmt.Sprint(i)
			if err := s.Put(t.Context(), key, []byte("v")); err == nil || !strings.Contains(err.Error(), "0 of 1 replicas") {
				t.Errorf("Put(%q): got error %v, want that there is no replica", key, err)
			}
			if got, err := s.Get(t.Context(), key); err != nil || string(got) != "v" {
				t.Errorf("Get(%q): got %q and error %v, want %q", key, got, err, "v")
			}
		}
	})
}

// permissions are those of the package's comment.
const permissions = "~bearer:* &bearer:* +eval +evalsha +get +getrange +set +del +pttl +pexpire " +
	"+zadd +zrange +zrem +zscore +publish +subscribe +unsubscribe +wait " +
	"+cluster|slots +cluster|shards +command"

// The rights that the package's comment lists are enough.
func TestPermissions(t *testing.T) {
	t.Parallel()
	grant := func(t *testing.T, addr, rights string) {
		c := redis.NewClient(&redis.Options{Addr: addr})
		defer c.Close()
		rule := []any{"acl", "setuser", "app", "reset", "on", ">pw", "resetchannels"}
		for _, right := range strings.Fields(rights) {
			rule = append(rule, right)
		}
		if err := c.Do(t.Context(), rule...).Err(); err != nil {
			t.Fatal(err)
		}
	}
	use := func(t *testing.T, open func() redis.UniversalClient) {
		a := &redisstore.Store{Client: open()}
		b := &redisstore.Store{Client: open()}
		var waiters sync.WaitGroup
		for i := range 10 {
			s := []*redisstore.Store{a, b}[i%2]
			waiters.Go(func() {
				unlock := mustLock(t, s, "k")
				each(t.Context(), s, fmt.Sprint("k", i), func(method string, err error) {
					if err != nil && method != "Get" {
						t.Errorf("%s: got error %v, want none", method, err)
					}
				})
				mustUnlock(t, unlock)
			})
		}
		waiters.Wait()
	}
	t.Run("server", func(t *testing.T) {
		addr := start(t)
		grant(t, addr, permissions)
		use(t, func() redis.UniversalClient {
			c := redis.NewClient(&redis.Options{Addr: addr, Username: "app", Password: "pw"})
			t.Cleanup(func() { c.Close() })
			return c
		})
	})
	t.Run("cluster", func(t *testing.T) {
		addrs := cluster(t)
		for _, addr := range addrs {
			grant(t, addr, permissions)
		}
		use(t, func() redis.UniversalClient {
			c := redis.NewClusterClient(&redis.ClusterOptions{Addrs: addrs, Username: "app", Password: "pw"})
			t.Cleanup(func() { c.Close() })
			return c
		})
	})
	t.Run("no channels", func(t *testing.T) {
		addr := start(t)
		grant(t, addr, strings.Replace(permissions, "&bearer:*", "", 1))
		client := redis.NewClient(&redis.Options{Addr: addr, Username: "app", Password: "pw"})
		defer client.Close()
		a, b := &redisstore.Store{Client: client}, &redisstore.Store{Client: client}
		unlock := mustLock(t, a, "k")
		if _, err := b.Lock(t.Context(), "k"); err == nil || !strings.Contains(err.Error(), "NOPERM") ||
			!strings.HasSuffix(err.Error(), "what an ACL must allow") {
			t.Errorf("Lock: got error %v, want that the channel is forbidden", err)
		}
		_ = unlock()
	})
}

// A write that replicas have is one that they have, and one that they have not
// is an error.
func TestReplicas(t *testing.T) {
	t.Parallel()
	master := start(t)
	link, err := tcpcut.To(master)
	if err != nil {
		t.Fatal(err)
	}
	defer link.Close()
	host, port, _ := net.SplitHostPort(link.Addr())
	replica := redis.NewClient(&redis.Options{Addr: start(t, "--replicaof", host+" "+port)})
	defer replica.Close()
	client := redis.NewClient(&redis.Options{Addr: master, ReadTimeout: 2 * time.Second})
	defer client.Close()
	s := &redisstore.Store{Client: client, Replicas: 1}
	eventually(t, "the replica follows", func() bool { return s.Put(t.Context(), "k", []byte("old")) == nil })
	for i := range 20 {
		value := fmt.Sprint("value ", i)
		if err := s.Put(t.Context(), "k", []byte(value)); err != nil {
			t.Fatalf("Put: got error %v, want none", err)
		}
		if got := replica.Get(t.Context(), "bearer:{k}").Val(); !strings.HasSuffix(got, value) {
			t.Fatalf("the replica has %q, want %q", got, value)
		}
	}
	link.Cut(tcpcut.Swallow)
	if err := s.Put(t.Context(), "k", []byte("new")); err == nil || !strings.Contains(err.Error(), "0 of 1 replicas") {
		t.Errorf("Put without the replica: got error %v, want that it has not got it", err)
	}
	wantOne(t, s, "new")
}

// A server that has lost its scripts gets them again.
func TestScriptsLost(t *testing.T) {
	onServers(t, func(t *testing.T, server *server) {
		s, flush := server.store(t), server.client(t)
		s.Client.AddHook(hook(func(ctx context.Context, next func() error) error {
			flush.ScriptFlush(ctx)
			return next()
		}))
		set(t, s, "old")
		each(t.Context(), s, "other", func(method string, err error) {
			if err != nil && method != "Get" {
				t.Errorf("%s: got error %v, want none", method, err)
			}
		})
		wantOne(t, s, "old")
	})
}

// A server that is restarted has what it had, if it keeps an append-only file.
func TestRestart(t *testing.T) {
	t.Parallel()
	dir, port := t.TempDir(), freePort(t)
	args := []string{"--port", port, "--dir", dir, "--appendonly", "yes"}
	var client *redis.Client
	open := func() *redisstore.Store {
		client = redis.NewClient(&redis.Options{Addr: "127.0.0.1:" + port})
		return &redisstore.Store{Client: client, LeaseDuration: time.Minute}
	}
	var unlock func() error
	t.Run("before", func(t *testing.T) {
		start(t, args...)
		s := open()
		set(t, s, "old")
		unlock = mustLock(t, s, "k")
	})
	t.Run("after", func(t *testing.T) {
		start(t, args...)
		defer client.Close()
		s := &redisstore.Store{Client: client}
		eventually(t, "it has loaded", func() bool { return client.Ping(t.Context()).Err() == nil })
		wantOne(t, s, "old")
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		if _, err := s.Lock(ctx, "k"); err == nil {
			t.Error("Lock of what was locked before: got no error, want that it is held")
		}
		mustUnlock(t, unlock)
	})
}
