package main

import (
	"context"
	"fmt"
	"runtime"
	"runtime/metrics"
	"sync"
	"sync/atomic"
	"time"

	"example.com/bearer/bench/peers"
	"example.com/bearer/bench/report"
)

// coldStorm: everybody asks at once, and there is no token yet.
var coldStorm = scenario{
	name:    "cold storm",
	figures: []figure{{name: "token requests"}, {name: "wall time", unit: report.Milliseconds}},
	run: func(ctx context.Context, size scale, p peers.Peer) ([]float64, error) {
		var requests int64
		var walls []float64
		for range size.rounds {
			s := newServer(time.Hour, 50*time.Millisecond)
			all, dismiss := callers(ctx, size.callers, p.Tokens(peers.Setup{Fetch: s.fetch}))
			wall, err := storm(all)
			dismiss()
			requests = max(requests, s.requests.Load())
			s.close()
			if err != nil {
				return nil, err
			}
			walls = append(walls, milliseconds(wall))
		}
		return []float64{float64(requests), median(walls)}, nil
	},
}

// callers makes what n callers call, each with a context of its own that can
// end, as that of every request to a server can. dismiss ends the contexts.
func callers(ctx context.Context, n int, caller func(context.Context) peers.Get) (all []peers.Get, dismiss func()) {
	cancels := make([]context.CancelFunc, n)
	all = make([]peers.Get, n)
	for i := range all {
		var own context.Context
		own, cancels[i] = context.WithCancel(ctx)
		_ = own.Done() // makes the channel
		all[i] = caller(own)
	}
	return all, func() {
		for _, cancel := range cancels {
			cancel()
		}
	}
}

// storm lets all callers loose, and returns when the last one is back.
func storm(all []peers.Get) (time.Duration, error) {
	var ready, back sync.WaitGroup
	var failure atomic.Pointer[error]
	begin := make(chan struct{})
	for _, get := range all {
		ready.Add(1)
		back.Go(func() {
			ready.Done()
			<-begin
			if _, err := get(); err != nil {
				failure.Store(&err)
			}
		})
	}
	ready.Wait()
	runtime.GC()
	start := time.Now()
	close(begin)
	back.Wait()
	wall := time.Since(start)
	if err := failure.Load(); err != nil {
		return wall, *err
	}
	return wall, nil
}

// callerBytes: what one caller of the storm costs while it waits, its
// goroutine included. The garbage is collected before and after; what the
// callers bring along (contexts, requests) is there before.
var callerBytes = scenario{
	name:    "cold storm",
	figures: []figure{{name: "per waiting caller", unit: report.Bytes}},
	run: func(ctx context.Context, size scale, p peers.Peer) ([]float64, error) {
		var rounds []float64
		// The runtime gives new goroutines the stack that those before used on
		// average, and keeps its goroutines' descriptors: the first round is
		// to make all peers equal in this.
		for i := range size.rounds + 1 {
			n, err := waitingBytes(ctx, size.callers, p)
			if err != nil {
				return nil, err
			}
			if i > 0 {
				rounds = append(rounds, n)
			}
		}
		return []float64{median(rounds)}, nil
	},
}

func waitingBytes(ctx context.Context, n int, p peers.Peer) (float64, error) {
	release := make(chan struct{})
	all, dismiss := callers(ctx, n, p.Tokens(peers.Setup{Fetch: func(context.Context) (peers.Token, error) {
		<-release
		return peers.Token{Value: "token", Expiry: time.Now().Add(time.Hour)}, nil
	}}))
	defer dismiss()
	var back sync.WaitGroup
	var failed atomic.Int64
	before := footprint()
	for _, get := range all {
		back.Go(func() {
			if _, err := get(); err != nil {
				failed.Add(1)
			}
		})
	}
	for waitingGoroutines() < uint64(n) && ctx.Err() == nil {
		time.Sleep(time.Millisecond)
	}
	time.Sleep(50 * time.Millisecond) // for the last ones: the process has some waiting goroutines of its own
	after := footprint()
	close(release)
	back.Wait()
	runtime.KeepAlive(all)
	if ctx.Err() != nil || failed.Load() > 0 {
		return 0, fmt.Errorf("%d of %d callers failed", failed.Load(), n)
	}
	return float64(after-before) / float64(n), nil
}

// footprint is the heap and the stacks in use.
func footprint() int64 {
	runtime.GC()
	runtime.GC() // the first one may still have found what finalizers and pools held
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}

// waitingGoroutines is how many goroutines wait for something.
func waitingGoroutines() uint64 {
	sample := []metrics.Sample{{Name: "/sched/goroutines/waiting:goroutines"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}
