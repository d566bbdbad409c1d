package demo

import (
	"slices"
	"testing"
	"time"
)

// Each step happens once: when its request starts, or, for the revocation, when
// its time comes on a machine that is too slow for that.
func TestStepsHappenOnce(t *testing.T) {
	for what, tt := range map[string]struct {
		perRequest  time.Duration
		wantRequest int
	}{
		"fast": {time.Millisecond, 3},
		"slow": {time.Second, 2},
	} {
		var now time.Duration
		var happened []int
		request := 0
		s := &script{clock: func() time.Duration { return now }, steps: []*step{
			{at: 3, by: 2 * time.Second, kind: revocation, do: func() { happened = append(happened, request) }},
		}}
		for ; request < 10; request++ {
			s.reached(request)
			now += tt.perRequest
		}
		if !slices.Equal(happened, []int{tt.wantRequest}) || len(s.events) != 1 {
			t.Errorf("%s: got it at the requests %v with %d events, want once, at %d", what, happened, len(s.events), tt.wantRequest)
		}
	}
}

func TestTimelineShowsWhatTheServerDid(t *testing.T) {
	// Tokens live 3 s, the outage lasts 300 ms.
	b := Batch{Requests: 20_000, Concurrency: 256}
	s := &script{events: []event{
		{at: 2 * time.Second, kind: revocation},
		{at: 3 * time.Second, kind: outage}, // armed
		{at: 7 * time.Second, kind: redirect},
	}}
	got := s.timeline(b, []tokenCall{
		{end: 1 * time.Second, issued: true}, // revoked before it could expire
		{end: 2500 * time.Millisecond, issued: true},
		{start: 4 * time.Second, end: 4150 * time.Millisecond, refused: true},
		{start: 4200 * time.Millisecond, end: 4350 * time.Millisecond, refused: true}, // the same outage
		{end: 5 * time.Second, issued: true},
	})
	want := []event{
		{at: 2 * time.Second, kind: revocation},
		{at: 7 * time.Second, kind: redirect},
		{at: 5500 * time.Millisecond, kind: expiry},
		{at: 4 * time.Second, until: 4300 * time.Millisecond, kind: outage},
		{at: 8 * time.Second, kind: expiry},
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}
