// Package report is what one run of the scenarios found: written by the
// program scenarios, read by the program chart.
package report

import (
	"maps"
	"slices"
)

// A Report is one run.
type Report struct {
	Date     string // of the run
	Go       string
	Machine  string
	CPUs     int // GOMAXPROCS
	Took     string
	Peers    []string          // in the order of the columns
	Versions map[string]string // by peer
	Lines    []Line
}

// A Line is one figure of a scenario, for all peers.
type Line struct {
	Scenario string
	Figure   string
	Unit     Unit

	// Floor is the least there can be, for a benchmark; 0: there is none. A
	// table then shows the other values as multiples of it.
	Floor float64 `json:",omitempty"`

	// Neutral says that a small value is not good in itself: who never
	// refreshes needs few token requests.
	Neutral bool `json:",omitempty"`

	Values map[string]float64 // by peer, the smaller the better unless Neutral
	Notes  map[string]string  `json:",omitempty"` // by peer, why there is no value
}

// A Unit is that of a figure's values.
type Unit string

// The units.
const (
	Count        Unit = ""
	Milliseconds Unit = "ms"
	Nanoseconds  Unit = "ns"
	Bytes        Unit = "B"
)

// Find returns the line of a figure; nil if there is none.
func (r *Report) Find(scenario, figure string) *Line {
	i := slices.IndexFunc(r.Lines, func(l Line) bool { return l.Scenario == scenario && l.Figure == figure })
	if i < 0 {
		return nil
	}
	return &r.Lines[i]
}

// Best reports whether nobody has a better value than peer, and somebody a
// worse one. Values that differ by less than the noise of a measurement are
// equally good.
func (l *Line) Best(peer string) bool {
	return !l.Neutral && l.unbeaten(peer) &&
		slices.ContainsFunc(slices.Collect(maps.Keys(l.Values)), func(p string) bool { return !l.unbeaten(p) })
}

func (l *Line) unbeaten(peer string) bool {
	v, ok := l.Values[peer]
	if !ok {
		return false
	}
	for _, other := range l.Values {
		if v > other+l.noise(other) {
			return false
		}
	}
	return true
}

// noise is by how much a value may be off.
func (l *Line) noise(v float64) float64 {
	switch l.Unit {
	case Count:
		return 0
	case Milliseconds:
		return max(v/20, 1) // a millisecond is nothing to a scheduler
	}
	return v / 20
}
