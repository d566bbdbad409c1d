package redisstore_test

import (
	"bytes"
	"os"
	"testing"

	"github.com/redis/go-redis/v9"

	"example.com/bearer/stores/redisstore"
)

// BenchmarkStore needs BEARER_REDIS. Ping is a round trip, to compare with.
func BenchmarkStore(b *testing.B) {
	url := os.Getenv("BEARER_REDIS")
	if url == "" {
		b.Skip("BEARER_REDIS is not set to a server's redis:// URL")
	}
	options, err := redis.ParseURL(url)
	if err != nil {
		b.Fatal(err)
	}
	client := redis.NewClient(options)
	defer client.Close()
	ctx := b.Context()
	s := &redisstore.Store{Client: client, Prefix: "bench:"}
	values := [2][]byte{bytes.Repeat([]byte("a"), 2000), bytes.Repeat([]byte("b"), 2000)}
	if err := s.Put(ctx, "k", values[0]); err != nil {
		b.Fatal(err)
	}
	defer client.Del(ctx, "bench:{k}")

	n := 0
	for _, bench := range []struct {
		name string
		do   func() error
	}{
		{"Ping", func() error { return client.Ping(ctx).Err() }},
		{"Get", func() error { _, err := s.Get(ctx, "k"); return err }},
		{"Put", func() error { return s.Put(ctx, "k", values[0]) }},
		{"Swap", func() error { n++; return s.Swap(ctx, "k", values[(n+1)%2], values[n%2]) }},
		{"Lock", func() error {
			unlock, err := s.Lock(ctx, "k")
			if err != nil {
				return err
			}
			return unlock()
		}},
	} {
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := bench.do(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
