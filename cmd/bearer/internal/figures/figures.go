// Package figures has what tables and charts need: percentiles, axes and how
// numbers are spelled.
package figures

import (
	"fmt"
	"math"
	"time"
)

// Percentile returns the smallest value that at least the fraction p of the
// sorted values does not exceed (the nearest rank), which is always one that
// was measured. It returns 0 if there are no values.
func Percentile(sorted []time.Duration, p float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	rank := int(math.Ceil(p * float64(len(sorted))))
	return sorted[min(max(rank, 1), len(sorted))-1]
}

// Count formats n with its thousands separated.
func Count(n int) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// Milliseconds returns d in milliseconds.
func Milliseconds(d time.Duration) float64 { return d.Seconds() * 1000 }

// Spell formats a short duration for people.
func Spell(d time.Duration) string {
	if d < time.Second {
		return fmt.Sprintf("%g ms", Milliseconds(d))
	}
	return fmt.Sprintf("%g s", d.Seconds())
}
