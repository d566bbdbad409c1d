package batch

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// Counts are results by their outcome.
type Counts struct {
	OK       int
	Failed   int         // no answer, a status from 400, or an answer that could not be kept
	Statuses map[int]int // of those that failed; 0 is no answer
}

// Total returns the number of results.
func (c Counts) Total() int { return c.OK + c.Failed }

// add counts a result.
func (c *Counts) add(status int, faulty bool) {
	if !faulty && status < http.StatusBadRequest {
		c.OK++
		return
	}
	c.Failed++
	if c.Statuses == nil {
		c.Statuses = map[int]int{}
	}
	c.Statuses[status]++
}

// Failures says of what kind the failures are, the most frequent first.
func (c Counts) Failures() string {
	statuses := slices.SortedFunc(maps.Keys(c.Statuses), func(a, b int) int {
		if d := c.Statuses[b] - c.Statuses[a]; d != 0 {
			return d
		}
		return a - b
	})
	var parts []string
	for _, s := range statuses {
		what := "without an answer, or not sent"
		switch {
		case s >= http.StatusBadRequest:
			what = fmt.Sprintf("with %d", s)
		case s != 0:
			what = fmt.Sprintf("with %d whose body could not be kept", s)
		}
		parts = append(parts, fmt.Sprintf("%d %s", c.Statuses[s], what))
	}
	return strings.Join(parts, ", ")
}
