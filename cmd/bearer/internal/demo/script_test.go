package demo

import (
	"slices"
	"testing"
	"time"
)

func TestTimelineShowsWhatTheServerDid(t *testing.T) {
	b := Batch{Requests: 20_000, Concurrency: 256} // tokens live 3 s, the outage lasts 300 ms
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
