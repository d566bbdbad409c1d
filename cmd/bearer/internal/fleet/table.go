package fleet

import (
	"fmt"
	"io"
	"time"

	"example.com/bearer/cmd/bearer/internal/figures"
)

// A row is one line of the summary, in the table and on the page.
type row struct{ Label, Value, Note string }

func (r *Result) rows() []row {
	st := r.Stats
	rows := []row{
		{"processes", figures.Count(st.Processes), "sharing " + st.Store},
		{"requests", figures.Count(st.Requests), fmt.Sprintf("%s a second", figures.Count(int(float64(st.Requests)/max(st.Seconds, 1))))},
		{"failed", figures.Count(st.Failed), ""},
		{"failed with a valid token", figures.Count(st.FailedWhileValid), ""},
		{"failed without a cut", figures.Count(st.FailedWithoutCut), ""},
		{"token requests", figures.Count(st.TokenRequests), r.tokenNote()},
		{"expiries", figures.Count(st.Expiries), "tokens that had reached their window"},
		{"reuse", figures.Count(st.Reuse), ""},
	}
	if r.fleet.faulty() {
		rows = append(rows,
			row{"killed", figures.Count(st.Killed), fmt.Sprintf("%d while they refreshed", r.refreshing(kill))},
			row{"stopped", figures.Count(st.Stopped), fmt.Sprintf("for up to %s each, with the lock", figures.Spell(stopLength))},
			row{"cut", figures.Count(st.Cut), fmt.Sprintf("for up to %s each", figures.Spell(cutLength))},
			row{"one token again", settled(st.Settled), "after the last fault"},
		)
	}
	return append(rows,
		row{"latency p50", millis(st.P50), ""},
		row{"latency p99", millis(st.P99), ""},
		row{"latency max", millis(st.Max), ""},
		row{"wall time", fmt.Sprintf("%.1f s", st.Seconds), ""},
	)
}

// tokenNote says which of the token requests were not expiries.
func (r *Result) tokenNote() string {
	st := r.Stats
	if st.Repeats+st.Early+st.TokensFailed == 0 {
		return ""
	}
	return fmt.Sprintf("%d repeated, %d early, %d failed", st.Repeats, st.Early, st.TokensFailed)
}

// refreshing counts the faults that hit a process while it refreshed.
func (r *Result) refreshing(k faultKind) (n int) {
	for _, f := range r.faults {
		if f.kind == k && f.step != "" {
			n++
		}
	}
	return n
}

func settled(ms int64) string {
	if ms < 0 {
		return "never"
	}
	return fmt.Sprintf("%d ms", ms)
}

func millis(us int64) string {
	return fmt.Sprintf("%.1f ms", figures.Milliseconds(time.Duration(us)*time.Microsecond))
}

// mostReasons is how many reasons the table and the page list.
const mostReasons = 5

// WriteTable writes the figures, and why requests failed.
func (r *Result) WriteTable(w io.Writer) error {
	rows := r.rows()
	label, value := 0, 0
	for _, row := range rows {
		label, value = max(label, len(row.Label)), max(value, len(row.Value))
	}
	for _, row := range rows {
		line := fmt.Sprintf("%-*s  %*s", label, row.Label, value, row.Value)
		if row.Note != "" {
			line += "   " + row.Note
		}
		if _, err := fmt.Fprintln(w, line); err != nil {
			return err
		}
	}
	for _, reason := range r.Reasons[:min(len(r.Reasons), mostReasons)] {
		if _, err := fmt.Fprintf(w, "%*s  failed: %s\n", label, figures.Count(reason.Count), reason.Text); err != nil {
			return err
		}
	}
	return nil
}
