package main

import (
	"flag"
	"fmt"
	"runtime"
	"testing"

	"example.com/bearer/bench"
	"example.com/bearer/bench/peers"
	"example.com/bearer/bench/report"
)

// A benchmark is one of those that `go test -bench` runs, measured here in
// rounds of all peers, so that a machine that changes its pace in the middle
// does so for all of them.
type benchmark struct {
	name, figure string
	allocs       bool
	run          func(b *testing.B, p peers.Peer)
}

var benchmarks = []benchmark{
	{"round trip", "serial", true, func(b *testing.B, p peers.Peer) { bench.RoundTrip(b, p, false) }},
	{"round trip", "parallel", false, func(b *testing.B, p peers.Peer) { bench.RoundTrip(b, p, true) }},
	{"cached token", "serial", true, func(b *testing.B, p peers.Peer) { bench.Token(b, p, false) }},
	{"cached token", "parallel", false, func(b *testing.B, p peers.Peer) { bench.Token(b, p, true) }},
	{"loopback", "serial", false, bench.Loopback},
}

func (m benchmark) measure(size scale, all []peers.Peer) ([]report.Line, error) {
	if err := flag.Set("test.benchtime", size.benchtime); err != nil {
		return nil, err
	}
	times := map[string][]float64{}
	allocs := report.Line{Scenario: m.name, Figure: "allocations", Values: map[string]float64{}}
	for range size.rounds {
		for _, p := range append([]peers.Peer{peers.Floor}, all...) {
			runtime.GC() // nobody pays for the garbage of the one before
			r := testing.Benchmark(func(b *testing.B) { m.run(b, p) })
			if r.N == 0 {
				return nil, fmt.Errorf("%s with %s failed", m.name, p.Name)
			}
			times[p.Name] = append(times[p.Name], float64(r.T.Nanoseconds())/float64(r.N))
			allocs.Values[p.Name] = float64(r.AllocsPerOp())
		}
	}
	line := report.Line{Scenario: m.name, Figure: m.figure, Unit: report.Nanoseconds, Values: map[string]float64{}}
	line.Floor = median(times[peers.Floor.Name])
	for _, p := range all {
		line.Values[p.Name] = median(times[p.Name])
	}
	if !m.allocs {
		return []report.Line{line}, nil
	}
	return []report.Line{line, allocs}, nil
}
