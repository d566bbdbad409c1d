// Package storetest tests that an implementation of [bearer.Store], and of
// [bearer.Locker] and [bearer.Swapper], keeps the contract, as testing/slogtest
// does for slog handlers.
//
//	func TestMyStore(t *testing.T) {
//		storetest.Run(t, func(t *testing.T) bearer.Store {
//			return openMyStore(t.TempDir())
//		})
//	}
package storetest

import (
	"context"
	"errors"
	"testing"
	"time"

	"example.com/bearer"
)

// Run tests a Store, its locks if it is a Locker, and its Swap if it is a
// Swapper. open returns an empty Store; Run calls it for each test, and does not
// close what it returns: use t.Cleanup. A Store that several processes share
// deserves [RunShared], too.
func Run(t *testing.T, open func(t *testing.T) bearer.Store) {
	t.Run("Store", func(t *testing.T) {
		for _, test := range storeTests {
			t.Run(test.name, func(t *testing.T) { test.run(t, open(t)) })
		}
		runShared(t, sharedStoreTests, twice(open))
	})
	t.Run("Locker", func(t *testing.T) { runLocks(t, twice(open)) })
	t.Run("Swapper", func(t *testing.T) { runSwaps(t, twice(open)) })
}

// RunShared tests that two values, such as two processes would have, are one
// Store: what one puts, the other gets; if they are Lockers, their locks exclude
// each other; and if they are Swappers, neither loses what the other changed.
// open returns two values for one empty Store; RunShared calls it for each test.
func RunShared(t *testing.T, open func(t *testing.T) (a, b bearer.Store)) {
	t.Run("Store", func(t *testing.T) { runShared(t, sharedStoreTests, open) })
	t.Run("Locker", func(t *testing.T) { runLocks(t, open) })
	t.Run("Swapper", func(t *testing.T) { runSwaps(t, open) })
}

// twice returns one value as if it were two.
func twice(open func(t *testing.T) bearer.Store) func(t *testing.T) (a, b bearer.Store) {
	return func(t *testing.T) (a, b bearer.Store) {
		s := open(t)
		return s, s
	}
}

// A sharedTest tests two values that are to be one Store. S is bearer.Store, or
// an interface with an optional method of one.
type sharedTest[S any] struct {
	name string
	run  func(t *testing.T, a, b S)
}

func runShared[S any](t *testing.T, tests []sharedTest[S], open func(t *testing.T) (a, b S)) {
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			a, b := open(t)
			test.run(t, a, b)
		})
	}
}

// patience is how long a call may take that has nothing to wait for, or a few
// hundred such calls together. It keeps a Store that hangs from hanging its
// tests.
var patience = 30 * time.Second

func patient(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// put stores a value that must get stored.
func put(t *testing.T, s bearer.Store, key, value string) {
	t.Helper()
	if err := s.Put(patient(t), key, []byte(value)); err != nil {
		t.Fatalf("Put(%.40q): got error %v, want none", key, err)
	}
}

// want reports an error unless key has the value, or one of them.
func want(t *testing.T, s bearer.Store, key string, values ...string) {
	t.Helper()
	got, err := s.Get(patient(t), key)
	if err != nil {
		t.Errorf("Get(%.40q): got error %v, want a value", key, err)
		return
	}
	for _, value := range values {
		if string(got) == value {
			return
		}
	}
	t.Errorf("Get(%.40q): got %d bytes %.40q, want %d bytes %.40q", key, len(got), got, len(values[0]), values[0])
}

// wantAbsent reports an error unless key has no value.
func wantAbsent(t *testing.T, s bearer.Store, key string) {
	t.Helper()
	if got, err := s.Get(patient(t), key); !errors.Is(err, bearer.ErrNotFound) {
		t.Errorf("Get(%.40q): got %.40q and error %v, want ErrNotFound", key, got, err)
	}
}
