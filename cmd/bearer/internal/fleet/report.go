package fleet

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"time"

	"example.com/bearer/cmd/bearer/internal/figures"
)

//go:embed report.html
var reportHTML string

var reportPage = template.Must(template.New("report").Parse(reportHTML))

type report struct {
	Processes int
	Store     string
	For       string
	Lifetime  string
	Rate      int
	Faults    bool
	Every     []every
	Grace     string
	Quiet     string
	Problems  []string
	Rows      []row
	Reasons   []Reason
	Panels    []panel
	Has       map[string]bool
}

// every says how often a fault happens.
type every struct{ What, Time string }

type panel struct {
	Title, Unit string
	Legend      []legend
	Chart       *chart
}

// A legend explains a colour of a chart.
type legend struct{ Shape, Class, Label string }

// WriteReport writes one HTML page that needs neither the network nor scripts.
func (r *Result) WriteReport(w io.Writer) error {
	c := newCharts(r)
	per := "in each " + figures.Spell(c.width)
	var whose []legend
	var bars []legend
	for _, o := range outcomes {
		whose = append(whose, legend{"point", string(o), outcomeTexts[o]})
		bars = append(bars, legend{"bar", string(o), outcomeTexts[o]})
	}
	panels := []panel{
		{"Who refreshed", "a line for each process", whose, c.lanes()},
		{"Token requests", per, bars, c.tokenRequests()},
		{"Latency", "of the requests that began " + per + ", logarithmic", []legend{
			{"line", "p50", "p50"}, {"line", "p99", "p99"}, {"line", "max", "max"},
		}, c.latency()},
	}
	if r.Stats.Failed > 0 {
		panels = append(panels, panel{"Failed requests", per, []legend{
			{"bar", "with", "with a valid token"}, {"bar", "without", "without one"},
		}, c.failures()})
	}
	page := report{
		Processes: r.fleet.Processes,
		Store:     r.Stats.Store,
		For:       figures.Spell(r.fleet.For),
		Lifetime:  figures.Spell(lifetime),
		Rate:      requestRate,
		Faults:    r.fleet.faulty(),
		Grace:     figures.Spell(r.fleet.grace()),
		Quiet:     figures.Spell(r.fleet.quiet()),
		Problems:  r.problems,
		Rows:      r.rows(),
		Reasons:   r.Reasons[:min(len(r.Reasons), mostReasons)],
		Panels:    panels,
		Has:       make(map[string]bool),
	}
	for _, f := range r.faults {
		page.Has[string(f.kind)] = true
	}
	for _, e := range []struct {
		what  string
		every time.Duration
	}{
		{"a process is killed and replaced, every second time in the middle of a refresh", r.fleet.Kill},
		{fmt.Sprintf("the process that holds the lock is stopped for %s, and then continued", figures.Spell(stopLength)), r.fleet.Stop},
		{fmt.Sprintf("the store is cut off for %s", figures.Spell(cutLength)), r.fleet.Cut},
	} {
		if e.every > 0 {
			page.Every = append(page.Every, every{e.what, figures.Spell(e.every)})
		}
	}
	return reportPage.Execute(w, page)
}
