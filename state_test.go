package bearer

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/oauth2"

	"example.com/bearer/internal/instant"
)

// noon is the moment at which the tables of this file decide.
var noon = instant.Time{Mono: int64(time.Hour), Wall: int64(1000 * time.Hour)}

// entryAt is a token that expires in left; its window is the last 5 minutes.
func entryAt(left time.Duration) *entry {
	return &entry{token: Token{AccessToken: "a", RefreshToken: "r"}, expiry: noon.Add(left), window: noon.Add(left - 5*time.Minute)}
}

// later and earlier are a minute from noon.
var later, earlier = noon.Add(time.Minute), noon.Add(-time.Minute)

var errTest = errors.New("test")

// Each row of the state machine in DESIGN.md: what is due, and whether callers
// without a token share it.
func TestDue(t *testing.T) {
	fresh, stale, expired := entryAt(time.Hour), entryAt(time.Minute), entryAt(-time.Second)
	failed := func(kind failureKind, until, retry instant.Time) *failure {
		return &failure{err: errTest, kind: kind, n: 1, until: until, retry: retry, look: later}
	}
	inStore := func(f *failure, look instant.Time) *failure { f.stored, f.look = true, look; return f }
	closed := outlook{}
	waiting, probing := outlook{open: true, trial: later}, outlook{open: true, trial: earlier}
	changeable := failed(refusal, later, later)
	changeable.err = rotating{refusedBy("invalid_client")}

	for _, row := range []struct {
		name    string
		s       state
		outlook outlook
		want    task
		shared  bool
	}{
		// No failure.
		{"empty", state{}, closed, ask, true},
		{"empty, a flight under way", state{busy: later}, closed, ask, true},
		{"fresh", state{entry: fresh}, closed, nothing, true},
		{"stale", state{entry: stale}, closed, ask, true},
		{"stale, a flight under way", state{entry: stale, busy: later}, closed, nothing, true},
		{"stale, a flight was lost", state{entry: stale, busy: earlier}, closed, ask, true},
		{"expired", state{entry: expired}, closed, ask, true},
		{"expired, a flight under way", state{entry: expired, busy: later}, closed, ask, true},
		{"rejected", state{entry: fresh, rejected: true}, closed, ask, true},
		{"deleted", state{entry: none()}, closed, ask, true},

		// Unsaved.
		{"unsaved", state{entry: fresh, unsaved: &unsaved{next: earlier}}, closed, save, true},
		{"unsaved, paused", state{entry: fresh, unsaved: &unsaved{next: later}}, closed, nothing, true},
		{"unsaved, a flight under way", state{entry: fresh, unsaved: &unsaved{next: earlier}, busy: later}, closed, nothing, true},
		{"unsaved and stale: the refresh saves it first", state{entry: stale, unsaved: &unsaved{next: earlier}}, closed, ask, true},
		{"unsaved and stale, the refresh paused", state{entry: stale, unsaved: &unsaved{next: earlier}, failure: failed(sick, earlier, later)}, closed, save, true},
		{"unsaved and expired", state{entry: expired, unsaved: &unsaved{next: later}}, closed, ask, true},

		// A valid token after a failure (G9).
		{"stale, paused", state{entry: stale, failure: failed(sick, earlier, later)}, closed, nothing, true},
		{"stale, the pause over", state{entry: stale, failure: failed(sick, earlier, earlier)}, closed, ask, true},
		{"stale, the pause over, the breaker open", state{entry: stale, failure: failed(sick, earlier, earlier)}, waiting, nothing, false},
		{"stale, the pause over, a trial due", state{entry: stale, failure: failed(sick, earlier, earlier)}, probing, ask, false},
		{"stale, paused, a look at the Store due", state{entry: stale, failure: inStore(failed(sick, earlier, later), earlier)}, closed, look, true},
		{"stale, the breaker open, a look due", state{entry: stale, failure: inStore(failed(sick, earlier, earlier), earlier)}, waiting, look, false},
		{"fresh after a failed renewal", state{entry: fresh, failure: inStore(failed(sick, earlier, earlier), earlier)}, closed, nothing, true},

		// No valid token after a failure: a sick endpoint (G17).
		{"expired, sick", state{entry: expired, failure: failed(sick, earlier, later)}, closed, ask, true},
		{"expired, sick, a flight under way", state{entry: expired, failure: failed(sick, earlier, later), busy: later}, closed, ask, true},
		{"expired, sick, asked to come back later", state{entry: expired, failure: failed(sick, later, later)}, closed, nothing, true},
		{"expired, asked to come back later, a look due", state{entry: expired, failure: inStore(failed(sick, later, later), earlier)}, closed, look, true},
		{"expired, asked to come back later, the look paused", state{entry: expired, failure: inStore(failed(sick, later, later), later)}, closed, nothing, true},
		{"expired, the breaker open", state{entry: expired, failure: failed(sick, earlier, later)}, waiting, nothing, false},
		{"expired, the breaker open, a look due", state{entry: expired, failure: inStore(failed(sick, earlier, later), earlier)}, waiting, look, false},
		{"expired, the breaker open, a trial due", state{entry: expired, failure: failed(sick, earlier, later)}, probing, ask, false},
		{"expired, the breaker open, a probe under way", state{entry: expired, failure: failed(sick, earlier, later), busy: later}, probing, nothing, false},
		{"rejected, sick", state{entry: fresh, rejected: true, failure: failed(sick, earlier, later)}, closed, ask, true},

		// A refusal (G18).
		{"expired, refused, paused", state{entry: expired, failure: failed(refusal, later, later)}, closed, nothing, false},
		{"expired, refused, the pause over", state{entry: expired, failure: failed(refusal, earlier, later)}, closed, ask, false},
		{"expired, refused, a probe under way", state{entry: expired, failure: failed(refusal, earlier, later), busy: later}, closed, nothing, false},
		{"expired, refused, another Cache's breaker open", state{entry: expired, failure: failed(refusal, earlier, later)}, waiting, ask, false},
		{"expired, refused, the secret may change", state{entry: expired, failure: changeable}, closed, look, true},
		{"expired, refused for good", state{entry: expired, failure: &failure{kind: refusal, final: true, until: earlier}}, closed, nothing, false},
		{"expired, refused for good, a look due", state{entry: expired, failure: inStore(&failure{kind: refusal, final: true, until: earlier}, earlier)}, closed, look, false},
		{"expired, refused once while valid", state{entry: expired, failure: &failure{kind: refusal, doubted: expired, until: earlier}}, closed, ask, true},
		{"expired, refused once while valid, asked now", state{entry: expired, failure: &failure{kind: refusal, doubted: expired, until: earlier}, busy: later}, closed, ask, true},

		// What is not the endpoint's.
		{"expired, broke off, paused", state{entry: expired, failure: failed(brokeOff, later, later)}, closed, nothing, false},
		{"expired, broke off, the pause over", state{entry: expired, failure: failed(brokeOff, earlier, later)}, closed, ask, false},
		{"expired, a foreign breaker refused, paused", state{entry: expired, failure: failed(breakerOpen, later, later)}, closed, nothing, false},
		{"expired, a foreign breaker refused, the pause over", state{entry: expired, failure: failed(breakerOpen, earlier, later)}, closed, ask, false},
	} {
		s := &row.s
		if got := due(s, noon, row.outlook); got != row.want {
			t.Errorf("%s: got task %d, want %d", row.name, got, row.want)
		}
		if got := s.shared(row.outlook); got != row.shared {
			t.Errorf("%s: got shared %v, want %v", row.name, got, row.shared)
		}
		// The fast path must not pass over what is due.
		if n := s.scheduled(); row.want != nothing && !n.next.Reached(noon) {
			t.Errorf("%s: task %d is due, but the fast path serves the token until %v", row.name, row.want, n.next)
		}
	}
}

// rotating is a refusal of a secret that may be another one by now.
type rotating struct{ error }

func (r rotating) Unwrap() error                 { return r.error }
func (rotating) Superseded(context.Context) bool { return false }

// refusedBy is a server's refusal with code, with status 400.
func refusedBy(code string) error {
	return &oauth2.RetrieveError{Response: &http.Response{StatusCode: http.StatusBadRequest, Header: http.Header{}}, ErrorCode: code}
}

// G14: an entry ends with the first clock that reaches its expiry, and so does
// its window: a suspension stops the monotonic clock only.
func TestEntryEndsByEitherClock(t *testing.T) {
	e := entryAt(time.Hour)
	s := (&state{}).with(e)
	for _, row := range []struct {
		name       string
		mono, wall time.Duration // that pass on each clock
		valid      bool
		task       task
	}{
		{"nothing happened", time.Minute, time.Minute, true, nothing},
		{"suspended for an hour", time.Minute, time.Hour, false, ask},
		{"suspended until the window", time.Minute, 56 * time.Minute, true, ask},
		{"the wall clock set back by a day", time.Hour, -23 * time.Hour, false, ask},
		{"the wall clock set back by a day, in the window", 56 * time.Minute, -23 * time.Hour, true, ask},
		{"the wall clock set back by a day, before it", time.Minute, -23 * time.Hour, true, nothing},
	} {
		now := instant.Time{Mono: noon.Mono + int64(row.mono), Wall: noon.Wall + int64(row.wall)}
		if got := s.valid(now); got != row.valid {
			t.Errorf("%s: got valid %v, want %v", row.name, got, row.valid)
		}
		if got := due(s, now, outlook{}); got != row.task {
			t.Errorf("%s: got task %d, want %d", row.name, got, row.task)
		}
		if got := s.next.Reached(now); got != (row.task != nothing) {
			t.Errorf("%s: got the fast path left: %v, want %v", row.name, got, row.task != nothing)
		}
	}
}

// G14: a stored expiry, which has no reading of the monotonic clock, counts on
// both clocks from when it was read.
func TestStoredExpiryCountsOnBothClocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := time.Now()
		e := newEntry(&Token{AccessToken: "a", Expiry: now.Add(time.Hour).UTC().Round(0)}, 0, now)
		n := instant.At(now, now)
		if got, want := e.expiry, n.Add(time.Hour); got != want {
			t.Errorf("got expiry %v, want %v", got, want)
		}
		if w := e.window.Until(n); w < 55*time.Minute || w > 56*time.Minute {
			t.Errorf("got the window in %v, want it 4 to 5 minutes before the expiry", w)
		}
	})
}

// G19: what replaces the current token when the Store is read. Expiry is not
// age: only what the Store did not hold before is news.
func TestFound(t *testing.T) {
	mine := entryAt(time.Hour)
	stored := func(access string, left time.Duration) *Token {
		return &Token{AccessToken: access, RefreshToken: "stored", Expiry: time.Unix(0, noon.Add(left).Wall)}
	}
	entryOf := func(t *Token) *entry {
		return &entry{token: *t, expiry: instant.Time{Mono: noon.Mono + t.Expiry.UnixNano() - noon.Wall, Wall: t.Expiry.UnixNano()}}
	}
	for _, row := range []struct {
		name            string
		s               state
		find            find
		access, refresh string // of the entry afterwards
		unsaved         bool
	}{
		{"nothing there", state{entry: mine}, find{}, "a", "r", false},
		{"nothing here", state{}, find{token: stored("s", time.Hour), news: true, first: true}, "s", "stored", false},
		{"first look", state{entry: mine}, find{token: stored("s", time.Hour), news: true, first: true}, "s", "stored", false},
		{"first look, unsaved here", state{entry: mine, unsaved: &unsaved{}}, find{token: stored("s", 9*time.Hour), news: true, first: true}, "a", "r", true},
		{"as before", state{entry: mine}, find{token: stored("s", 9*time.Hour)}, "a", "r", false},
		{"as before, unsaved here", state{entry: mine, unsaved: &unsaved{}}, find{token: stored("s", 9*time.Hour)}, "a", "r", true},
		{"news", state{entry: mine}, find{token: stored("s", time.Minute), news: true}, "s", "stored", false},
		{"news, unsaved here", state{entry: mine, unsaved: &unsaved{}}, find{token: stored("s", time.Minute), news: true}, "s", "stored", false},
		{"news, but expired", state{entry: mine}, find{token: stored("s", -time.Minute), news: true}, "a", "stored", false},
		{"news, both expired", state{entry: entryAt(-time.Hour)}, find{token: stored("s", -time.Minute), news: true}, "s", "stored", false},
		{"saved after all", state{entry: mine, unsaved: &unsaved{}}, find{token: &Token{AccessToken: "a", RefreshToken: "r"}}, "a", "r", false},
		{"deleted", state{entry: mine}, find{gone: true, news: true}, "a", "", false},
		{"deleted, unsaved here", state{entry: mine, unsaved: &unsaved{}}, find{gone: true, news: true}, "a", "", false},
		{"deleted, but a login is unsaved", state{entry: mine, unsaved: &unsaved{login: true}}, find{gone: true, news: true}, "a", "r", true},
	} {
		got := (&row.s).found(row.find, noon, entryOf)
		if a, r := got.entry.token.AccessToken, got.entry.token.RefreshToken; a != row.access || r != row.refresh {
			t.Errorf("%s: got the tokens %q and %q, want %q and %q", row.name, a, r, row.access, row.refresh)
		}
		if unsaved := got.unsaved != nil; unsaved != row.unsaved {
			t.Errorf("%s: got unsaved %v, want %v", row.name, unsaved, row.unsaved)
		}
	}
}

// What is known about a refresh token outlasts failures in which it was not
// sent: of the Store, say. Else it would be sent again while the access token is
// valid.
func TestFailureKeepsWhatIsKnownOfTheRefreshToken(t *testing.T) {
	e := entryAt(time.Minute)
	for _, first := range []failure{{kind: sick, spent: true}, {kind: refusal, doubted: e}} {
		first.err = errTest
		s := (&state{entry: e}).failed(first, noon)
		s = s.failed(failure{err: errTest, kind: brokeOff}, noon)
		if !s.failure.spares(e, noon) {
			t.Errorf("after %+v and another failure: the refresh token is not spared", first)
		}
		if next := s.failure.retry; next.Until(noon) < time.Minute {
			t.Errorf("got the next refresh in %v, want it at the expiry", next.Until(noon))
		}
	}
}

// G7: a caller that finds no token, and comes to wait just when the flight of
// others has landed, gets the token. So does one whose rejected token has been
// replaced in that moment.
func TestTokenThatCameJustNow(t *testing.T) {
	c := &Cache{Source: SourceFunc(func(context.Context) (*Token, error) { return nil, errTest })}
	if err := c.Set(t.Context(), &Token{AccessToken: "new"}); err != nil {
		t.Fatal(err)
	}
	for name, rejected := range map[string]*entry{"Token": nil, "Renew": {token: Token{AccessToken: "old"}}} {
		if e, _, err := c.begin(t.Context(), rejected, ""); err != nil || e.token.AccessToken != "new" {
			t.Errorf("%s: got %v, want the new token", name, err)
		}
	}
}

// What a cancelled or refused attempt says of the next one.
func TestFailurePauses(t *testing.T) {
	for _, row := range []struct {
		name    string
		left    time.Duration // that the token is valid
		f       failure
		n       int // failures in a row
		callers [2]time.Duration
		retry   [2]time.Duration
	}{
		{"sick", time.Hour, failure{kind: sick}, 1, [2]time.Duration{0, 0}, [2]time.Duration{750 * time.Millisecond, time.Second}},
		{"sick, ten times", time.Hour, failure{kind: sick}, 10, [2]time.Duration{0, 0}, [2]time.Duration{22500 * time.Millisecond, 30 * time.Second}},
		{"sick, soon expired", 8 * time.Second, failure{kind: sick}, 10, [2]time.Duration{0, 0}, [2]time.Duration{2 * time.Second, 2 * time.Second}},
		{"sick, asked to come back", time.Hour, failure{kind: sick, asked: time.Minute}, 1, [2]time.Duration{time.Minute, time.Minute}, [2]time.Duration{time.Minute, time.Minute}},
		{"lost answer", time.Minute, failure{kind: sick, spent: true}, 1, [2]time.Duration{0, 0}, [2]time.Duration{time.Minute, time.Minute}},
		{"refusal", -time.Hour, failure{kind: refusal}, 20, [2]time.Duration{225 * time.Second, 5 * time.Minute}, [2]time.Duration{225 * time.Second, 5 * time.Minute}},
		{"refusal, still valid", 10 * time.Second, failure{kind: refusal}, 20, [2]time.Duration{10 * time.Second, 10 * time.Second}, [2]time.Duration{10 * time.Second, 10 * time.Second}},
		{"broke off", -time.Hour, failure{kind: brokeOff}, 20, [2]time.Duration{22500 * time.Millisecond, 30 * time.Second}, [2]time.Duration{22500 * time.Millisecond, 30 * time.Second}},
	} {
		s := &state{entry: entryAt(row.left)}
		for range row.n {
			s = s.failed(row.f, noon)
		}
		if d := s.failure.until.Until(noon); d < row.callers[0] || d > row.callers[1] {
			t.Errorf("%s: got callers paused for %v, want %v", row.name, d, row.callers)
		}
		if d := s.failure.retry.Until(noon); d < row.retry[0] || d > row.retry[1] {
			t.Errorf("%s: got the background paused for %v, want %v", row.name, d, row.retry)
		}
	}
}

// G12: a host that rejected a freshly renewed token does not make the next one
// invalid for the others; any other host does. Without a Transport the first
// renewal proves nothing, and none does after a minute: nothing says whether the
// token was accepted.
func TestRejectAndFutileHosts(t *testing.T) {
	s := (&state{}).with(entryAt(time.Hour))
	s = s.renewed("api", noon)
	if s = s.reject("api", noon); s.rejected {
		t.Error("a futile host made the token invalid for the others")
	}
	if !s.reject("other", noon).rejected {
		t.Error("another host's rejection did not make the token invalid")
	}
	if !s.reject("", noon).rejected {
		t.Error("a first rejection without a host did not make the token invalid")
	}
	s = s.renewed("", noon)
	if !s.reject("", noon).rejected {
		t.Error("after one renewal without a host: the token stayed valid, want it invalid")
	}
	s = s.renewed("", noon)
	if s.reject("", noon).rejected {
		t.Error("after two renewals without a host in a row: the token became invalid, want it valid")
	}
	if !s.reject("", noon.Add(time.Hour)).rejected {
		t.Error("an hour after a renewal without a host: the token stayed valid, want it invalid")
	}
}
