package bearer

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func nothingElse() {}

// G7: one flight at a time, whose outcome all who joined it share; the next
// caller begins another.
func TestFlightIsShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var f flight
		var runs atomic.Int32
		want := &entry{}
		work := func(*watchdog) (*entry, error) {
			runs.Add(1)
			time.Sleep(time.Second)
			return want, errTest
		}
		for round := range 3 {
			var began atomic.Int32
			var wg sync.WaitGroup
			for range 100 {
				wg.Go(func() {
					landed, fresh := f.join(work, nothingElse)
					if fresh {
						began.Add(1)
					}
					if r := <-landed; r.Val.(*entry) != want || r.Err != errTest {
						t.Errorf("got %v and %v, want the outcome of the work", r.Val, r.Err)
					}
				})
			}
			wg.Wait()
			if got := runs.Load(); got != int32(round+1) || began.Load() != 1 {
				t.Errorf("round %d: got %d runs, begun by %d callers, want %d, begun by one", round, got, began.Load(), round+1)
			}
			if f.group != nil {
				t.Error("after the landing: a Group is kept, want none")
			}
		}
	})
}

// A Group exists only while its flight is under way, and current joins that
// flight without starting another.
func TestFlightCurrent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var f flight
		if f.current() != nil {
			t.Error("before any flight: got one under way")
		}
		want := &entry{}
		f.join(func(*watchdog) (*entry, error) { time.Sleep(time.Second); return want, nil }, nothingElse)
		if f.group == nil {
			t.Error("under way: got no Group")
		}
		landed := f.current()
		if landed == nil {
			t.Fatal("under way: got no flight")
		}
		if r := <-landed; r.Val.(*entry) != want || r.Err != nil {
			t.Errorf("got %v and %v, want the outcome of the work", r.Val, r.Err)
		}
		if f.current() != nil || f.group != nil {
			t.Error("after the landing: got a flight under way")
		}
	})
}

// G13: work that panics or calls runtime.Goexit is an error for all who wait,
// and the next flight begins.
func TestFlightThatBreaksOff(t *testing.T) {
	for name, row := range map[string]struct {
		work func()
		want string
	}{
		"panic":      {func() { panic("boom") }, "panicked: boom"},
		"nil panic":  {func() { panic(nil) }, "panicked"},
		"goexit":     {runtime.Goexit, "runtime.Goexit"},
		"late panic": {func() { time.Sleep(time.Second); panic("boom") }, "panicked: boom"},
	} {
		synctest.Test(t, func(t *testing.T) {
			var f flight
			var wg sync.WaitGroup
			for range 10 {
				wg.Go(func() {
					landed, _ := f.join(func(*watchdog) (*entry, error) { row.work(); return nil, nil }, nothingElse)
					if r := <-landed; !errors.Is(r.Err, errBrokeOff) || !strings.Contains(r.Err.Error(), row.want) {
						t.Errorf("%s: got %v, want %q", name, r.Err, row.want)
					}
				})
			}
			wg.Wait()
			landed, fresh := f.join(func(*watchdog) (*entry, error) { return nil, errTest }, nothingElse)
			if r := <-landed; !fresh || r.Err != errTest {
				t.Errorf("%s: the next flight: got %v, fresh %v, want its own outcome", name, r.Err, fresh)
			}
		})
	}
}

// G13: the watchdog lands a flight whose work does not return, a tenth after the
// limit of its step, and names the step. The work goes on alone, beside the
// next flight, and its late outcome reaches no waiter.
func TestFlightIsLandedByTheWatchdog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var f flight
		var returned atomic.Bool
		start := time.Now()
		landed, _ := f.join(func(w *watchdog) (*entry, error) {
			w.watch("the first step", 10*time.Second)
			time.Sleep(10 * time.Second)
			w.watch("the second step", 20*time.Second)
			time.Sleep(time.Hour)
			returned.Store(true)
			return &entry{}, nil
		}, nothingElse)
		r := <-landed
		if took := time.Since(start); took != 32*time.Second {
			t.Errorf("landed after %v, want 32s", took)
		}
		const want = "the second step did not return within 20s: context deadline exceeded"
		if r.Err == nil || r.Err.Error() != want || !errors.Is(r.Err, context.DeadlineExceeded) {
			t.Errorf("got %v, want %s", r.Err, want)
		}
		landed, fresh := f.join(func(w *watchdog) (*entry, error) {
			w.watch("all", 3*time.Hour)
			time.Sleep(2 * time.Hour)
			return nil, errTest
		}, nothingElse)
		if !fresh {
			t.Error("after the landing: joined the flight that was landed")
		}
		if returned.Load() {
			t.Error("the work returned early")
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		if !returned.Load() {
			t.Error("the work did not go on")
		}
		if f.current() == nil {
			t.Error("the late outcome ended the next flight")
		}
		<-landed
	})
}

// The function after is called once, when a new caller would begin another
// flight, and before any waiter has the outcome.
func TestFlightIsOverBeforeItLands(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var f flight
		calls := 0
		after := func() {
			if calls++; f.group != nil {
				t.Error("callers can still join the flight")
			}
			time.Sleep(time.Second)
		}
		start := time.Now()
		landed, _ := f.join(func(*watchdog) (*entry, error) { return nil, errTest }, after)
		f.join(nil, nil)
		if <-landed; calls != 1 || time.Since(start) != time.Second {
			t.Errorf("got %d calls, and the outcome after %v, want one call before it, which takes 1s", calls, time.Since(start))
		}
	})
}

// Callers may leave their channel unread, in any number.
func TestFlightWithoutWaiters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // which fails if a goroutine stays
		var f flight
		for range 100 {
			f.join(func(*watchdog) (*entry, error) { time.Sleep(time.Second); return nil, nil }, nothingElse)
		}
		time.Sleep(time.Second)
	})
}
