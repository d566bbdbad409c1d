package demo

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
)

// row is one line of the summary: the table's and the page's.
type row struct {
	Label string
	Cells []string
}

var figures = []struct {
	label string
	value func(Stats) string
}{
	{"requests", func(s Stats) string { return count(s.Requests) }},
	{"failed", func(s Stats) string { return count(s.Failed) }},
	{"waited over 20 ms for a token", func(s Stats) string { return count(s.Waited) }},
	{"token requests", func(s Stats) string { return count(s.TokenRequests) }},
	{"token requests during the outage", func(s Stats) string { return count(s.TokenRequestsOutage) }},
	{"latency p50", func(s Stats) string { return millis(s.P50) }},
	{"latency p99", func(s Stats) string { return millis(s.P99) }},
	{"latency p99.9", func(s Stats) string { return millis(s.P999) }},
	{"latency max", func(s Stats) string { return millis(s.Max) }},
	{"tokens leaked to the other origin", func(s Stats) string { return count(s.Leaked) }},
	{"wall time", func(s Stats) string {
		return fmt.Sprintf("%.1f s", (time.Duration(s.Wall) * time.Millisecond).Seconds())
	}},
}

func rows(cols []*Column) []row {
	var out []row
	for _, f := range figures {
		r := row{Label: f.label}
		for _, c := range cols {
			r.Cells = append(r.Cells, f.value(c.Stats))
		}
		out = append(out, r)
	}
	return out
}

// WriteTable writes the figures of all columns side by side.
func WriteTable(w io.Writer, cols []*Column) error {
	// tabwriter can align all columns to the right or none: the labels are
	// padded by hand to stand on the left, and so is the space between columns.
	pad := 0
	for _, f := range figures {
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
	for _, r := range rows(cols) {
		line(r.Label, r.Cells)
	}
	return tw.Flush()
}

// count writes n with its thousands apart.
func count(n int) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

func millis(us int64) string { return fmt.Sprintf("%.1f ms", float64(us)/1000) }
