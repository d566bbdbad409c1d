package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/bearer"
)

var storeTests = []struct {
	name string
	run  func(t *testing.T, s bearer.Store)
}{
	{"absent", absent},
	{"values", values},
	{"overwrite", overwrite},
	{"delete", remove},
	{"keys", keys},
	{"copies", copies},
	{"context ended", contextEnded},
	{"context ends", contextEnds},
}

var sharedStoreTests = []sharedTest[bearer.Store]{
	{"share", share},
	{"whole values", wholeValues},
	{"concurrent keys", concurrentKeys},
}

func absent(t *testing.T, s bearer.Store) {
	wantAbsent(t, s, "k")
	for range 2 {
		if err := s.Delete(patient(t), "k"); err != nil {
			t.Errorf("Delete of an absent key: got error %v, want none", err)
		}
	}
	wantAbsent(t, s, "k")
}

// everyByte is a value that has each byte once.
var everyByte = func() string {
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	return string(all)
}()

// mebibyte is the largest value that a Store has to take.
var mebibyte = strings.Repeat(everyByte, 1<<20/len(everyByte))

func values(t *testing.T, s bearer.Store) {
	for i, value := range []string{"v", "", everyByte, "\x00", " \r\n", "\xff\xfe", mebibyte[:64<<10], mebibyte} {
		key := fmt.Sprint("key", i)
		put(t, s, key, value)
		want(t, s, key, value)
	}
	if err := s.Put(patient(t), "nil", nil); err != nil {
		t.Fatalf("Put of nil: got error %v, want none", err)
	}
	want(t, s, "nil", "")
}

func overwrite(t *testing.T, s bearer.Store) {
	for _, value := range []string{"a long first value", "short", "", "a longer value again"} {
		put(t, s, "k", value)
		want(t, s, "k", value)
	}
}

func remove(t *testing.T, s bearer.Store) {
	put(t, s, "k", "v")
	put(t, s, "other", "w")
	if err := s.Delete(patient(t), "k"); err != nil {
		t.Fatalf("Delete: got error %v, want none", err)
	}
	wantAbsent(t, s, "k")
	want(t, s, "other", "w")
	put(t, s, "k", "again")
	want(t, s, "k", "again")
}

// oddKeys returns keys that a Store might confuse with each other, cut, or take
// for paths and patterns.
func oddKeys() []string {
	all := []string{
		"a/b", "a%2fb", "a%2Fb", "../a", "..", "a/", "a//b", "/etc/passwd", `c:\con`, "con", "nul.txt", "a:b", "a\x00b", "a\x00",
		" a", "a ", "a\n", "a.", "aa", "a'; --", "k.lock", "k.json", "k*", "k_", "{k}",
		"é", "e\u0301", "ключ", "КЛЮЧ", "\u212a", "\u202ek", // one letter twice, two cases, the Kelvin sign, right to left
		"\xff\xfe", "k\xc3", "k\xc3\x28", "k\ufffd\x28", "\xed\xa0\x80", // not UTF-8, but for the last but one
		strings.Repeat("long", 255) + "key1", strings.Repeat("long", 255) + "key2",
		strings.Repeat("\xff", 1023) + "1", strings.Repeat("\xff", 1023) + "2",
	}
	for b := range 256 {
		all = append(all, string([]byte{byte(b)}))
	}
	return all
}

func keys(t *testing.T, s bearer.Store) {
	all := oddKeys()
	for i, key := range all {
		put(t, s, key, fmt.Sprint("value ", i))
	}
	for i, key := range all {
		want(t, s, key, fmt.Sprint("value ", i))
	}
	for i, key := range all {
		if i%2 == 0 {
			if err := s.Delete(patient(t), key); err != nil {
				t.Errorf("Delete(%.40q): got error %v, want none", key, err)
			}
		}
	}
	for i, key := range all {
		if i%2 == 0 {
			wantAbsent(t, s, key)
		} else {
			want(t, s, key, fmt.Sprint("value ", i))
		}
	}
}

// copies: neither side sees what the other does to its bytes afterwards.
func copies(t *testing.T, s bearer.Store) {
	data := []byte("value")
	if err := s.Put(patient(t), "k", data); err != nil {
		t.Fatalf("Put: got error %v, want none", err)
	}
	if string(data) != "value" {
		t.Errorf("the caller's bytes after Put: got %q, want %q", data, "value")
	}
	data[0] = 'X'
	want(t, s, "k", "value")

	got, err := s.Get(patient(t), "k")
	if err != nil {
		t.Fatalf("Get: got error %v, want none", err)
	}
	again, err := s.Get(patient(t), "k")
	if err != nil {
		t.Fatalf("Get: got error %v, want none", err)
	}
	for i := range got {
		got[i] = 'Y'
	}
	if string(again) != "value" {
		t.Errorf("a value after another one was modified: got %q, want %q", again, "value")
	}
	want(t, s, "k", "value")
}

// contextEnded: a call with a context that has ended returns that context's
// error, or does its work all the same. It must not say ErrNotFound, which
// means that the credential was deleted.
func contextEnded(t *testing.T, s bearer.Store) {
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	late, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	defer cancel()

	for _, ctx := range []context.Context{canceled, late} {
		put(t, s, "k", "old")
		if got, err := s.Get(ctx, "k"); err != nil && !errors.Is(err, ctx.Err()) || err == nil && string(got) != "old" {
			t.Errorf("Get: got %q and error %v, want the value or %v", got, err, ctx.Err())
		}
		switch err := s.Put(ctx, "k", []byte("new")); {
		case err == nil:
			want(t, s, "k", "new")
		case errors.Is(err, ctx.Err()):
			want(t, s, "k", "old", "new")
		default:
			t.Errorf("Put: got error %v, want none or %v", err, ctx.Err())
		}
		switch err := s.Delete(ctx, "k"); {
		case err == nil:
			wantAbsent(t, s, "k")
		case !errors.Is(err, ctx.Err()):
			t.Errorf("Delete: got error %v, want none or %v", err, ctx.Err())
		}
	}
}

// contextEnds: wherever in a Put its context ends, the old value is there, or
// the new one. That one may also come later, if it is on the way to a server.
func contextEnds(t *testing.T, s bearer.Store) {
	put(t, s, "k", "old")
	possible := []string{"old"}
	for i := range 40 {
		value := strings.Repeat(string(rune('a'+i%26)), 64<<10+i)
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i)*100*time.Microsecond)
		err := s.Put(ctx, "k", []byte(value))
		cancel()
		if err != nil && !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Put: got error %v, want none or %v", err, context.DeadlineExceeded)
		}
		possible = append(possible, value)
		want(t, s, "k", possible...)
	}
}

func share(t *testing.T, a, b bearer.Store) {
	put(t, a, "k", "from a")
	want(t, b, "k", "from a")
	put(t, b, "k", "from b")
	want(t, a, "k", "from b")
	if err := a.Delete(patient(t), "k"); err != nil {
		t.Fatalf("Delete: got error %v, want none", err)
	}
	wantAbsent(t, b, "k")
}

// wholeValues: a Get while others put and delete never returns a mixture.
func wholeValues(t *testing.T, a, b bearer.Store) {
	all := make([][]byte, 4)
	for i := range all {
		all[i] = bytes.Repeat([]byte{byte('a' + i)}, 10_000*(i+1))
	}
	whole := func(got []byte) bool {
		return slices.ContainsFunc(all, func(value []byte) bool { return bytes.Equal(got, value) })
	}
	ctx := patient(t)
	var wg sync.WaitGroup
	for i, value := range all {
		s, other := a, b
		if i%2 == 1 {
			s, other = b, a
		}
		wg.Go(func() {
			for n := range 25 {
				if err := s.Put(ctx, "k", value); err != nil {
					t.Errorf("Put: got error %v, want none", err)
				}
				if i == 0 && n%5 == 4 {
					if err := s.Delete(ctx, "k"); err != nil {
						t.Errorf("Delete: got error %v, want none", err)
					}
				}
			}
		})
		wg.Go(func() {
			for range 50 {
				got, err := other.Get(ctx, "k")
				if errors.Is(err, bearer.ErrNotFound) {
					continue // deleted, or not put yet
				}
				if err != nil || !whole(got) {
					t.Errorf("Get: got %d bytes from %.10q and error %v, want a value that was put, whole", len(got), got, err)
				}
			}
		})
	}
	wg.Wait()
}

// concurrentKeys: nothing that happens to a key concerns the others.
func concurrentKeys(t *testing.T, a, b bearer.Store) {
	const n = 16
	ctx := patient(t)
	key := func(i int) string { return fmt.Sprint("key", i) }
	all := func(call func(i int)) {
		var wg sync.WaitGroup
		for i := range n {
			wg.Go(func() { call(i) })
		}
		wg.Wait()
	}
	for round := range 3 {
		value := func(i int) string { return fmt.Sprint("value ", round, i) }
		all(func(i int) {
			if err := a.Put(ctx, key(i), []byte(value(i))); err != nil {
				t.Errorf("Put(%q): got error %v, want none", key(i), err)
			}
		})
		all(func(i int) { want(t, b, key(i), value(i)) })
		all(func(i int) {
			var err error
			if i%2 == 0 {
				err = b.Delete(ctx, key(i))
			} else {
				err = b.Put(ctx, key(i), []byte("another value"))
			}
			if err != nil {
				t.Errorf("Delete or Put of %q: got error %v, want none", key(i), err)
			}
		})
		all(func(i int) {
			if i%2 == 0 {
				wantAbsent(t, a, key(i))
			} else {
				want(t, a, key(i), "another value")
			}
		})
	}
}
