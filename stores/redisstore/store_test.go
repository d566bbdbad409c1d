package redisstore_test

import (
	"crypto/rand"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"example.com/bearer"
	"example.com/bearer/stores/redisstore"
	"example.com/bearer/stores/storetest"
)

func TestContract(t *testing.T) {
	t.Run("miniredis", func(t *testing.T) { contract(t, miniServer) })
	t.Run("redis", func(t *testing.T) { contract(t, realServer) })
}

func contract(t *testing.T, open func(t *testing.T) *server) {
	t.Run("one", func(t *testing.T) {
		storetest.Run(t, func(t *testing.T) bearer.Store { return open(t).store(t) })
	})
	t.Run("two", func(t *testing.T) {
		storetest.RunShared(t, func(t *testing.T) (a, b bearer.Store) {
			s := open(t)
			return s.store(t), s.store(t)
		})
	})
}

func TestOutOfReach(t *testing.T) {
	t.Parallel()
	s := realServer(t)
	storetest.RunServer(t, s.options.Addr, func(t *testing.T) func(*testing.T, string) bearer.Store {
		prefix := s.prefix + rand.Text() + ":"
		return func(t *testing.T, addr string) bearer.Store {
			options := s.options
			options.Addr = addr
			client := redis.NewClient(&options)
			t.Cleanup(func() { client.Close() })
			return &redisstore.Store{Client: client, Prefix: prefix, LeaseDuration: time.Second}
		}
	})
}
