package fleet

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"example.com/bearer"
	"example.com/bearer/stores/storetest"
)

func newProbe(store bearer.Store) (*probe, *bytes.Buffer) {
	var out bytes.Buffer
	return &probe{Store: store, report: newReporter(&out)}, &out
}

// steps returns the steps that were reported.
func steps(t *testing.T, out *bytes.Buffer) string {
	t.Helper()
	var all []string
	for dec := json.NewDecoder(out); ; {
		var m message
		if err := dec.Decode(&m); err == io.EOF {
			return strings.Join(all, " ")
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, string(m.Step))
	}
}

// A probe that is not cut is as good as its Store.
func TestProbeIsAStore(t *testing.T) {
	storetest.Run(t, func(*testing.T) bearer.Store {
		p, _ := newProbe(new(bearer.MemoryStore))
		return p
	})
}

func TestProbeReportsSteps(t *testing.T) {
	p, out := newProbe(new(bearer.MemoryStore))
	trip := p.tokenTrip(roundTripper(func(*http.Request) (*http.Response, error) { return new(http.Response), nil }))
	for range 2 { // the second refresh begins anew
		unlock, err := p.Lock(t.Context(), "k")
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Put(t.Context(), "k", []byte("intent")); err != nil {
			t.Fatal(err)
		}
		if _, err := trip.RoundTrip(new(http.Request)); err != nil {
			t.Fatal(err)
		}
		if err := p.Swap(t.Context(), "k", []byte("intent"), []byte("token")); err != nil {
			t.Fatal(err)
		}
		if err := unlock(); err != nil {
			t.Fatal(err)
		}
		if got, want := steps(t, out), "locked intended asking answered saved unlocked"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

// During a cut a Store fails at once, or does not answer until the context or
// the cut ends.
func TestProbeCutsTheStoreOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, _ := newProbe(new(bearer.MemoryStore))
		operations := map[string]func(context.Context) error{
			"get":    func(ctx context.Context) error { _, err := p.Get(ctx, "k"); return err },
			"put":    func(ctx context.Context) error { return p.Put(ctx, "k", []byte("v")) },
			"swap":   func(ctx context.Context) error { return p.Swap(ctx, "k", []byte("v"), []byte("v")) },
			"lock":   func(ctx context.Context) error { _, err := p.Lock(ctx, "k"); return err },
			"delete": func(ctx context.Context) error { return p.Delete(ctx, "k") },
		}
		for _, cut := range []struct {
			how  command
			want error
		}{{cutRefuse, errCut}, {cutHang, context.DeadlineExceeded}} {
			p.set(cut.how)
			p.set(cut.how) // does nothing
			for name, do := range operations {
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				if err := do(ctx); err != cut.want {
					t.Errorf("%s, %s: got %v, want %v", cut.how, name, err, cut.want)
				}
				cancel()
			}
			p.set(mend)
			p.set(mend) // does nothing
		}

		p.set(cutHang)
		put := make(chan error)
		go func() { put <- p.Put(t.Context(), "k", []byte("late")) }()
		synctest.Wait()
		p.set(mend)
		if err := <-put; err != nil {
			t.Errorf("a put that waited for the end of the cut: got %v, want none", err)
		}
		if data, err := p.Get(t.Context(), "k"); err != nil || string(data) != "late" {
			t.Errorf("after the cut: got %q and %v, want the late value", data, err)
		}
	})
}

// A lock that is given up during a cut is free after it.
func TestUnlockDuringACut(t *testing.T) {
	p, _ := newProbe(new(bearer.MemoryStore))
	unlock, err := p.Lock(t.Context(), "k")
	if err != nil {
		t.Fatal(err)
	}
	p.set(cutHang)
	if err := unlock(); err != errCut {
		t.Errorf("got %v, want %v", err, errCut)
	}
	p.set(mend)
	if _, err := p.Lock(t.Context(), "k"); err != nil {
		t.Error(err)
	}
}

// plainStore is no Locker, and no Swapper.
type plainStore struct{ bearer.Store }

func TestProbeOfAPlainStore(t *testing.T) {
	p, _ := newProbe(plainStore{new(bearer.MemoryStore)})
	if _, err := p.Lock(t.Context(), "k"); err != errors.ErrUnsupported {
		t.Errorf("Lock: got %v, want %v", err, errors.ErrUnsupported)
	}
	if err := p.Swap(t.Context(), "k", nil, []byte("v")); err != errors.ErrUnsupported {
		t.Errorf("Swap: got %v, want %v", err, errors.ErrUnsupported)
	}
	if got := p.Lease(); got != 0 {
		t.Errorf("Lease: got %v, want 0", got)
	}
}
