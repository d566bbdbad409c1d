package demo

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"math"
	"slices"
	"time"

	"example.com/bearer/cmd/bearer/internal/figures"
)

//go:embed report.html
var reportHTML string

var reportPage = template.Must(template.New("report").Parse(reportHTML))

// resolution is about how many buckets the longest run is divided into.
const resolution = 100

type report struct {
	Requests, Concurrency          string
	APIDelay, TokenDelay           string
	Lifetime, Outage               string
	RevokeAt, OutageAt, RedirectAt string

	Names  []string
	Rows   []row
	Note   string
	Panels []panel
}

// panel is a row of charts on the same axes, one for each column.
type panel struct {
	Title, Unit string
	Legend      []legend
	Charts      []*chart
}

type legend struct{ Class, Label string }

// WriteReport writes one HTML page that needs neither the network nor scripts.
func WriteReport(w io.Writer, b Batch, cols []*Column) error {
	var wall time.Duration
	for _, c := range cols {
		wall = max(wall, time.Duration(c.Stats.Wall)*time.Millisecond)
	}
	// A batch in which everything fails may take no time.
	wall = max(wall, time.Millisecond)
	width := time.Duration(figures.NiceAbove(wall.Seconds()/resolution) * float64(time.Second))
	buckets := int(math.Ceil(float64(wall) / float64(width)))
	x := timeAxis(width * time.Duration(buckets))

	all := make([]series, len(cols))
	low, high, failed, tokens := time.Duration(math.MaxInt64), time.Duration(0), 0, 0
	for i, c := range cols {
		all[i] = newSeries(c, width, buckets)
		for _, q := range all[i].latency {
			if q != nil {
				low, high = min(low, q.p50), max(high, q.max)
			}
		}
		failed = max(failed, slices.Max(all[i].failed))
		tokens = max(tokens, slices.Max(all[i].tokens))
	}
	low = max(low, time.Microsecond) // the axis is logarithmic

	per := "per " + figures.Spell(width)
	latency := panel{Title: "Latency", Unit: "of requests started in each " + figures.Spell(width) + ", logarithmic; a gap: no request could start", Legend: []legend{
		{"p50", "p50"}, {"p99", "p99"}, {"max", "max"},
	}}
	fetches := panel{Title: "Token requests", Unit: per, Legend: []legend{{"tokens", "token requests"}}}
	failures := panel{Title: "Failed requests", Unit: per, Legend: []legend{{"failed", "failed"}}}
	for i, c := range cols {
		latency.Charts = append(latency.Charts, latencyChart(x, low, high, width, c, all[i]))
		fetches.Charts = append(fetches.Charts, countChart("Token requests", "tokens", "token requests", x, tokens, width, c, all[i].tokens))
		failures.Charts = append(failures.Charts, countChart("Failed requests", "failed", "failed", x, failed, width, c, all[i].failed))
	}
	page := report{
		Requests:    figures.Count(b.Requests),
		Concurrency: figures.Count(b.Concurrency),
		APIDelay:    figures.Spell(apiDelay),
		TokenDelay:  figures.Spell(tokenDelay),
		Lifetime:    figures.Spell(b.Lifetime()),
		Outage:      figures.Spell(b.Outage()),
		RevokeAt:    percent(revokeAt),
		OutageAt:    percent(outageAt),
		RedirectAt:  percent(redirectAt),
		Rows:        rows(b, cols),
		Note:        note(b),
		Panels:      []panel{latency, fetches, failures},
	}
	for _, c := range cols {
		page.Names = append(page.Names, c.Name)
	}
	return reportPage.Execute(w, page)
}

func percent(fraction float64) string { return fmt.Sprintf("%.0f %%", fraction*100) }
