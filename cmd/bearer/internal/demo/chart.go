package demo

import (
	"fmt"
	"math"
	"strings"
	"time"

	"example.com/bearer/cmd/bearer/internal/figures"
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

	X, Y  []figures.Tick
	Marks []mark
	Lines []line
	Bars  []bar
	Tips  []tip
}

// PlotHeight returns the height of the plot: a template cannot subtract.
func (c *chart) PlotHeight() float64 { return c.Bottom - c.Top }

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

// timeAxis returns the time axis, which all charts of a page share.
func timeAxis(span time.Duration) figures.Axis {
	return figures.Axis{High: span.Seconds(), From: plotLeft, To: plotRight}
}

func newChart(title string, x figures.Axis, events []event) *chart {
	c := &chart{
		Title: title,
		Width: chartWidth, Height: chartHeight,
		Left: plotLeft, Right: plotRight, Top: plotTop, Bottom: plotBottom,
		X: x.Ticks(figures.NiceAbove(x.High/8), " s"),
	}
	for _, e := range events {
		if e.at.Seconds() > x.High {
			continue // the expiry of a token that outlives the run
		}
		m := mark{At: x.At(e.at.Seconds()), Kind: e.kind, Label: eventLabels[e.kind]}
		if e.until > 0 {
			m.Width = figures.Round(x.At(min(e.until.Seconds(), x.High)) - m.At)
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
func latencyChart(x figures.Axis, low, high time.Duration, width time.Duration, c *Column, s series) *chart {
	out := newChart("Latency of "+c.Name+" over time", x, c.events)
	// Some room on both sides, so that no line runs along the frame.
	y := figures.Axis{Low: figures.NiceBelow(figures.Milliseconds(low) * 0.8), High: figures.NiceAbove(figures.Milliseconds(high) * 1.1), From: plotBottom, To: plotTop, Log: true}
	out.Y = y.Ticks(0, " ms")
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
			left, right, top := x.At(float64(i)*width.Seconds()), x.At(float64(i+1)*width.Seconds()), y.At(figures.Milliseconds(l.value(q)))
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
		return fmt.Sprintf("p50 %.1f ms, p99 %.1f ms, max %.1f ms", figures.Milliseconds(q.p50), figures.Milliseconds(q.p99), figures.Milliseconds(q.max))
	})
	return out
}

// countChart draws how often something happened. top is the highest count of
// any column in one bucket.
func countChart(title, class, what string, x figures.Axis, top int, width time.Duration, c *Column, counts []int) *chart {
	out := newChart(title+" of "+c.Name+" over time", x, c.events)
	total := 0
	for _, n := range counts {
		total += n
	}
	out.Note = figures.Count(total) + " in all"
	step := max(1, figures.NiceAbove(float64(top)/4))
	y := figures.Axis{High: step * math.Ceil(float64(max(top, 1))/step), From: plotBottom, To: plotTop}
	out.Y = y.Ticks(step, "")
	for i, n := range counts {
		if n == 0 {
			continue
		}
		left := x.At(float64(i) * width.Seconds())
		w := x.At(float64(i+1)*width.Seconds()) - left
		// At least 2, so that 1 of thousands is visible.
		h := max(plotBottom-y.At(float64(n)), 2)
		out.Bars = append(out.Bars, bar{left, figures.Round(plotBottom - h), figures.Round(max(w-1, 1)), figures.Round(h), class})
	}
	out.tips(x, width, len(counts), func(i int) string { return fmt.Sprintf("%s: %s", what, figures.Count(counts[i])) })
	return out
}

func (c *chart) tips(x figures.Axis, width time.Duration, n int, text func(int) string) {
	for i := range n {
		from, to := float64(i)*width.Seconds(), float64(i+1)*width.Seconds()
		c.Tips = append(c.Tips, tip{x.At(from), figures.Round(x.At(to) - x.At(from)), fmt.Sprintf("%.4g to %.4g s: %s", from, to, text(i))})
	}
}
