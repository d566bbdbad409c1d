package main

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"example.com/bearer/bench/peers"
	"example.com/bearer/bench/report"
)

// tiny is a scale at which nothing is measured, only tried.
var tiny = scale{
	benchtime:   "10x",
	rounds:      1,
	callers:     50,
	expiryFor:   150 * time.Millisecond,
	tokenLife:   100 * time.Millisecond,
	slow:        100 * time.Millisecond,
	burst:       20,
	dead:        20,
	failing:     5,
	credentials: 50,
	patience:    20 * time.Second,
}

func TestEveryPeerGoesThroughEveryScenario(t *testing.T) {
	r, err := measureAll(tiny, peers.All, regexp.MustCompile(""), func(string) {})
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range r.Lines {
		for _, p := range r.Peers {
			if v, ok := l.Values[p]; !ok {
				t.Errorf("%s, %s: %s has no value: %s", l.Scenario, l.Figure, p, l.Notes[p])
			} else if l.Unit == report.Nanoseconds && v <= 0 {
				t.Errorf("%s, %s: %s took %v ns, want more than nothing", l.Scenario, l.Figure, p, v)
			}
		}
	}
}

// What is counted does not depend on the machine, so it is checked at this
// scale too.
func TestBearerKeepsWhatTheTablesShow(t *testing.T) {
	r, err := measureAll(tiny, []peers.Peer{peers.Bearer}, regexp.MustCompile("^(cold|burst|expired|50 callers|10 redirects|lifetime|the leader)"), func(string) {})
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		scenario, figure string
		most             float64
	}{
		{coldStorm.name, "token requests", 1},
		{burst.name, "refreshes", 1},
		{burst.name, "requests that failed", 0},
		{deadEndpoint.name, "token requests", 13}, // one at a time, repeated for 5 s
		{failingEndpoint.name, "token requests", 13},
		{redirect.name, "tokens leaked", 0},
		{shortLife.name, "token requests", 1},
		{cancelledLeader.name, "followers that fail", 0},
		{cancelledLeader.name, "token requests", 1},
	} {
		l := r.Find(row.scenario, row.figure)
		if l == nil {
			t.Errorf("%s, %s: not measured", row.scenario, row.figure)
		} else if got, ok := l.Values["bearer"]; !ok || got > row.most {
			t.Errorf("%s, %s: got %v (%s), want at most %v", row.scenario, row.figure, got, l.Notes["bearer"], row.most)
		}
	}
}

// A peer that hangs is noted, and the others go on.
func TestPeerThatHangsIsLeftBehind(t *testing.T) {
	never := make(chan struct{})
	defer close(never)
	stuck := peers.Peer{Name: "stuck", Transport: func(s peers.Setup) http.RoundTripper {
		<-never
		return s.Base
	}}
	size := tiny
	size.patience = time.Second
	lines := deadEndpoint.measure(size, []peers.Peer{stuck, peers.Bearer})
	if note := lines[0].Notes["stuck"]; !strings.Contains(note, "hangs") {
		t.Errorf("the peer that hangs: got the note %q, want one that says so", note)
	}
	if _, ok := lines[0].Values["bearer"]; !ok {
		t.Errorf("the peer after it: got no value (%s), want one", lines[0].Notes["bearer"])
	}
}

// A peer whose requests the API rejects from the start has no figures.
func TestPeerThatFailsIsNoted(t *testing.T) {
	lines := burst.measure(tiny, []peers.Peer{peers.Floor})
	if note := lines[0].Notes["floor"]; !strings.Contains(note, "401") {
		t.Errorf("got the values %v and the note %q, want a note with the API's 401", lines[0].Values, note)
	}
}
