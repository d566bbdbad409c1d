package proxy

import (
	"testing"
	"time"
)

// A window knows the answers of the last minute, each within a fifth.
func TestWindow(t *testing.T) {
	var w window
	now := time.Unix(1_000_000_000, 0)
	if n, half, most := w.recent(now); n != 0 || half != 0 || most != 0 {
		t.Errorf("at first: got %d, %v and %v, want nothing", n, half, most)
	}
	for i := range 100 {
		took := 10 * time.Millisecond
		if i >= 90 {
			took = time.Second
		}
		w.add(now.Add(time.Duration(i)*100*time.Millisecond), took)
	}
	later := now.Add(10 * time.Second)
	n, half, most := w.recent(later)
	if n != 100 || half < 10*time.Millisecond || half > 12*time.Millisecond || most < time.Second || most > 1200*time.Millisecond {
		t.Errorf("got %d, %v and %v; want 100, 10 ms and 1 s", n, half, most)
	}
	w.add(later, time.Hour)
	w.add(later, 0)
	if n, _, _ := w.recent(later); n != 102 {
		t.Errorf("got %d, want 102", n)
	}
	if n, _, _ := w.recent(now.Add(time.Minute + 5*time.Second)); n != 2 {
		t.Errorf("a minute later: got %d, want the 2 newest", n)
	}
	if n, _, _ := w.recent(now.Add(time.Hour)); n != 0 {
		t.Errorf("an hour later: got %d, want none", n)
	}
}
