package main

import (
	"bytes"
	"fmt"
	"strings"

	"example.com/bearer/bench/report"
)

// The tables stand between these two lines of the README.
const (
	first = "<!-- measured: written by ./bench/chart, not by hand -->\n"
	last  = "<!-- end of what is measured -->\n"
)

// fill replaces what stands between the two lines.
func fill(readme []byte, r *report.Report) ([]byte, error) {
	before, rest, ok := bytes.Cut(readme, []byte(first))
	_, after, ok2 := bytes.Cut(rest, []byte(last))
	if !ok || !ok2 {
		return nil, fmt.Errorf("the lines %q and %q are not there", first, last)
	}
	return bytes.Join([][]byte{before, []byte(first), tables(r), []byte(last), after}, nil), nil
}

func tables(r *report.Report) []byte {
	var w bytes.Buffer
	fmt.Fprintf(&w, "Measured on %s with %s on %s, %d processors, in %s.\n\n", r.Date, r.Go, r.Machine, r.CPUs, r.Took)
	var versions []string
	for _, p := range r.Peers {
		versions = append(versions, fmt.Sprintf("%s is `%s`", p, r.Versions[p]))
	}
	fmt.Fprintf(&w, "%s.\n\n", strings.Join(versions, ", "))

	// A benchmark is a line with a floor, and what follows it under its name.
	var benchmarks, scenarios []report.Line
	for _, l := range r.Lines {
		if l.Floor > 0 || len(benchmarks) > 0 && benchmarks[len(benchmarks)-1].Scenario == l.Scenario {
			benchmarks = append(benchmarks, l)
		} else {
			scenarios = append(scenarios, l)
		}
	}
	fmt.Fprint(&w, "### Time of one call, as a multiple of the floor\n\n")
	r.Markdown(&w, benchmarks)
	fmt.Fprint(&w, "\n### Scenarios\n\n")
	r.Markdown(&w, scenarios)
	fmt.Fprintln(&w)
	return w.Bytes()
}
