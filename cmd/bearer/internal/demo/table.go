package demo

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"example.com/bearer/cmd/bearer/internal/figures"
)

// row is one line of the summary, in the table and on the page.
type row struct {
	Label string
	Cells []string
}

var summary = []struct {
	label string
	value func(Stats) string
}{
	{"requests", func(s Stats) string { return figures.Count(s.Requests) }},
	{"failed", func(s Stats) string { return figures.Count(s.Failed) }},
	{"waited over 20 ms for a token", func(s Stats) string { return figures.Count(s.Waited) }},
	{"token requests", func(s Stats) string { return figures.Count(s.TokenRequests) }},
	{"token requests during the outage", func(s Stats) string { return figures.Count(s.TokenRequestsOutage) }},
	{"latency p50", func(s Stats) string { return millis(s.P50) }},
	{"latency p99", func(s Stats) string { return millis(s.P99) }},
	{"latency p99.9", func(s Stats) string { return millis(s.P999) }},
	{"latency max", func(s Stats) string { return millis(s.Max) }},
	{"tokens leaked to the other origin", func(s Stats) string { return figures.Count(s.Leaked) }},
	{"wall time", func(s Stats) string {
		return fmt.Sprintf("%.1f s", (time.Duration(s.Wall) * time.Millisecond).Seconds())
	}},
}

// noted marks the label that note explains.
const noted = "latency p99"

// note returns what the summary must say about p99 in this batch.
func note(b Batch) string {
	if !b.waitsInP99() {
		return ""
	}
	return fmt.Sprintf("* p99 shows requests that wait for a token: the %s in flight at the first fetch\n"+
		"  alone are more than a hundredth of the batch.", figures.Count(min(b.Concurrency, b.Requests)))
}

func rows(b Batch, cols []*Column) []row {
	var out []row
	for _, f := range summary {
		r := row{Label: f.label}
		if f.label == noted && note(b) != "" {
			r.Label += " *"
		}
		for _, c := range cols {
			r.Cells = append(r.Cells, f.value(c.Stats))
		}
		out = append(out, r)
	}
	return out
}

// WriteTable writes the figures of all columns side by side, and a note below
// them if they need one.
func WriteTable(w io.Writer, b Batch, cols []*Column) error {
	// tabwriter aligns all columns to the right or none, so the labels,
	// which stand on the left, are padded here.
	pad := 0
	for _, f := range summary {
		pad = max(pad, len(f.label))
	}
	tw := tabwriter.NewWriter(w, 0, 0, 0, ' ', tabwriter.AlignRight)
	line := func(label string, cells []string) {
		fmt.Fprintf(tw, "%-*s\t    %s\t\n", pad, label, strings.Join(cells, "\t    "))
	}
	var names []string
	for _, c := range cols {
		names = append(names, c.Name)
	}
	line("", names)
	for _, r := range rows(b, cols) {
		line(r.Label, r.Cells)
	}
	if err := tw.Flush(); err != nil || note(b) == "" {
		return err
	}
	_, err := fmt.Fprintln(w, "\n"+note(b))
	return err
}

func millis(us int64) string { return fmt.Sprintf("%.1f ms", float64(us)/1000) }
