package figures

import (
	"fmt"
	"math"
)

// An Axis maps values to positions: times from left to right, or figures from
// bottom to top.
type Axis struct {
	Low, High float64
	From, To  float64
	Log       bool
}

// At returns the position of v.
func (a Axis) At(v float64) float64 {
	low, high := a.Low, a.High
	if a.Log {
		low, high, v = math.Log(low), math.Log(high), math.Log(max(v, a.Low))
	}
	return Round(a.From + (v-low)/(high-low)*(a.To-a.From))
}

// A Tick is a label of an Axis.
type Tick struct {
	At    float64
	Label string
}

// Ticks returns the labels of the axis, one for each step. The steps of a
// logarithmic axis are 1, 2 and 5 times each power of ten.
func (a Axis) Ticks(step float64, unit string) []Tick {
	var out []Tick
	label := func(v float64) { out = append(out, Tick{a.At(v), fmt.Sprintf("%.12g%s", v, unit)}) }
	if a.Log {
		for v := a.Low; v <= a.High*1.001; v = nextNice(v) {
			label(v)
		}
		return out
	}
	for i := 0.0; a.Low+i*step <= a.High*1.001; i++ {
		label(a.Low + i*step)
	}
	return out
}

// NiceAbove returns the smallest number that is not below v among 1, 2 and 5
// times the powers of ten. v must be positive.
func NiceAbove(v float64) float64 {
	power := math.Pow(10, math.Floor(math.Log10(v)))
	for _, m := range []float64{1, 2, 5} {
		if m*power >= v*(1-1e-9) {
			return m * power
		}
	}
	return 10 * power
}

// NiceBelow returns the largest such number that is not above v.
func NiceBelow(v float64) float64 { return 1 / NiceAbove(1/v) }

func nextNice(v float64) float64 { return NiceAbove(v * 1.5) }

// Round keeps a page small: less than a tenth of a unit is not visible.
func Round(v float64) float64 { return math.Round(v*10) / 10 }
