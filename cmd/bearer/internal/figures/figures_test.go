package figures

import (
	"math"
	"slices"
	"testing"
	"time"
)

func TestPercentileIsTheNearestRank(t *testing.T) {
	hundred := make([]time.Duration, 100)
	for i := range hundred {
		hundred[i] = time.Duration(i + 1)
	}
	for _, tt := range []struct {
		name   string
		values []time.Duration
		p      float64
		want   time.Duration
	}{
		{"none", nil, 0.5, 0},
		{"one", []time.Duration{7}, 0.99, 7},
		{"median of an even number", []time.Duration{1, 2, 3, 4}, 0.5, 2},
		{"median of an odd number", []time.Duration{1, 2, 3}, 0.5, 2},
		{"p99 of 100", hundred, 0.99, 99},
		{"p99.9 of 100", hundred, 0.999, 100},
		{"the smallest", hundred, 0, 1},
		{"the largest", hundred, 1, 100},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := Percentile(tt.values, tt.p); got != tt.want {
				t.Errorf("Percentile(%g) of %d values: got %d, want %d", tt.p, len(tt.values), got, tt.want)
			}
		})
	}
}

func TestNiceSteps(t *testing.T) {
	for _, tt := range []struct{ v, above, below float64 }{
		{1, 1, 1}, {1.1, 2, 1}, {3, 5, 2}, {6, 10, 5}, {99, 100, 50}, {100, 100, 100}, {0.03, 0.05, 0.02},
	} {
		if got := NiceAbove(tt.v); math.Abs(got-tt.above) > 1e-9 {
			t.Errorf("NiceAbove(%g): got %g, want %g", tt.v, got, tt.above)
		}
		if got := NiceBelow(tt.v); math.Abs(got-tt.below) > 1e-9 {
			t.Errorf("NiceBelow(%g): got %g, want %g", tt.v, got, tt.below)
		}
	}
}

func TestTicksHaveCleanLabels(t *testing.T) {
	labels := func(ticks []Tick) (out []string) {
		for _, tick := range ticks {
			out = append(out, tick.Label)
		}
		return out
	}
	got := labels(Axis{Low: 50, High: 1000, Log: true, To: 100}.Ticks(0, " ms"))
	if want := []string{"50 ms", "100 ms", "200 ms", "500 ms", "1000 ms"}; !slices.Equal(got, want) {
		t.Errorf("logarithmic: got %q, want %q", got, want)
	}
	got = labels(Axis{High: 0.6, To: 100}.Ticks(0.2, " s"))
	if want := []string{"0 s", "0.2 s", "0.4 s", "0.6 s"}; !slices.Equal(got, want) {
		t.Errorf("linear: got %q, want %q", got, want)
	}
}
