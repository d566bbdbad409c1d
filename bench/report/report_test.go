package report

import (
	"strings"
	"testing"
)

func TestBest(t *testing.T) {
	for _, row := range []struct {
		name string
		line Line
		want string // the peers that are best
	}{
		{"the smallest", Line{Values: map[string]float64{"a": 1, "b": 2}}, "a"},
		{"nobody, when all are equal", Line{Values: map[string]float64{"a": 1, "b": 1}}, ""},
		{"two within the noise", Line{Unit: Nanoseconds, Values: map[string]float64{"a": 100, "b": 103, "c": 200}}, "ab"},
		{"a millisecond is noise", Line{Unit: Milliseconds, Values: map[string]float64{"a": 0.4, "b": 1.2, "c": 3}}, "ab"},
		{"counts have no noise", Line{Values: map[string]float64{"a": 100, "b": 101}}, "a"},
		{"a peer without a value is not", Line{Values: map[string]float64{"b": 5, "c": 9}}, "b"},
		{"nobody in a neutral line", Line{Neutral: true, Values: map[string]float64{"a": 0, "b": 2}}, ""},
	} {
		got := ""
		for _, p := range []string{"a", "b", "c"} {
			if row.line.Best(p) {
				got += p
			}
		}
		if got != row.want {
			t.Errorf("%s: got %q, want %q", row.name, got, row.want)
		}
	}
}

func TestTableSaysWhereAPeerWins(t *testing.T) {
	r := &Report{Peers: []string{"bearer", "other"}, Lines: []Line{
		{Scenario: "storm", Figure: "wall time", Unit: Milliseconds, Values: map[string]float64{"bearer": 60, "other": 50}},
		{Scenario: "storm", Figure: "requests", Values: map[string]float64{"bearer": 1}, Notes: map[string]string{"other": "hangs"}},
		{Scenario: "call", Figure: "serial", Unit: Nanoseconds, Floor: 200, Values: map[string]float64{"bearer": 210, "other": 500}},
	}}
	var w strings.Builder
	r.Markdown(&w, r.Lines)
	want := "| | | bearer | other |\n|---|---|---:|---:|\n" +
		"| storm | wall time, ms | 60.0 | **50.0** |\n" +
		"|  | requests | 1 | hangs |\n" +
		"| call | serial, × floor | **1.05** | 2.50 |\n"
	if w.String() != want {
		t.Errorf("got\n%s\nwant\n%s", w.String(), want)
	}
}
