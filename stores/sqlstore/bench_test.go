package sqlstore_test

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
)

// BenchmarkStore measures what a Cache does with a Store: with values of 1 KiB,
// one caller, and one per CPU with keys of their own.
func BenchmarkStore(b *testing.B) {
	b.Run("SQLite", func(b *testing.B) { benchmark(b, sqliteDatabase(b, sqliteOptions)) })
	if postgresURL() != "" {
		b.Run("PostgreSQL", func(b *testing.B) { benchmark(b, postgresDatabase(b)) })
	}
}

func benchmark(b *testing.B, d *database) {
	s := d.new(b)
	s.DB.SetMaxIdleConns(8)
	ctx := b.Context()
	values := [][]byte{[]byte(strings.Repeat("a", 1<<10)), []byte(strings.Repeat("b", 1<<10))}
	ops := []struct {
		name string
		op   func(key string, i int) error
	}{
		{"Get", func(key string, _ int) error { _, err := s.Get(ctx, key); return err }},
		{"Put", func(key string, i int) error { return s.Put(ctx, key, values[i%2]) }},
		{"Swap", func(key string, i int) error { return s.Swap(ctx, key, values[i%2], values[(i+1)%2]) }},
		{"Lock", func(key string, _ int) error {
			unlock, err := s.Lock(ctx, key)
			if err != nil {
				return err
			}
			return unlock()
		}},
	}
	for _, op := range ops {
		b.Run(op.name, func(b *testing.B) {
			if err := s.Put(ctx, "k", values[0]); err != nil {
				b.Fatal(err)
			}
			for i := 0; b.Loop(); i++ {
				if err := op.op("k", i); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(op.name+"Parallel", func(b *testing.B) {
			var caller atomic.Int32
			b.RunParallel(func(pb *testing.PB) {
				key := fmt.Sprint("k", caller.Add(1))
				if err := s.Put(ctx, key, values[0]); err != nil {
					b.Error(err)
				}
				for i := 0; pb.Next(); i++ {
					if err := op.op(key, i); err != nil {
						b.Error(err)
					}
				}
			})
		})
	}
}
