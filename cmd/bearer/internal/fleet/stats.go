package fleet

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"example.com/bearer/cmd/bearer/internal/figures"
)

// A sample is a request that has ended. Its times are since the run began.
type sample struct {
	began, ended time.Duration
	failed       bool
	valid        bool // it failed with a valid token there
}

// Stats are the figures of a run.
type Stats struct {
	Processes        int     `json:"processes"`
	Requests         int     `json:"requests"` // of processes that were killed: those that had ended
	Failed           int     `json:"failed"`   // an error, or an answer other than 200
	TokenRequests    int     `json:"token_requests"`
	Expiries         int     `json:"expiries"` // tokens that were replaced because they had reached their window
	Reuse            int     `json:"reuse"`    // refresh tokens that the server saw again after its grace
	Killed           int     `json:"killed"`
	Stopped          int     `json:"stopped"`
	Cut              int     `json:"cut"`
	FailedWhileValid int     `json:"failed_while_valid"` // of Failed: the process had a valid token
	FailedWithoutCut int     `json:"failed_without_cut"` // of Failed: the store was not cut off then, nor in the 10 s before
	Repeats          int     `json:"repeats"`            // token requests within the grace with a refresh token used before
	Early            int     `json:"early"`              // token requests for a token that had not reached its window
	TokensFailed     int     `json:"token_requests_failed"`
	Settled          int64   `json:"settled_ms"` // after the last fault, until all used one token; -1: never
	Store            string  `json:"store"`
	Seconds          float64 `json:"seconds"`
	P50              int64   `json:"p50_us"`
	P99              int64   `json:"p99_us"`
	Max              int64   `json:"max_us"`
}

// A Result is the outcome of a [Run].
type Result struct {
	Stats   Stats
	Reasons []Reason // why requests failed, the most frequent first

	fleet    Fleet
	lasted   time.Duration
	samples  []sample
	requests []tokenRequest
	faults   []fault
	problems []string
}

// A Reason is why requests failed.
type Reason struct {
	Text  string
	Count int
}

// changing matches what differs in errors that are the same: ports of this
// machine, and times.
var changing = regexp.MustCompile(`\b127\.0\.0\.1:\d+|\[::1\]:\d+|\b\d+(\.\d+)?(µs|ms|s)\b`)

// reason returns the text of an error without what differs, as one line.
func reason(text string) string {
	return changing.ReplaceAllString(strings.Join(strings.Fields(text), " "), "~")
}

func (r *Run) result(settled time.Duration, remaining int) *Result {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := &Result{
		fleet:    r.fleet,
		lasted:   r.clock(),
		samples:  r.samples,
		requests: r.world.tokenRequests(),
		faults:   r.faults,
	}
	for _, text := range slices.Sorted(maps.Keys(r.reasons)) {
		out.Reasons = append(out.Reasons, Reason{text, r.reasons[text]})
	}
	slices.SortStableFunc(out.Reasons, func(a, b Reason) int { return cmp.Compare(b.Count, a.Count) })
	out.Stats = newStats(out)
	out.Stats.Reuse = r.world.auth.Counts().ReuseDetected
	out.Stats.Settled = -1
	if settled >= 0 {
		out.Stats.Settled = settled.Milliseconds()
	}
	out.problems = problems(out.Stats, remaining)
	return out
}

func newStats(r *Result) Stats {
	st := Stats{
		Processes:     r.fleet.Processes,
		Requests:      len(r.samples),
		TokenRequests: len(r.requests),
		Store:         shown(r.fleet.Store),
		Seconds:       float64(r.lasted.Milliseconds()) / 1000,
	}
	latencies := make([]time.Duration, len(r.samples))
	for i, s := range r.samples {
		latencies[i] = s.ended - s.began
		if s.failed {
			st.Failed++
		}
		if s.valid {
			st.FailedWhileValid++
		}
		if s.failed && !slices.ContainsFunc(r.faults, func(f fault) bool { return f.explains(s) }) {
			st.FailedWithoutCut++
		}
	}
	slices.Sort(latencies)
	st.P50 = figures.Percentile(latencies, 0.50).Microseconds()
	st.P99 = figures.Percentile(latencies, 0.99).Microseconds()
	st.Max = figures.Percentile(latencies, 1).Microseconds()
	for _, t := range r.requests {
		switch t.outcome {
		case expiry:
			st.Expiries++
		case repeat:
			st.Repeats++
		case early:
			st.Early++
		case failed:
			st.TokensFailed++
		}
	}
	for _, f := range r.faults {
		switch f.kind {
		case kill:
			st.Killed++
		case freeze:
			st.Stopped++
		case cutOff:
			st.Cut++
		}
	}
	return st
}

// aftermath is how long requests may fail after a cut: the pauses that grew
// during it.
const aftermath = 10 * time.Second

// explains reports whether a request could fail because of f: a cut is longer
// than a token's life, and a refresh is not risked without the Store.
func (f fault) explains(s sample) bool {
	return f.kind == cutOff && s.ended >= f.at && s.began <= f.until+aftermath
}

// problems lists what must not happen.
func problems(st Stats, remaining int) (list []string) {
	add := func(format string, args ...any) { list = append(list, fmt.Sprintf(format, args...)) }
	if st.Requests == 0 {
		add("no request was sent")
	}
	if st.FailedWhileValid > 0 {
		add("%d requests failed while their process had a valid token", st.FailedWhileValid)
	}
	if st.FailedWithoutCut > 0 {
		where := ""
		if st.Cut > 0 {
			where = fmt.Sprintf(" while the store was not cut off, nor in the %v before", aftermath)
		}
		add("%d requests failed%s", st.FailedWithoutCut, where)
	}
	if st.Reuse > 0 {
		add("a refresh token was used again %d times", st.Reuse)
	}
	if most := st.Expiries + st.Killed + st.Stopped + st.Cut + 1; st.TokenRequests > most {
		add("there were %d token requests, and %d would do", st.TokenRequests, most)
	}
	if st.Settled < 0 {
		add("the processes did not come to use one token again")
	}
	if remaining > 0 {
		add("%d processes did not end", remaining)
	}
	return list
}

// Problems lists what happened that must not happen; empty: nothing.
func (r *Result) Problems() []string { return r.problems }
