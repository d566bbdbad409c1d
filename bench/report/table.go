package report

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
)

// Text writes the report as one table for a terminal.
func (r *Report) Text(w io.Writer) error {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(tw, "scenario\tfigure\t%s\n", strings.Join(r.Peers, "\t"))
	last := ""
	for _, l := range r.Lines {
		scenario := l.Scenario
		if scenario == last {
			scenario = ""
		}
		last = l.Scenario
		fmt.Fprintf(tw, "%s\t%s", scenario, l.Title())
		for _, p := range r.Peers {
			fmt.Fprintf(tw, "\t%s", l.Cell(p))
		}
		fmt.Fprintln(tw)
	}
	return tw.Flush()
}

// Markdown writes the lines as a table. The best values of each are bold,
// unless all are equally good.
func (r *Report) Markdown(w io.Writer, lines []Line) {
	fmt.Fprintf(w, "| | | %s |\n|---|---|%s\n", strings.Join(r.Peers, " | "), strings.Repeat("---:|", len(r.Peers)))
	last := ""
	for _, l := range lines {
		scenario := l.Scenario
		if scenario == last {
			scenario = ""
		}
		last = l.Scenario
		fmt.Fprintf(w, "| %s | %s |", scenario, l.Title())
		for _, p := range r.Peers {
			cell := l.Cell(p)
			if l.Best(p) {
				cell = "**" + cell + "**"
			}
			fmt.Fprintf(w, " %s |", cell)
		}
		fmt.Fprintln(w)
	}
}

// Title is the figure with the unit of its cells.
func (l *Line) Title() string {
	unit := string(l.Unit)
	if l.Floor > 0 {
		unit = "× floor"
	}
	if unit == "" {
		return l.Figure
	}
	return l.Figure + ", " + unit
}

// Cell is a peer's value as a table shows it.
func (l *Line) Cell(peer string) string {
	v, ok := l.Values[peer]
	switch {
	case !ok && l.Notes[peer] != "":
		return l.Notes[peer]
	case !ok:
		return "–"
	case l.Floor > 0:
		return strconv.FormatFloat(v/l.Floor, 'f', 2, 64)
	case l.Unit == Milliseconds && v < 100:
		return strconv.FormatFloat(v, 'f', 1, 64)
	}
	return thousands(strconv.FormatFloat(v, 'f', 0, 64))
}

func thousands(digits string) string {
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}
