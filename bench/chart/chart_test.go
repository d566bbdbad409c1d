package main

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
	"unicode/utf8"

	"example.com/bearer/bench/report"
)

// The results in the repository are ones that the chart and the tables can be
// made of.
func TestChartOfTheResults(t *testing.T) {
	data, err := os.ReadFile("../results.json")
	if err != nil {
		t.Fatal(err)
	}
	var r report.Report
	if err := json.Unmarshal(data, &r); err != nil {
		t.Fatal(err)
	}
	svg, err := chart(&r)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range r.Peers {
		if !strings.Contains(string(svg), p) {
			t.Errorf("the chart does not name %q", p)
		}
	}
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	filled, err := fill(readme, &r)
	if err != nil {
		t.Fatal(err)
	}
	if string(filled) != string(readme) {
		t.Error("README.md does not show results.json: run ./bench/chart")
	}
}

func TestTitlesFit(t *testing.T) {
	for _, row := range panels {
		for _, p := range row {
			if n := utf8.RuneCountInString(p.title); n > longestTitle {
				t.Errorf("%q has %d characters, want at most %d", p.title, n, longestTitle)
			}
		}
	}
}

func TestFillNeedsItsPlace(t *testing.T) {
	if _, err := fill([]byte("# no tables here\n"), new(report.Report)); err == nil {
		t.Error("got no error for a README without the place for the tables")
	}
}
