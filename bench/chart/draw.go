package main

import (
	"bytes"
	"fmt"
	"image/color"
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"

	"example.com/bearer/bench/report"
)

// A panel shows one line of the report.
type panel struct {
	title            string
	scenario, figure string
}

// What the README is to show at a glance: the cost of a request, and what
// happens to it on a bad day. A title has at most longestTitle characters: a
// browser without the chart's font takes a wider one, and cuts off what does not
// fit.
var panels = [][]panel{
	{
		{"one request (× floor)", "round trip", "serial"},
		{"cached token (× one clock reading)", "cached token", "parallel"},
	},
	{
		{"expiry: requests that waited", "expiry", "requests that waited"},
		{"revoked token: failed of 1,000", "burst with a revoked token", "requests that failed"},
	},
	{
		{"dead endpoint: token requests", "expired token, dead endpoint", "token requests"},
		{"10 redirects: tokens leaked", "10 redirects to another origin", "tokens leaked"},
	},
}

const longestTitle = 34

const (
	width  = 24 * vg.Centimeter
	height = 20 * vg.Centimeter
)

var (
	ours   = color.RGBA{R: 0x00, G: 0x6d, B: 0x77, A: 0xff}
	theirs = color.RGBA{R: 0xb8, G: 0xc4, B: 0xcc, A: 0xff}
	ink    = color.RGBA{R: 0x24, G: 0x29, B: 0x2f, A: 0xff}
)

// chart returns the chart as SVG. It has a background of its own, because a
// page that shows it can be dark.
func chart(r *report.Report) ([]byte, error) {
	plots := make([][]*plot.Plot, len(panels))
	for i, row := range panels {
		for _, p := range row {
			drawn, err := p.plot(r)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", p.title, err)
			}
			plots[i] = append(plots[i], drawn)
		}
	}
	canvas := vgsvg.New(width, height)
	dc := draw.New(canvas)
	dc.SetColor(color.White)
	dc.Fill(dc.Rectangle.Path())
	tiles := draw.Tiles{
		Rows: len(plots), Cols: len(plots[0]),
		PadX: vg.Centimeter, PadY: 8 * vg.Millimeter,
		PadTop: 4 * vg.Millimeter, PadBottom: 4 * vg.Millimeter,
		PadLeft: 4 * vg.Millimeter, PadRight: 4 * vg.Millimeter,
	}
	canvases := plot.Align(plots, tiles, dc)
	for i, row := range plots {
		for j, p := range row {
			p.Draw(canvases[i][j])
		}
	}
	var out bytes.Buffer
	if _, err := canvas.WriteTo(&out); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// plot is one bar for each peer, the shorter the better, with the value at its
// end. bearer's is the dark one, on top.
func (p panel) plot(r *report.Report) (*plot.Plot, error) {
	line := r.Find(p.scenario, p.figure)
	if line == nil {
		return nil, fmt.Errorf("results.json has no %q of %q: run all scenarios", p.figure, p.scenario)
	}
	out := plot.New()
	out.Title.Text = p.title
	out.Title.TextStyle.Color = ink
	out.Title.TextStyle.Font = font.Font{Typeface: "Liberation", Variant: "Sans", Size: 12, Weight: 2}
	out.Title.Padding = 2 * vg.Millimeter

	n := len(r.Peers)
	names := make([]string, n)
	labels := plotter.XYLabels{XYs: make(plotter.XYs, n), Labels: make([]string, n)}
	longest := 0.0
	for i, peer := range r.Peers {
		at := n - 1 - i // the first one on top
		value := line.Values[peer]
		if line.Floor > 0 {
			value /= line.Floor
		}
		longest = math.Max(longest, value)
		bar, err := plotter.NewBarChart(plotter.Values{value}, 4*vg.Millimeter)
		if err != nil {
			return nil, err
		}
		bar.Horizontal, bar.XMin = true, float64(at)
		bar.LineStyle.Width = 0
		bar.Color = theirs
		if i == 0 {
			bar.Color = ours
		}
		out.Add(bar)
		names[at] = peer
		labels.XYs[at] = plotter.XY{X: value, Y: float64(at)}
		labels.Labels[at] = line.Cell(peer)
	}
	values, err := plotter.NewLabels(labels)
	if err != nil {
		return nil, err
	}
	for i := range values.TextStyle {
		values.TextStyle[i].Font = font.Font{Typeface: "Liberation", Variant: "Sans", Size: 10}
		values.TextStyle[i].Color = ink
		values.TextStyle[i].YAlign = text.YCenter
	}
	values.Offset = vg.Point{X: vg.Millimeter}
	out.Add(values)

	out.NominalY(names...)
	out.Y.Tick.Label.Font = font.Font{Typeface: "Liberation", Variant: "Sans", Size: 10}
	out.Y.Tick.Label.Color = ink
	out.HideX() // the values stand at the bars
	out.X.Min, out.X.Max = 0, math.Max(longest*1.15, 1)
	return out, nil
}
