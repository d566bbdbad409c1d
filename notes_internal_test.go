package bearer

import (
	"errors"
	"testing"
	"time"

	"example.com/bearer/internal/instant"
)

// reportAt is a failure of the process B at that time, with a pause of 2 s for
// callers and of 4 s for the background.
func reportAt(at time.Time) *report {
	return &report{By: "B", At: at, Since: at, Until: at.Add(2 * time.Second), Retry: at.Add(4 * time.Second), Text: "no route"}
}

// G20: what another process reports holds for its pause, as long as that is by the
// clock that it was written with, and not at all if it is no news.
func TestG20ReportHoldsForItsPause(t *testing.T) {
	now := time.Now()
	n := instant.At(now, now)
	expired := new(state).with(none())
	own := func(ago time.Duration, f failure) *state {
		return expired.failed(f, n.Add(-ago))
	}
	forever := reportAt(now)
	forever.Since, forever.Until, forever.Retry = now.AddDate(-5000, 0, 0), now.AddDate(5000, 0, 0), now.AddDate(5000, 0, 0)
	refused := reportAt(now)
	refused.Refused = true
	final := failure{err: errors.New("final"), kind: refusal, final: true}
	slow := failure{err: errors.New("busy"), asked: time.Minute}
	for _, row := range []struct {
		name         string
		state        *state
		report       *report
		until, retry time.Duration // from now; until is 0 if the report does not count
	}{
		{"in this moment", expired, reportAt(now), 2 * time.Second, 4 * time.Second},
		{"a second ago", expired, reportAt(now.Add(-time.Second)), time.Second, 3 * time.Second},
		{"the pause is over", expired, reportAt(now.Add(-4 * time.Second)), 0, 0},
		{"a clock that is 20 s ahead", expired, reportAt(now.Add(20 * time.Second)), 2 * time.Second, 4 * time.Second},
		{"a clock that is an hour ahead", expired, reportAt(now.Add(time.Hour)), 0, 0},
		{"a clock that is an hour behind", expired, reportAt(now.Add(-time.Hour)), 0, 0},
		{"a pause of 5,000 years", expired, forever, longestPause, longestPause},
		{"no time at all", expired, &report{By: "B"}, 0, 0},
		{"of the refresh token", expired, refused, 2 * time.Second, 4 * time.Second},
		{"after this process's own failure", own(time.Hour, failure{}), reportAt(now), 2 * time.Second, 4 * time.Second},
		{"before this process's own failure", own(0, failure{}), reportAt(now.Add(-time.Second)), 0, 0},
		{"when only a login helps", own(time.Hour, final), refused, 0, 0},
		{"when the server has asked this process for a minute", own(time.Second, slow), reportAt(now), 59 * time.Second, 59 * time.Second},
	} {
		got := row.state.told(row.report, defaultRetryFor, now)
		if heard := got != row.state; heard != (row.until > 0) {
			t.Errorf("%s: got heard %v, want %v", row.name, heard, !heard)
			continue
		}
		if row.until == 0 {
			continue
		}
		f := got.failure
		if f.until.Until(n) != row.until || f.retry.Until(n) != row.retry {
			t.Errorf("%s: got pauses of %v and %v, want %v and %v", row.name, f.until.Until(n), f.retry.Until(n), row.until, row.retry)
		}
		if f.final {
			t.Errorf("%s: got a final failure, want that this process asks for itself", row.name)
		}
		if again := got.told(row.report, defaultRetryFor, now.Add(time.Millisecond)); again != got {
			t.Errorf("%s: the same report counts twice", row.name)
		}
	}
}

// G20: a process that reports one failure after another is heard once, until this
// process has asked for itself.
func TestG20EachProcessIsHeardOnce(t *testing.T) {
	now := time.Now()
	s := new(state).with(none())
	hears := func(by string, want bool) {
		t.Helper()
		now = now.Add(time.Second)
		r := reportAt(now)
		r.By = by
		n := s.told(r, defaultRetryFor, now)
		if heard := n != s; heard != want {
			t.Errorf("%s: got heard %v, want %v", by, heard, want)
		}
		s = n
	}
	hears("B", true)
	hears("B", false)
	hears("C", true)
	hears("B", false)
	now = now.Add(time.Second)
	s = s.failed(failure{err: errors.New("no route")}, instant.At(now, now))
	hears("B", true)
	for i := range 3 * mostHeard {
		hears(string(rune('a'+i)), true)
	}
	if n := len(s.failure.heard); n > mostHeard {
		t.Errorf("got %d names, want at most %d", n, mostHeard)
	}
}
