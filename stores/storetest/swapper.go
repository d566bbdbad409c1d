package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/bearer"
)

// A swappable is a Store that is a Swapper.
type swappable interface {
	bearer.Store
	bearer.Swapper
}

var swapTests = []sharedTest[swappable]{
	{"replace", swapReplace},
	{"empty", swapEmpty},
	{"values", swapValues},
	{"keys", swapKeys},
	{"copies", swapCopies},
	{"context ended", swapContextEnded},
	{"context ends", swapContextEnds},
	{"while locked", swapWhileLocked},
	{"100 at once", hundredSwaps},
	{"put and delete", swapPutDelete},
}

// runSwaps runs the tests of a Swapper, if a and b are that.
func runSwaps(t *testing.T, open func(t *testing.T) (a, b bearer.Store)) {
	a, b := open(t)
	first, ok := a.(swappable)
	second, bothOK := b.(swappable)
	if ok != bothOK {
		t.Fatalf("got %T and %T, want that both are Swappers or neither is", a, b)
	}
	if !ok {
		t.Logf("%T is not a Swapper", a)
		return
	}
	err := first.Swap(patient(t), "k", nil, []byte("v"))
	if errors.Is(err, errors.ErrUnsupported) {
		unsupportedSwap(t, first, second)
		return
	}
	if err != nil {
		t.Fatalf("Swap: got error %v, want none", err)
	}
	runShared(t, swapTests, func(t *testing.T) (a, b swappable) {
		first, second := open(t)
		return first.(swappable), second.(swappable)
	})
}

// unsupportedSwap tests the Swap of a Store that wraps one that is not a
// Swapper: it always returns errors.ErrUnsupported, not an error that matches
// it, and changes nothing.
func unsupportedSwap(t *testing.T, a, b swappable) {
	put(t, a, "k", "v")
	for _, s := range []swappable{a, b} {
		for _, call := range []struct {
			key      string
			old, new []byte
		}{{"k", []byte("v"), []byte("w")}, {"k", []byte("v"), nil}, {"other", nil, []byte("w")}, {"other", []byte("x"), nil}} {
			if err := s.Swap(patient(t), call.key, call.old, call.new); err != errors.ErrUnsupported {
				t.Errorf("Swap(%q): got error %v, want errors.ErrUnsupported itself (==)", call.key, err)
			}
		}
	}
	want(t, b, "k", "v")
	wantAbsent(t, b, "other")
}

// swapReplace: Swap stores, replaces and removes what is as the caller thinks
// it is, and nothing else.
func swapReplace(t *testing.T, a, b swappable) {
	absent := func(s swappable) { wantAbsent(t, s, "k") }
	is := func(value string) func(swappable) { return func(s swappable) { want(t, s, "k", value) } }
	v, w := []byte("v"), []byte("w")

	put(t, a, "other", "v")
	for _, step := range []struct {
		old, new []byte
		changed  bool
		after    func(swappable)
	}{
		{v, w, true, absent},
		{v, nil, true, absent},
		{nil, nil, false, absent},
		{nil, v, false, is("v")},
		{nil, w, true, is("v")},
		{nil, nil, true, is("v")},
		{w, v, true, is("v")},
		{w, nil, true, is("v")},
		{w, w, true, is("v")},
		{v, v, false, is("v")},
		{v, w, false, is("w")},
		{v, w, true, is("w")},
		{v, nil, true, is("w")},
		{w, nil, false, absent},
		{w, v, true, absent},
		{nil, w, false, is("w")},
	} {
		err := a.Swap(patient(t), "k", step.old, step.new)
		if step.changed && !errors.Is(err, bearer.ErrChanged) {
			t.Errorf("Swap of %s for %s: got error %v, want ErrChanged", show(step.old), show(step.new), err)
		} else if !step.changed && err != nil {
			t.Errorf("Swap of %s for %s: got error %v, want none", show(step.old), show(step.new), err)
		}
		step.after(a)
		step.after(b)
		a, b = b, a
	}
	want(t, a, "other", "v")

	// The usual methods and Swap see each other's values.
	put(t, a, "k", "put")
	swap(t, b, "k", []byte("put"), []byte("swapped"))
	want(t, a, "k", "swapped")
	if err := a.Delete(patient(t), "k"); err != nil {
		t.Fatalf("Delete: got error %v, want none", err)
	}
	wantChanged(t, b, "k", []byte("swapped"), v)
	swap(t, b, "k", nil, v)
	want(t, a, "k", "v")
}

// swapEmpty: an empty value is a value, nil is none.
func swapEmpty(t *testing.T, a, b swappable) {
	empty, v := []byte{}, []byte("v")
	wantChanged(t, a, "k", empty, v)
	wantAbsent(t, b, "k")
	swap(t, a, "k", nil, empty)
	want(t, b, "k", "")
	wantChanged(t, b, "k", nil, v)
	wantChanged(t, b, "k", nil, empty)
	wantChanged(t, b, "k", v, nil)
	want(t, a, "k", "")
	swap(t, b, "k", empty, v)
	want(t, a, "k", "v")
	wantChanged(t, a, "k", empty, nil)
	swap(t, a, "k", v, empty)
	want(t, b, "k", "")
	swap(t, a, "k", empty, nil)
	wantAbsent(t, b, "k")
	for _, data := range [][]byte{nil, empty} { // Put has no nil
		if err := a.Put(patient(t), "k", data); err != nil {
			t.Fatalf("Put: got error %v, want none", err)
		}
		wantChanged(t, b, "k", nil, v)
		swap(t, b, "k", empty, empty[:0:0])
		want(t, a, "k", "")
	}
}

// swapValues: values are compared byte by byte, to the last one.
func swapValues(t *testing.T, a, b swappable) {
	all := []string{
		"v", "V", "v ", " v", "v\n", "v\x00", "v\x00w", "vv", "\x00", "0", "00", "1", "1.0", "1e0", "null", "é", "e\u0301", "\xff\xfe", "\ufffd\ufffd",
		everyByte, everyByte[:255], mebibyte[:64<<10], mebibyte, mebibyte[:1<<20-1] + "x", "x" + mebibyte[1:],
	}
	put(t, a, "k", all[len(all)-1])
	current := all[len(all)-1]
	for _, next := range all {
		others := []string{next, current[:len(current)-1] + "\x01"}
		if len(current) < 1000 { // for the others, that takes long
			others = append(others, current+"x", current[:len(current)-1], strings.ToUpper(current)+" ", current+"\x00")
		}
		for _, other := range others {
			if other != current {
				wantChanged(t, a, "k", []byte(other), []byte("wrong"))
			}
		}
		swap(t, b, "k", []byte(current), []byte(next))
		want(t, a, "k", next)
		current = next
	}
}

func swapKeys(t *testing.T, a, b swappable) {
	all := oddKeys()
	value := func(i int) []byte { return fmt.Append(nil, "value ", i) }
	for i, key := range all {
		swap(t, a, key, nil, value(i))
	}
	for i, key := range all {
		want(t, b, key, string(value(i)))
	}
	for i, key := range all {
		if i%2 == 0 {
			swap(t, b, key, value(i), nil)
		} else {
			swap(t, b, key, value(i), []byte("another"))
		}
	}
	for i, key := range all {
		if i%2 == 0 {
			wantAbsent(t, a, key)
		} else {
			want(t, a, key, "another")
		}
	}
}

// swapCopies: neither side sees what the other does to its bytes afterwards.
func swapCopies(t *testing.T, s, _ swappable) {
	old, data := []byte("old"), []byte("new")
	spare := append(make([]byte, 0, 64), "more"...) // room that a careless append would write to
	put(t, s, "k", "old")
	swap(t, s, "k", old, data)
	if string(old) != "old" || string(data) != "new" {
		t.Errorf("the caller's bytes after Swap: got %q and %q, want %q and %q", old, data, "old", "new")
	}
	old[0], data[0] = 'X', 'X'
	want(t, s, "k", "new")
	swap(t, s, "k", []byte("new"), spare)
	if rest := spare[len(spare):cap(spare)]; !bytes.Equal(rest, make([]byte, len(rest))) {
		t.Errorf("the room after the caller's bytes: got %q, want it as it was", rest)
	}
	wantChanged(t, s, "k", data, old)
	if string(old) != "Xld" || string(data) != "Xew" {
		t.Errorf("the caller's bytes after ErrChanged: got %q and %q, want %q and %q", old, data, "Xld", "Xew")
	}
	want(t, s, "k", "more")
}

// swapContextEnded: a call with a context that has ended returns that context's
// error, or does its work all the same.
func swapContextEnded(t *testing.T, s, _ swappable) {
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	late, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	defer cancel()

	for _, ctx := range []context.Context{canceled, late} {
		put(t, s, "k", "old")
		switch err := s.Swap(ctx, "k", []byte("wrong"), []byte("new")); {
		case err == nil:
			t.Error("Swap of another value: got no error, want ErrChanged or the context's")
		case !errors.Is(err, bearer.ErrChanged):
			wantContexts(t, "Swap", err, ctx.Err())
		}
		want(t, s, "k", "old")
		switch err := s.Swap(ctx, "k", []byte("old"), []byte("new")); {
		case err == nil:
			want(t, s, "k", "new")
		default:
			wantContexts(t, "Swap", err, ctx.Err())
			want(t, s, "k", "old", "new")
		}
	}
}

// swapContextEnds: wherever in a Swap its context ends, the old value is there,
// or the new one. That one may also come later, if it is on the way to a server,
// but not once another one has replaced the old value.
func swapContextEnds(t *testing.T, s, _ swappable) {
	put(t, s, "k", "old")
	old, possible := "old", []string{"old"}
	for i := range 40 {
		value := strings.Repeat(string(rune('a'+i%26)), 64<<10+i)
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i)*100*time.Microsecond)
		err := s.Swap(ctx, "k", []byte(old), []byte(value))
		cancel()
		switch {
		case err == nil:
			possible = []string{value}
		case errors.Is(err, bearer.ErrChanged) && len(possible) > 1: // one that is late has come
		default:
			wantContexts(t, "Swap", err, context.DeadlineExceeded)
			possible = append(possible, value)
		}
		want(t, s, "k", possible...)
		got, err := s.Get(patient(t), "k")
		if err != nil {
			t.Fatalf("Get: got error %v, want none", err)
		}
		if string(got) != old {
			old, possible = string(got), []string{string(got)}
		}
	}
}

// wantContexts reports an error unless err, which op returned, is its context's
// and nothing else that has a meaning.
func wantContexts(t *testing.T, op string, err, ctxErr error) {
	t.Helper()
	if !errors.Is(err, ctxErr) {
		t.Errorf("%s: got error %v, want none or %v", op, err, ctxErr)
	}
	for _, other := range []error{bearer.ErrNotFound, bearer.ErrChanged, errors.ErrUnsupported} {
		if errors.Is(err, other) {
			t.Errorf("%s: got error %v, want one that does not match %v", op, err, other)
		}
	}
}

// swapWhileLocked: Swap neither takes, needs nor releases the lock.
func swapWhileLocked(t *testing.T, a, b swappable) {
	l, ok := a.(lockable)
	if !ok {
		t.Logf("%T is not a Locker", a)
		return
	}
	unlock, err := l.Lock(patient(t), "k")
	if err == errors.ErrUnsupported {
		t.Logf("%T is not a Locker", a)
		return
	}
	if err != nil {
		t.Fatalf("Lock: got error %v, want none", err)
	}
	swap(t, a, "k", nil, []byte("from the holder"))
	swap(t, b, "k", []byte("from the holder"), []byte("from another"))
	wantChanged(t, a, "k", []byte("from the holder"), nil)
	swap(t, b, "k", []byte("from another"), nil)
	wantHeld(t, b.(lockable), unlock)
	release(t, unlock)
	swap(t, a, "k", nil, []byte("without the lock"))
	release(t, lock(t, b.(lockable), "k"))
	want(t, b, "k", "without the lock")
}

// hundredSwaps: of a hundred that increment a number at once, none loses the
// increment of another one, whatever happens to other keys.
func hundredSwaps(t *testing.T, a, b swappable) {
	const n = 100
	put(t, a, "counter", "0")
	ctx, cancel := context.WithTimeout(t.Context(), 4*patience)
	defer cancel()
	start, done := make(chan struct{}), make(chan struct{})
	var swappers, putters sync.WaitGroup
	for i := range n {
		s := a
		if i%2 == 1 {
			s = b
		}
		swappers.Go(func() {
			<-start
			swapIncrement(t, ctx, s, "counter")
		})
	}
	for i := range 4 {
		putters.Go(func() {
			<-start
			for round := 0; ; round++ {
				select {
				case <-done:
					return
				default:
				}
				if err := a.Put(ctx, fmt.Sprint("counter", i), []byte(strconv.Itoa(round))); err != nil {
					t.Errorf("Put of another key: got error %v, want none", err)
					return
				}
				time.Sleep(time.Millisecond) // the machine has others to serve
			}
		})
	}
	close(start)
	swappers.Wait()
	close(done)
	putters.Wait()
	want(t, b, "counter", strconv.Itoa(n))
}

// swapIncrement adds one to the number under key, without a lock. It pauses
// for longer and longer, for otherwise most of what a hundred do is in vain.
func swapIncrement(t *testing.T, ctx context.Context, s swappable, key string) {
	for pause := time.Millisecond; ; pause = min(2*pause, time.Second) {
		data, err := s.Get(ctx, key)
		if err != nil {
			t.Errorf("Get: got error %v, want none", err)
			return
		}
		n, err := strconv.Atoi(string(data))
		if err != nil {
			t.Errorf("Get: got %q, want a number", data)
			return
		}
		switch err := s.Swap(ctx, key, data, []byte(strconv.Itoa(n+1))); {
		case err == nil:
			return
		case !errors.Is(err, bearer.ErrChanged):
			t.Errorf("Swap: got error %v, want none or ErrChanged", err)
			return
		case ctx.Err() != nil:
			t.Error("Swap: no success in time, want one")
			return
		}
		time.Sleep(rand.N(pause))
	}
}

// swapPutDelete: Put and Delete do not come between the comparison of a Swap and
// its change. One goroutine puts "1/0", "2/0" and so on, and deletes at times;
// others swap "i/n" for "i/n+1". So nobody but the first changes i, and it never
// sees another i than its own; and each value is replaced by one Swap at most.
func swapPutDelete(t *testing.T, a, b swappable) {
	const rounds, swappers = 30, 6
	ctx := patient(t)
	done := make(chan struct{})
	var replaced sync.Map // the values that a Swap has replaced
	var wg sync.WaitGroup
	for i := range swappers {
		s := a
		if i%2 == 1 {
			s = b
		}
		wg.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				old, err := s.Get(ctx, "k")
				if errors.Is(err, bearer.ErrNotFound) {
					continue
				}
				var round, n int
				if err == nil {
					_, err = fmt.Sscanf(string(old), "%d/%d", &round, &n)
				}
				if err != nil {
					t.Errorf("Get: got %q and error %v, want a value that was stored", old, err)
					return
				}
				switch err := s.Swap(ctx, "k", old, fmt.Appendf(nil, "%d/%d", round, n+1)); {
				case err == nil:
					if _, twice := replaced.LoadOrStore(string(old), true); twice {
						t.Errorf("Swap of %q: got two that replaced it, want one", old)
					}
				case !errors.Is(err, bearer.ErrChanged):
					t.Errorf("Swap: got error %v, want none or ErrChanged", err)
					return
				}
			}
		})
	}
	for round := range rounds {
		put(t, b, "k", fmt.Sprintf("%d/0", round))
		for swapped := false; !swapped && !t.Failed(); { // so that the next Put meets others at work
			got, err := a.Get(ctx, "k")
			if err != nil || !strings.HasPrefix(string(got), fmt.Sprintf("%d/", round)) {
				t.Errorf("Get after Put: got %q and error %v, want a value of round %d: a Swap has undone the Put", got, err, round)
			}
			swapped = !strings.HasSuffix(string(got), "/0")
		}
		if round%3 == 2 {
			if err := a.Delete(ctx, "k"); err != nil {
				t.Errorf("Delete: got error %v, want none", err)
			}
			for range 3 {
				if got, err := b.Get(ctx, "k"); !errors.Is(err, bearer.ErrNotFound) {
					t.Errorf("Get after Delete: got %q and error %v, want ErrNotFound: a Swap has undone the Delete", got, err)
				}
			}
		}
	}
	close(done)
	wg.Wait()
}

// swap replaces a value that must get replaced.
func swap(t *testing.T, s bearer.Swapper, key string, old, new []byte) {
	t.Helper()
	if err := s.Swap(patient(t), key, old, new); err != nil {
		t.Fatalf("Swap(%.40q) of %s for %s: got error %v, want none", key, show(old), show(new), err)
	}
}

// wantChanged reports an error unless the value under key is another one.
func wantChanged(t *testing.T, s bearer.Swapper, key string, old, new []byte) {
	t.Helper()
	if err := s.Swap(patient(t), key, old, new); !errors.Is(err, bearer.ErrChanged) {
		t.Errorf("Swap(%.40q) of %s for %s: got error %v, want ErrChanged", key, show(old), show(new), err)
	}
}

// show is how a failure names an argument of Swap.
func show(data []byte) string {
	if data == nil {
		return "nil"
	}
	return fmt.Sprintf("%.40q", data)
}
