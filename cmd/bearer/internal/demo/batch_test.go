package demo

import (
	"testing"
	"time"
)

func TestLifetimeLetsSeveralTokensExpire(t *testing.T) {
	for _, tt := range []struct {
		batch Batch
		want  time.Duration
	}{
		{Batch{20_000, 256}, 3 * time.Second},
		{Batch{100_000, 256}, 15 * time.Second},
		{Batch{2_000, 64}, time.Second},
		{Batch{1, 4096}, time.Second}, // expires_in has no fractions
		{Batch{10_000_000, 1}, 384_615 * time.Second},
	} {
		if got := tt.batch.Lifetime(); got != tt.want {
			t.Errorf("%+v: got a lifetime of %v, want %v", tt.batch, got, tt.want)
		}
	}
}
