package fleet

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"example.com/bearer/cmd/bearer/internal/figures"
)

// The size of a chart in its units, which the page scales. The margins hold the
// labels of the axes.
const (
	chartWidth = 1000.0
	plotLeft   = 62.0
	plotRight  = chartWidth - 10
	plotTop    = 10.0
	plotHeight = 150.0
	laneHeight = 15.0
	below      = 24.0 // for the labels of the time axis
)

// A chart is drawn by the page's template. Its numbers are positions in it.
type chart struct {
	Title  string // for screen readers
	Width  float64
	Height float64

	Left, Right, Top, Bottom float64

	X, Y   []figures.Tick
	Spans  []span
	Lines  []line
	Bars   []bar
	Points []point
	Tips   []tip
}

// PlotHeight returns the height of the plot: a template cannot subtract.
func (c *chart) PlotHeight() float64 { return c.Bottom - c.Top }

// A span is a fault that took a while.
type span struct {
	X, Y, W, H float64
	Kind       faultKind
	Text       string
}

type line struct{ Class, Path string }

type bar struct {
	X, Y, W, H float64
	Class      string
}

// A point is a token request, or a kill.
type point struct {
	X, Y  float64
	Class string
	Text  string
}

// A tip is a strip of the plot and the text that is shown when the pointer is
// over it.
type tip struct {
	X, W float64
	Text string
}

// charts draws a result. All charts have the same time axis.
type charts struct {
	result  *Result
	x       figures.Axis
	width   time.Duration // of a bucket
	buckets int
}

// resolution is about how many buckets a run is divided into.
const resolution = 120

func newCharts(r *Result) charts {
	lasted := max(r.lasted, time.Millisecond)
	width := time.Duration(figures.NiceAbove(lasted.Seconds()/resolution) * float64(time.Second))
	buckets := int(math.Ceil(float64(lasted) / float64(width)))
	return charts{r, figures.Axis{High: (width * time.Duration(buckets)).Seconds(), From: plotLeft, To: plotRight}, width, buckets}
}

func (c charts) bucket(at time.Duration) int { return min(max(int(at/c.width), 0), c.buckets-1) }

// from returns where a bucket begins.
func (c charts) from(bucket int) float64 { return c.x.At(float64(bucket) * c.width.Seconds()) }

// blank returns a chart with the time axis, and the cuts, which concern all.
func (c charts) blank(title string, height float64) *chart {
	out := &chart{
		Title: title,
		Width: chartWidth, Height: plotTop + height + below,
		Left: plotLeft, Right: plotRight, Top: plotTop, Bottom: plotTop + height,
		X: c.x.Ticks(figures.NiceAbove(c.x.High/12), " s"),
	}
	for _, f := range c.result.faults {
		if f.kind == cutOff {
			out.Spans = append(out.Spans, c.span(f, plotTop, height))
		}
	}
	return out
}

func (c charts) span(f fault, y, height float64) span {
	from := c.x.At(f.at.Seconds())
	return span{from, y, figures.Round(c.x.At(f.until.Seconds()) - from), height, f.kind, describe(f)}
}

// describe says what a fault was.
func describe(f fault) string {
	at := fmt.Sprintf("%.1f s", f.at.Seconds())
	if f.until > f.at {
		at += fmt.Sprintf(" to %.1f s", f.until.Seconds())
	}
	what := map[faultKind]string{kill: "process %d killed", freeze: "process %d stopped", cutOff: "the store cut off"}[f.kind]
	if f.worker >= 0 {
		what = fmt.Sprintf(what, f.worker)
	}
	if f.step != "" {
		what += ", " + stepTexts[f.step]
	}
	return at + ": " + what
}

var stepTexts = map[step]string{
	locked:   "with the lock",
	intended: "after it wrote that it would ask",
	asking:   "while it asked",
	spent:    "when the server had spent the refresh token",
	answered: "when it had the answer",
	saved:    "when it had stored the answer",
}

// lanes draws who refreshed: a lane for each process, with its token requests
// and its faults.
func (c charts) lanes() *chart {
	n := c.result.fleet.Processes
	out := c.blank("Token requests of each process over time", float64(n)*laneHeight)
	middle := func(worker int) float64 { return plotTop + (float64(worker)+0.5)*laneHeight }
	for i := range n {
		label := ""
		if n <= 32 || i%4 == 0 {
			label = fmt.Sprint(i)
		}
		out.Y = append(out.Y, figures.Tick{At: middle(i), Label: label})
	}
	for _, f := range c.result.faults {
		switch f.kind {
		case freeze:
			out.Spans = append(out.Spans, c.span(f, middle(f.worker)-laneHeight/2+2, laneHeight-4))
		case kill:
			out.Points = append(out.Points, point{c.x.At(f.at.Seconds()), middle(f.worker), string(kill), describe(f)})
		}
	}
	for _, t := range c.result.requests {
		if t.worker >= 0 && t.worker < n {
			text := fmt.Sprintf("%.2f s: process %d, %s", t.at.Seconds(), t.worker, outcomeTexts[t.outcome])
			out.Points = append(out.Points, point{c.x.At(t.at.Seconds()), middle(t.worker), string(t.outcome), text})
		}
	}
	return out
}

var outcomeTexts = map[outcome]string{
	expiry: "for a token in its window or expired",
	early:  "for a token before its window",
	repeat: "with a refresh token used before, within the grace",
	failed: "that failed",
}

// A part is a share of the bars of a chart.
type part struct {
	class string
	what  string
	n     []int // in each bucket
}

// stacked draws parts on top of each other.
func (c charts) stacked(title string, parts []part) *chart {
	out := c.blank(title, plotHeight)
	top := 1
	sums := make([]int, c.buckets)
	for _, p := range parts {
		for i, n := range p.n {
			sums[i] += n
			top = max(top, sums[i])
		}
	}
	step := max(1, figures.NiceAbove(float64(top)/4))
	y := figures.Axis{High: step * math.Ceil(float64(top)/step), From: out.Bottom, To: out.Top}
	out.Y = y.Ticks(step, "")
	for i := range c.buckets {
		left := c.from(i)
		w := c.from(i+1) - left
		sum := 0
		var texts []string
		for _, p := range parts {
			n := p.n[i]
			if n == 0 {
				continue
			}
			low := y.At(float64(sum))
			sum += n
			// At least 2, so that 1 of thousands is visible.
			h := max(low-y.At(float64(sum)), 2)
			out.Bars = append(out.Bars, bar{left, figures.Round(low - h), figures.Round(max(w-1, 1)), figures.Round(h), p.class})
			texts = append(texts, fmt.Sprintf("%s %s", figures.Count(n), p.what))
		}
		if len(texts) == 0 {
			texts = []string{"none"}
		}
		out.Tips = append(out.Tips, c.tip(i, strings.Join(texts, ", ")))
	}
	return out
}

func (c charts) tip(bucket int, text string) tip {
	left := c.from(bucket)
	at := time.Duration(bucket) * c.width
	return tip{left, figures.Round(c.from(bucket+1) - left), fmt.Sprintf("%.4g to %.4g s: %s", at.Seconds(), (at + c.width).Seconds(), text)}
}

// outcomes are the outcomes of token requests, in the order of the bars.
var outcomes = []outcome{expiry, repeat, early, failed}

func (c charts) tokenRequests() *chart {
	var parts []part
	for _, o := range outcomes {
		p := part{string(o), outcomeTexts[o], make([]int, c.buckets)}
		for _, t := range c.result.requests {
			if t.outcome == o {
				p.n[c.bucket(t.at)]++
			}
		}
		parts = append(parts, p)
	}
	return c.stacked("Token requests over time", parts)
}

func (c charts) failures() *chart {
	without := part{"without", "without a valid token", make([]int, c.buckets)}
	with := part{"with", "with a valid token", make([]int, c.buckets)}
	for _, s := range c.result.samples {
		switch {
		case s.valid:
			with.n[c.bucket(s.began)]++
		case s.failed:
			without.n[c.bucket(s.began)]++
		}
	}
	return c.stacked("Failed requests over time", []part{with, without})
}

// latency draws latencies on a logarithmic axis, so that both the usual ones and
// the longest stall can be read.
func (c charts) latency() *chart {
	out := c.blank("Latency of requests over time", plotHeight)
	buckets := make([][]time.Duration, c.buckets)
	low, high := time.Duration(math.MaxInt64), time.Microsecond
	for _, s := range c.result.samples {
		b := c.bucket(s.began)
		buckets[b] = append(buckets[b], s.ended-s.began)
	}
	for _, l := range buckets {
		if len(l) > 0 {
			slices.Sort(l)
			low, high = min(low, figures.Percentile(l, 0.5)), max(high, l[len(l)-1])
		}
	}
	low = max(min(low, high), 10*time.Microsecond) // the axis is logarithmic
	// Some room on both sides, so that no line runs along the frame.
	y := figures.Axis{
		Low: figures.NiceBelow(figures.Milliseconds(low) * 0.8), High: figures.NiceAbove(figures.Milliseconds(high) * 1.1),
		From: out.Bottom, To: out.Top, Log: true,
	}
	for _, t := range y.Ticks(0, " ms") {
		if strings.Trim(t.Label, "0. ms") == "1" { // the powers of ten
			out.Y = append(out.Y, t)
		}
	}
	for _, l := range []struct {
		class string
		p     float64
	}{{"max", 1}, {"p99", 0.99}, {"p50", 0.5}} {
		// A step for each bucket. A bucket without a request breaks the line.
		var path strings.Builder
		for i, sorted := range buckets {
			if len(sorted) == 0 {
				continue
			}
			top := y.At(figures.Milliseconds(figures.Percentile(sorted, l.p)))
			if i == 0 || len(buckets[i-1]) == 0 {
				fmt.Fprintf(&path, "M%g %g", c.from(i), top)
			}
			fmt.Fprintf(&path, "V%gH%g", top, c.from(i+1))
		}
		out.Lines = append(out.Lines, line{l.class, path.String()})
	}
	for i, sorted := range buckets {
		text := "no request began"
		if len(sorted) > 0 {
			ms := func(p float64) float64 { return figures.Milliseconds(figures.Percentile(sorted, p)) }
			text = fmt.Sprintf("%s requests, p50 %.1f ms, p99 %.1f ms, max %.1f ms", figures.Count(len(sorted)), ms(0.5), ms(0.99), ms(1))
		}
		out.Tips = append(out.Tips, c.tip(i, text))
	}
	return out
}
