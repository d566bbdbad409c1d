package demo

import (
	"strings"
	"testing"
	"time"
)

// A batch in which few requests wait for the first token has no note about p99.
func TestNoteOnlyIfP99ShowsWaits(t *testing.T) {
	for b, want := range map[Batch]bool{
		{20_000, 256}: true, {25_600, 256}: false, {100, 1}: false, {1, 4096}: true,
	} {
		if got := note(b) != ""; got != want {
			t.Errorf("%+v: got a note: %v, want %v", b, got, want)
		}
	}
	if got, want := note(Batch{1, 4096}), "the 1 in flight"; !strings.Contains(got, want) {
		t.Errorf("got %q, want %q in it", got, want)
	}
}

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
