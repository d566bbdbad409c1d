package redisstore_test

import (
	"testing"

	"example.com/bearer"
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
