package pool

import (
	"testing"

	"example.com/bearer"
)

// A Cache that is kept anew, because an event says that saving failed, is not
// let go by the keeper that saw it in order a moment ago.
func TestShelfLooksTwice(t *testing.T) {
	var s shelf
	c := new(bearer.Cache)
	s.keep("k", c)
	for i, want := range []bool{false, false, true} {
		if i == 1 {
			s.keep("k", c)
		}
		if got := s.release("k", c); got != want {
			t.Errorf("look %d: got released %v, want %v", i, got, want)
		}
	}
	if s.find("k") != c {
		t.Error("a Cache that is in use was not found")
	}
}
