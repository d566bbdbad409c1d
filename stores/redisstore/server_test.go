package redisstore_test

import (
	"context"
	"crypto/rand"
	"os"
	"testing"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"example.com/bearer/stores/redisstore"
)

// A server is where a test runs: in this process, or a real one.
type server struct {
	options redis.Options
	prefix  string // of this test alone
}

// client returns a client of its own, as another process would have.
func (s *server) client(t *testing.T) *redis.Client {
	options := s.options
	c := redis.NewClient(&options)
	t.Cleanup(func() { c.Close() })
	return c
}

func (s *server) store(t *testing.T) *redisstore.Store {
	return &redisstore.Store{Client: s.client(t), Prefix: s.prefix}
}

// onServers runs the test on miniredis, and on the server at BEARER_REDIS.
func onServers(t *testing.T, test func(t *testing.T, s *server)) {
	t.Run("miniredis", func(t *testing.T) { test(t, miniServer(t)) })
	t.Run("redis", func(t *testing.T) { test(t, realServer(t)) })
}

func miniServer(t *testing.T) *server {
	m := miniredis.RunT(t)
	m.ClockTTL(true)
	return &server{options: redis.Options{Addr: m.Addr()}, prefix: "test:"}
}

// realServer returns the server at BEARER_REDIS, a redis:// URL.
func realServer(t *testing.T) *server {
	url := os.Getenv("BEARER_REDIS")
	if url == "" {
		if os.Getenv("BEARER_STORES") == "1" {
			t.Fatal("BEARER_STORES is 1, and BEARER_REDIS is not set: set it to a server's redis:// URL")
		}
		t.Skip("BEARER_REDIS is not set to a server's redis:// URL")
	}
	options, err := redis.ParseURL(url)
	if err != nil {
		t.Fatalf("BEARER_REDIS: %v", err)
	}
	s := &server{options: *options, prefix: "test-" + rand.Text() + ":"}
	t.Cleanup(func() { s.sweep(t) })
	return s
}

// sweep deletes what the test has left.
func (s *server) sweep(t *testing.T) {
	options := s.options
	c := redis.NewClient(&options)
	defer c.Close()
	ctx := context.Background()
	all := c.Scan(ctx, 0, s.prefix+"*", 1000).Iterator()
	for all.Next(ctx) {
		c.Del(ctx, all.Val())
	}
	if err := all.Err(); err != nil {
		t.Logf("sweep: %v", err)
	}
}
