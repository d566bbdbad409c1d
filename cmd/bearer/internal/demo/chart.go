package demo

import (
	"fmt"
	"math"
	"strings"
	"time"
)

// The size of a chart in its units, which the page scales. The margins hold the
// labels of the axes and, above the plot, of the events.
const (
	chartWidth  = 640.0
	chartHeight = 230.0
	plotLeft    = 62.0
	plotRight   = chartWidth - 10
	plotTop     = 26.0
	plotBottom  = chartHeight - 30
)

// chart is drawn by the page's template. Its numbers are positions in it.
type chart struct {
	Title string // for screen readers
	Note  string // the total of the run

	Width, Height            float64
	Left, Right, Top, Bottom float64

	X, Y  []tick
	Marks []mark
	Lines []line
	Bars  []bar
	Tips  []tip
}

// PlotHeight returns the height of the plot: a template cannot subtract.
func (c *chart) PlotHeight() float64 { return c.Bottom - c.Top }

type tick struct {
	At    float64
	Label string
}

// mark is an event: a line, or a span if Width is not zero.
type mark struct {
	At, Width float64
	Kind      eventKind
	Label     string
}

// Middle returns the position of the label.
func (m mark) Middle() float64 { return m.At + m.Width/2 }

type line struct{ Class, Path string }

type bar struct {
	X, Y, W, H float64
	Class      string
}

// tip is a strip of the plot and the text that is shown when the pointer is
// over it.
type tip struct {
	X, W float64
	Text string
}

// axis maps values to positions: times from left to right, or figures from
// bottom to top.
type axis struct {
	low, high float64
	from, to  float64
	log       bool
}

func (a axis) at(v float64) float64 {
	low, high := a.low, a.high
	if a.log {
		low, high, v = math.Log(low), math.Log(high), math.Log(max(v, a.low))
	}
	return round(a.from + (v-low)/(high-low)*(a.to-a.from))
}

// ticks returns the labels of the axis, one for each step. The steps of a
// logarithmic axis are 1, 2 and 5 times each power of ten.
func (a axis) ticks(step float64, unit string) []tick {
	var out []tick
	label := func(v float64) { out = append(out, tick{a.at(v), fmt.Sprintf("%.12g%s", v, unit)}) }
	if a.log {
		for v := a.low; v <= a.high*1.001; v = nextNice(v) {
			label(v)
		}
		return out
	}
	for i := 0.0; a.low+i*step <= a.high*1.001; i++ {
		label(a.low + i*step)
	}
	return out
}

// niceAbove returns the smallest number that is not below v among 1, 2 and 5
// times the powers of ten. v must be positive.
func niceAbove(v float64) float64 {
	power := math.Pow(10, math.Floor(math.Log10(v)))
	for _, m := range []float64{1, 2, 5} {
		if m*power >= v*(1-1e-9) {
			return m * power
		}
	}
	return 10 * power
}

func nextNice(v float64) float64  { return niceAbove(v * 1.5) }
func niceBelow(v float64) float64 { return 1 / niceAbove(1/v) }

// timeAxis returns the time axis, which all charts of a page share.
func timeAxis(span time.Duration) axis {
	return axis{high: span.Seconds(), from: plotLeft, to: plotRight}
}

func newChart(title string, x axis, events []event) *chart {
	c := &chart{
		Title: title,
		Width: chartWidth, Height: chartHeight,
		Left: plotLeft, Right: plotRight, Top: plotTop, Bottom: plotBottom,
		X: x.ticks(niceAbove(x.high/8), " s"),
	}
	for _, e := range events {
		if e.at.Seconds() > x.high {
			continue // the expiry of a token that outlives the run
		}
		m := mark{At: x.at(e.at.Seconds()), Kind: e.kind, Label: eventLabels[e.kind]}
		if e.until > 0 {
			m.Width = round(x.at(min(e.until.Seconds(), x.high)) - m.At)
		}
		c.Marks = append(c.Marks, m)
	}
	return c
}

// An expiry has no label: there are many, and the legend explains their line.
var eventLabels = map[eventKind]string{
	revocation: "revoked",
	outage:     "503",
	redirect:   "redirect",
}

// latencyChart draws latencies on a logarithmic axis, so that both the usual
// 100 ms and the longest stall can be read.
func latencyChart(x axis, low, high time.Duration, width time.Duration, c *Column, s series) *chart {
	out := newChart("Latency of "+c.Name+" over time", x, c.events)
	// Some room on both sides, so that no line runs along the frame.
	y := axis{low: niceBelow(ms(low) * 0.8), high: niceAbove(ms(high) * 1.1), from: plotBottom, to: plotTop, log: true}
	out.Y = y.ticks(0, " ms")
	for _, l := range []struct {
		class string
		value func(*quantiles) time.Duration
	}{
		{"max", func(q *quantiles) time.Duration { return q.max }},
		{"p99", func(q *quantiles) time.Duration { return q.p99 }},
		{"p50", func(q *quantiles) time.Duration { return q.p50 }},
	} {
		// A step for each bucket. A bucket without a request breaks the
		// line.
		var path strings.Builder
		for i, q := range s.latency {
			if q == nil {
				continue
			}
			left, right, top := x.at(float64(i)*width.Seconds()), x.at(float64(i+1)*width.Seconds()), y.at(ms(l.value(q)))
			if i == 0 || s.latency[i-1] == nil {
				fmt.Fprintf(&path, "M%g %g", left, top)
			}
			fmt.Fprintf(&path, "V%gH%g", top, right)
		}
		out.Lines = append(out.Lines, line{l.class, path.String()})
	}
	out.tips(x, width, len(s.latency), func(i int) string {
		q := s.latency[i]
		if q == nil {
			return "no request started"
		}
		return fmt.Sprintf("p50 %.1f ms, p99 %.1f ms, max %.1f ms", ms(q.p50), ms(q.p99), ms(q.max))
	})
	return out
}

// countChart draws how often something happened. top is the highest count of
// any column in one bucket.
func countChart(title, class, what string, x axis, top int, width time.Duration, c *Column, counts []int) *chart {
	out := newChart(title+" of "+c.Name+" over time", x, c.events)
	total := 0
	for _, n := range counts {
		total += n
	}
	out.Note = count(total) + " in all"
	step := max(1, niceAbove(float64(top)/4))
	y := axis{high: step * math.Ceil(float64(max(top, 1))/step), from: plotBottom, to: plotTop}
	out.Y = y.ticks(step, "")
	for i, n := range counts {
		if n == 0 {
			continue
		}
		left := x.at(float64(i) * width.Seconds())
		w := x.at(float64(i+1)*width.Seconds()) - left
		// At least 2, so that 1 of thousands is visible.
		h := max(plotBottom-y.at(float64(n)), 2)
		out.Bars = append(out.Bars, bar{left, round(plotBottom - h), round(max(w-1, 1)), round(h), class})
	}
	out.tips(x, width, len(counts), func(i int) string { return fmt.Sprintf("%s: %s", what, count(counts[i])) })
	return out
}

func (c *chart) tips(x axis, width time.Duration, n int, text func(int) string) {
	for i := range n {
		from, to := float64(i)*width.Seconds(), float64(i+1)*width.Seconds()
		c.Tips = append(c.Tips, tip{x.at(from), round(x.at(to) - x.at(from)), fmt.Sprintf("%.4g to %.4g s: %s", from, to, text(i))})
	}
}

func ms(d time.Duration) float64 { return d.Seconds() * 1000 }

// round keeps the page small: less than a tenth of a unit is not visible.
func round(v float64) float64 { return math.Round(v*10) / 10 }
