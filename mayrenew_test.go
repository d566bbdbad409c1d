package bearer

import (
	"testing"
	"time"
)

// G4: of a burst of rejections, one that comes when its token is just being
// replaced is not taken for the rejection of the new one.
func TestRejectionOfATokenThatWasJustReplaced(t *testing.T) {
	c := new(Cache)
	now := instantOf(time.Now())
	old := c.publish(&Token{AccessToken: "old"}, nil)
	if err := c.mayRenew(old, now); err != nil {
		t.Errorf("the first: got %v, want it renewed", err)
	}
	fresh := c.publish(&Token{AccessToken: "fresh"}, nil)
	c.renewals.renewed(now)
	if err := c.mayRenew(old, now); err != nil {
		t.Errorf("one that is late: got %v, want the fresh token for it", err)
	}
	if err := c.mayRenew(fresh, now); err == nil {
		t.Error("the fresh token may be renewed at once, want a pause")
	}
}
