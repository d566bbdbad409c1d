package bearer

import (
	"errors"
	"fmt"
	"testing"
	"time"
)

// G12: after a renewal that did not help the next one for that host waits, with
// pauses that double from 1 s to 30 s; for other hosts it does not.
func TestFutileAllow(t *testing.T) {
	var f futile
	now := noon
	want := time.Second
	for n := range 8 {
		if n > 0 {
			err := f.allow("api", now)
			if te := (*TokenError)(nil); !errors.As(err, &te) || te.RetryAfter != want || !errors.Is(err, errFreshRejected) {
				t.Fatalf("after %d renewals: got %v, want it refused for %v", n, err, want)
			}
			if err := f.allow("api", now.Add(want-1)); err == nil {
				t.Errorf("after %d renewals, just before %v: got it allowed", n, want)
			}
			now = now.Add(want)
			want = min(2*want, 30*time.Second)
		}
		if err := f.allow("api", now); err != nil {
			t.Fatalf("after %d renewals and the pause: got %v, want it allowed", n, err)
		}
		if err := f.allow("other", now); err != nil {
			t.Fatalf("another host: got %v, want it allowed", err)
		}
		f = f.renewed("api", now)
	}
	if err := f.accepted("other").allow("api", now); err == nil {
		t.Error("another host's acceptance allowed a renewal")
	}
	if err := f.accepted("api").allow("api", now); err != nil {
		t.Errorf("after the host accepted a token: got %v, want it allowed", err)
	}
}

// G12: without a Transport the first renewal does not count, for it may have
// helped; after a quiet minute none does.
func TestFutileWithoutAHost(t *testing.T) {
	var f futile
	for n, want := range []int{0, 0, 1, 2} {
		if got := f.count("", noon); got != want {
			t.Errorf("after %d renewals: got %d futile ones, want %d", n, got, want)
		}
		f = f.renewed("", noon)
	}
	if got := f.count("", noon.Add(quietAfter)); got != 0 {
		t.Errorf("after a quiet minute: got %d futile renewals, want 0", got)
	}
	if got := f.renewed("", noon.Add(quietAfter)).count("", noon.Add(quietAfter)); got != 0 {
		t.Errorf("a renewal after a quiet minute: got %d futile ones, want 0", got)
	}
}

// The list is bounded: the host that was renewed for least recently goes.
func TestFutileIsBounded(t *testing.T) {
	var f futile
	for i := range 3 * mostFutile {
		f = f.renewed(fmt.Sprint("host-", i), noon)
		f = f.renewed("busy", noon)
		if len(f) > mostFutile {
			t.Fatalf("got %d hosts, want %d at the most", len(f), mostFutile)
		}
	}
	if !f.has("busy") || !f.has(fmt.Sprint("host-", 3*mostFutile-1)) || f.has("host-0") {
		t.Errorf("got %v, want the hosts that were renewed for most recently", f)
	}
}

// A value never changes: states share it.
func TestFutileIsImmutable(t *testing.T) {
	f := futile{}.renewed("a", noon).renewed("b", noon)
	before := fmt.Sprint(f)
	f.renewed("a", noon.Add(time.Hour))
	f.renewed("c", noon)
	f.accepted("a")
	if got := fmt.Sprint(f); got != before {
		t.Errorf("got %s, want %s as before", got, before)
	}
}

// G12: a host that accepts a token speaks for itself: the others that rejected
// renewed tokens stay futile.
func TestFutileAcceptedByOneHost(t *testing.T) {
	now := noon
	f := futile(nil).renewed("a", now).renewed("b", now).accepted("a")
	if f.has("a") || !f.has("b") || f.count("b", now) != 1 {
		t.Errorf("got %+v, want only b, renewed for once", f)
	}
	if f.allow("a", now) != nil || f.allow("b", now) == nil {
		t.Error("got a's renewal refused or b's allowed, want the reverse")
	}
}
