package main

import (
	"context"
	"fmt"
	"regexp"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"example.com/bearer/bench/peers"
	"example.com/bearer/bench/report"
)

// A scenario is one situation.
type scenario struct {
	name    string
	figures []figure

	// run puts one peer through it, and returns a value for each figure. It
	// may be left alone in the middle: what it measures with is its own.
	run func(ctx context.Context, size scale, p peers.Peer) ([]float64, error)
}

type figure struct {
	name    string
	unit    report.Unit
	neutral bool // see report.Line
}

// A scale is how large the scenarios are.
type scale struct {
	benchtime   string // of each benchmark in each round
	rounds      int    // of what is measured by time or bytes; the median counts
	callers     int    // cold storm
	expiryFor   time.Duration
	tokenLife   time.Duration // expiry, outage
	slow        time.Duration // a refresh that others wait for
	burst       int
	dead        int
	failing     int
	credentials int

	// patience is how long one peer may take in one scenario. One that hangs
	// is noted and left behind.
	patience time.Duration
}

// full is the scale that the README's figures are of.
var full = scale{
	benchtime:   "200ms",
	rounds:      5,
	callers:     10_000,
	expiryFor:   5 * time.Second,
	tokenLife:   time.Second,
	slow:        500 * time.Millisecond,
	burst:       1_000,
	dead:        1_000,
	failing:     50,
	credentials: 100_000,
	patience:    20 * time.Second,
}

var scenarios = []scenario{
	coldStorm, callerBytes, expiry, waiter, cancelledLeader, burst, outage, deadEndpoint, failingEndpoint, redirect, shortLife, credentials,
}

func measureAll(size scale, all []peers.Peer, match *regexp.Regexp, progress func(string)) (*report.Report, error) {
	start := time.Now()
	r := newReport(all)
	for _, b := range benchmarks {
		if !match.MatchString(b.name) {
			continue
		}
		progress(b.name)
		lines, err := b.measure(size, all)
		if err != nil {
			return nil, err
		}
		r.Lines = append(r.Lines, lines...)
	}
	for _, s := range scenarios {
		if !match.MatchString(s.name) {
			continue
		}
		progress(s.name)
		r.Lines = append(r.Lines, s.measure(size, all)...)
	}
	r.Took = time.Since(start).Round(time.Second).String()
	return r, nil
}

// measure puts all peers through s, each in turn.
func (s scenario) measure(size scale, all []peers.Peer) []report.Line {
	lines := make([]report.Line, len(s.figures))
	for i, f := range s.figures {
		lines[i] = report.Line{Scenario: s.name, Figure: f.name, Unit: f.unit, Neutral: f.neutral, Values: map[string]float64{}, Notes: map[string]string{}}
	}
	for _, p := range all {
		values, err := s.bounded(size, p)
		for i := range lines {
			if err != nil {
				lines[i].Notes[p.Name] = err.Error()
			} else {
				lines[i].Values[p.Name] = values[i]
			}
		}
	}
	return lines
}

// bounded runs s with one peer, and does not wait for one that hangs.
func (s scenario) bounded(size scale, p peers.Peer) ([]float64, error) {
	ctx, cancel := context.WithTimeout(context.Background(), size.patience)
	defer cancel()
	type outcome struct {
		values []float64
		err    error
	}
	done := make(chan outcome, 1)
	go func() {
		values, err := s.run(ctx, size, p)
		done <- outcome{values, err}
	}()
	select {
	case o := <-done:
		return o.values, o.err
	case <-time.After(size.patience + size.patience/10):
		return nil, fmt.Errorf("hangs for more than %v", size.patience)
	}
}

func newReport(all []peers.Peer) *report.Report {
	r := &report.Report{
		Date:     time.Now().Format(time.DateOnly),
		Go:       runtime.Version(),
		Machine:  runtime.GOOS + "/" + runtime.GOARCH + ", " + cpuModel(),
		CPUs:     runtime.GOMAXPROCS(0),
		Versions: map[string]string{},
	}
	versions := map[string]string{}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, m := range info.Deps {
			versions[m.Path] = m.Version
		}
	}
	for _, p := range all {
		r.Peers = append(r.Peers, p.Name)
		r.Versions[p.Name] = strings.TrimSpace(p.Module + " " + versions[p.Module])
	}
	return r
}

// median is the middle of the rounds.
func median(rounds []float64) float64 {
	slices.Sort(rounds)
	return rounds[len(rounds)/2]
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
